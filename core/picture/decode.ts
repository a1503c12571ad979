import { availableParallelism } from 'node:os';
import PQueue from 'p-queue';
import type { PictureInfo } from '../ports.ts';
import { CONTENT_TYPES } from './format.ts';
import { type Kernel, type Plan, planCrop, type Size, storedRect, turnSize, turnUpright } from './geometry.ts';
import { type DecodeLimits, type Header, readHeader } from './header.ts';
import { decodeHeic, isAv1 } from './heic.ts';
import { coloursOf } from './main-colours.ts';
import { perceptualHash } from './perceptual-hash.ts';
import type { RgbPixels } from './preprocess.ts';
import type { Preprocessing } from './preprocessor-config.ts';
import { openPicture, rejection, type Sharp, type Source, translateFault } from './sharp.ts';
import { needsScaling, scaleSamples } from './tiff-samples.ts';
import { enlarge } from './upsample.ts';

export type { DecodeLimits };

/** Turns the bytes of a picture into the pixels that a model sees, with its metadata, or into a thumbnail. */

/** Pictures up to this size are decoded as soon as a core is free for them. */
const LIGHT_FRAME_BYTES = 16 * 1024 ** 2;
/**
 * One a core: with the four of libuv's pool on two cores, decoding ran ahead and left the model a third of a core
 * (docs/decisions/0018-threads.md).
 */
const light = new PQueue({ concurrency: availableParallelism() });
/** Memory shared by all larger ones; a picture that needs more runs alone. */
const SHARED_FRAME_BYTES = 96 * 1024 ** 2;
/** Maximum frames of an animation searched for a visible one. */
const LOOKED_AT_FRAMES = 16;
/** Minimum mean of the alpha channel, of 255, for a frame to count as visible. */
const VISIBLE = 2.55;

/**
 * Decodes a picture and cuts out what the model sees: with EXIF orientation applied, transparency over white, the first
 * visible frame of an animation, the camera's JPEG of a raw file, and any colour space as 8-bit RGB. Colour profiles
 * are ignored, as in the models' training. Resizing uses all pixels of the file, not a reduced JPEG decode, which would
 * shift small pictures.
 *
 * @throws {unreadable-image} with an {@link ImageRejection} in `details.reason`
 * @throws {too-large}
 */
export async function decodeImage(
  bytes: Uint8Array,
  preprocessing: Preprocessing,
  limits: DecodeLimits,
): Promise<{ pixels: RgbPixels; picture: PictureInfo }> {
  const header = await readHeader(bytes, limits);
  const pixels = await inTurn(header.frameBytes, async () =>
    decodeCrop({ ...header, source: await findSource(header, limits) }, preprocessing, limits),
  );
  const seen = { perceptualHash: perceptualHash(pixels), colours: coloursOf(pixels) };
  return { pixels, picture: { ...header.picture, ...seen } };
}

export interface Thumbnail extends Size {
  readonly bytes: Uint8Array;
  readonly contentType: string;
}

/**
 * A small version of a picture as WebP: upright, at most `maxEdge` pixels along its longer edge and never enlarged,
 * colours converted to sRGB, without metadata.
 * @throws {unreadable-image} with an {@link ImageRejection} in `details.reason`
 * @throws {too-large}
 */
export async function thumbnail(
  bytes: Uint8Array,
  maxEdge: number,
  options: {
    limits: DecodeLimits;
    /** Quality of WebP, 1 to 100. @default 78 */
    quality?: number;
  },
): Promise<Thumbnail> {
  const { limits, quality = 78 } = options;
  const header = await readHeader(bytes, limits);
  const { data, info } = await inTurn(header.frameBytes, async () => {
    const small = turned(header, openPicture(await findSource(header, limits), limits))
      .resize({ width: maxEdge, height: maxEdge, fit: 'inside', withoutEnlargement: true })
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb');
    return finish(header, small.webp({ quality, effort: 3 }));
  });
  return { bytes: data, contentType: CONTENT_TYPES.webp, width: info.width, height: info.height };
}

/** Bytes needed by the larger pictures being decoded; others wait in order of arrival. */
let sharedBytes = 0;
const waiting: { readonly frameBytes: number; readonly begin: () => void }[] = [];

/** Runs `work` as soon as there is a core for it if it is light, otherwise as soon as there is room. */
async function inTurn<T>(frameBytes: number, work: () => Promise<T>): Promise<T> {
  if (frameBytes <= LIGHT_FRAME_BYTES) return light.add(work);
  await new Promise<void>((begin) => {
    waiting.push({ frameBytes, begin });
    beginNext();
  });
  try {
    return await work();
  } finally {
    sharedBytes -= frameBytes;
    beginNext();
  }
}

function beginNext(): void {
  for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
    if (sharedBytes > 0 && sharedBytes + next.frameBytes > SHARED_FRAME_BYTES) return;
    waiting.shift();
    sharedBytes += next.frameBytes;
    next.begin();
  }
}

/**
 * The actual source to decode: the first visible frame of an animation, or 8-bit pixels for samples that libvips would
 * clip.
 * @throws {truncated} when the file ends early and pixels are missing
 */
async function findSource(header: Header, limits: DecodeLimits): Promise<Source> {
  const { source, metadata, unfinished } = header;
  if (unfinished) await checkComplete(header, limits);
  if (header.format === 'tiff' && needsScaling(metadata)) {
    return { bytes: await translated(header, scaleSamples(source, metadata, limits.maxPixels)), pixels: header.stored };
  }
  if (header.format === 'heic' && !isAv1(source.bytes)) {
    return { bytes: await decodeHeic(source.bytes, header.stored, metadata) };
  }
  const frames = metadata.hasAlpha ? Math.min(metadata.pages ?? 1, LOOKED_AT_FRAMES) : 1;
  for (let frame = 0; frames > 1 && frame < frames; frame++) {
    const { channels } = await translated(header, openPicture({ ...source, frame }, limits).stats());
    if (channels.at(-1)!.mean >= VISIBLE) return { ...source, frame };
  }
  return source;
}

/**
 * Decodes all of a file with a repaired end, to see whether pixels are missing: libvips reads no further than needed.
 */
async function checkComplete(header: Header, limits: DecodeLimits): Promise<void> {
  try {
    if (header.format !== 'jpeg' && header.format !== 'png') throw new Error('premature end');
    // Reduced only on output: if reduced first, libvips would not read the last rows.
    await openPicture(header.source, { ...limits, strict: true })
      .jpeg({ quality: 1 })
      .toBuffer();
  } catch (error) {
    throw rejection('truncated', 'the file ends before the picture does', error);
  }
}

/** Turned upright, by the orientation in the picture or in the raw file around it. */
function turned({ orientation, metadata }: Header, pipeline: Sharp): Sharp {
  if (orientation === (metadata.orientation ?? 1)) return pipeline.autoOrient();
  return pipeline.rotate(({ 3: 180, 6: 90, 8: 270 } as Readonly<Record<number, number>>)[orientation] ?? 0);
}

/**
 * Crops in the stored orientation and turns afterwards: turning a whole picture first would need all of it in memory
 * and take seven times as long at 12 megapixels. Resize and centre crop give the same result either way.
 */
async function decodeCrop(header: Header, preprocessing: Preprocessing, limits: DecodeLimits): Promise<RgbPixels> {
  const { orientation, stored: size } = header;
  const { kernel } = preprocessing.resize;
  const plan = planCrop(turnSize(size, orientation), preprocessing);
  const window = await decodeWindow(header, plan, kernel, limits);
  const upright = turnUpright(window, turnSize(plan.window, orientation), orientation);
  const { data, size: made } = enlarge(upright, plan.window, plan.enlarge, kernel);
  return { data, ...made };
}

/** Reduces the picture as planned and cuts out the window, as RGB in the stored orientation. */
async function decodeWindow(header: Header, plan: Plan, kernel: Kernel, limits: DecodeLimits): Promise<Uint8Array> {
  const { source, cmyk, orientation } = header;
  const reduced = turnSize(plan.reduced, orientation);
  let pipeline = openPicture(source, { ...limits, ignoreIcc: true });
  // libvips would convert CMYK through a profile; models were trained with the simple formula, which needs the four
  // inks.
  if (cmyk) pipeline = pipeline.pipelineColourspace('cmyk');
  pipeline = pipeline
    .flatten({ background: '#ffffff' })
    .resize({
      ...reduced,
      fit: 'fill',
      kernel: kernel === 'bicubic' ? 'cubic' : 'linear',
      fastShrinkOnLoad: false,
    })
    .extract(storedRect(plan.window, reduced, orientation))
    .toColourspace(cmyk ? 'cmyk' : 'srgb')
    .raw({ depth: 'uchar' });
  const { data, info } = await finish(header, pipeline);
  if (cmyk) return inksToRgb(data, info.channels);
  if (info.channels !== 3) throw new Error(`expected sharp to answer with 3 channels, got ${info.channels}`);
  return data;
}

/** Conversion without a profile, as in Pillow: each colour is the light that its ink and black leave over. */
function inksToRgb(inks: Uint8Array, channels: number): Uint8Array {
  const rgb = new Uint8Array((inks.length / channels) * 3);
  for (let from = 0, to = 0; from < inks.length; from += channels, to += 3) {
    const light = 255 - inks[from + 3]!;
    for (let c = 0; c < 3; c++) rgb[to + c] = Math.round(((255 - inks[from + c]!) * light) / 255);
  }
  return rgb;
}

function finish(header: Header, pipeline: Sharp): ReturnType<typeof toBuffer> {
  return translated(header, toBuffer(pipeline));
}

function toBuffer(pipeline: Sharp) {
  return pipeline.toBuffer({ resolveWithObject: true });
}

async function translated<T>({ format, unfinished }: Header, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw translateFault(error, CONTENT_TYPES[format], unfinished);
  }
}
