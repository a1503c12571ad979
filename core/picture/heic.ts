import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import type { Size } from './geometry.ts';
import { rejection } from './sharp.ts';

/**
 * Decodes HEIC (HEVC in HEIF) with libheif as WebAssembly. All of it is in this file, so that the package `libheif-js`
 * can be omitted: then HEIC is refused by name. It runs in a separate thread, which starts with the first picture and
 * ends when a picture takes too long or none arrives for a while, because WebAssembly never returns memory.
 */

/** Its WebAssembly is beside it. The package's main file contains both, as text that is a third longer. */
const LIBRARY = 'libheif-js/libheif-wasm/libheif.js';
/** A picture of 24 megapixels takes a few seconds. */
const PATIENCE_MS = 60_000;
const IDLE_MS = 30_000;

/** After a larger picture the thread ends. Pixels. */
const LARGE = 8_000_000;

/** Larger pictures are reduced before they leave WebAssembly: no model and no thumbnail needs more pixels. */
const MOST_PIXELS = 16_000_000;

/**
 * The thread's code, as text, because bundlers would need a second entry point. Returns the given `head` followed by
 * the primary picture, upright, as rows x columns x channels bytes, each the mean of `by` x `by`. The package's own
 * `display` would make two more copies of all pixels, in four channels.
 */
const THREAD = `
const { readFileSync } = require('node:fs');
const { parentPort, workerData } = require('node:worker_threads');
const library = require(workerData)({ wasmBinary: readFileSync(workerData.replace(/js$/, 'wasm')) });
function reduce({ data, stride }, out, { width, height, channels, by }) {
  let to = 0;
  for (let top = 0; top < height; top += by) {
    const bottom = Math.min(top + by, height);
    for (let left = 0; left < width; left += by) {
      const right = Math.min(left + by, width);
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (let y = top; y < bottom; y++) {
          for (let x = left; x < right; x++) sum += data[y * stride + x * channels + c];
        }
        out[to++] = Math.round(sum / ((bottom - top) * (right - left)));
      }
    }
  }
}
parentPort.on('message', async (task) => {
  try {
    await library.ready;
    const { bytes, head, width, height, channels, by } = task;
    const images = new library.HeifDecoder().decode(bytes);
    const image = images.find((one) => one.is_primary()) ?? images[0];
    if (image === undefined) throw new Error('there is no picture in it');
    const size = image.get_width() + ' x ' + image.get_height();
    if (size !== width + ' x ' + height) throw new Error('expected ' + width + ' x ' + height + ' pixels, got ' + size);
    const chroma = library.heif_chroma['heif_chroma_interleaved_' + (channels === 4 ? 'RGBA' : 'RGB')];
    const rgb = library.heif_colorspace.heif_colorspace_RGB;
    const decoded = await library.heif_js_decode_image2(image.handle, rgb, chroma);
    if (!decoded || decoded.code) throw new Error('its data is damaged');
    const plane = decoded.channels.find((one) => one.id === library.heif_channel.heif_channel_interleaved);
    const file = new Uint8Array(head.length + Math.ceil(width / by) * Math.ceil(height / by) * channels);
    file.set(head);
    reduce(plane, file.subarray(head.length), task);
    library.heif_image_release(decoded.image);
    for (const one of images) one.free();
    parentPort.postMessage({ file }, [file.buffer]);
  } catch (error) {
    parentPort.postMessage({ fault: String(error?.message ?? error) });
  }
});
`;

/** Whether the codec is AV1, which libvips can decode: its configuration is near the beginning. */
export function isAv1(bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 256 * 1024));
  return head.includes('av1C', 0, 'latin1') && !head.includes('hvcC', 0, 'latin1');
}

type Answer = { readonly file: Uint8Array } | { readonly fault: string };

interface Task extends Size {
  readonly bytes: Uint8Array;
  readonly head: Uint8Array;
  readonly channels: 3 | 4;
  /** Edge of the squares that are averaged into one pixel. */
  readonly by: number;
}

let thread: Worker | null = null;
let idle: NodeJS.Timeout | undefined;
let last: Promise<unknown> = Promise.resolve();

/**
 * Decodes the primary picture, one at a time, into a file that libvips can read: an uncompressed TIFF with the profile,
 * with a limited number of pixels.
 * @param size upright size from the header; a different one in the data is refused
 * @throws {unreadable-image} `unsupported-format` when the decoder is not installed, otherwise `corrupt`
 */
export function decodeHeic(
  bytes: Uint8Array,
  size: Size,
  { icc, hasAlpha }: { readonly icc?: Uint8Array; readonly hasAlpha?: boolean },
  { mostPixels = MOST_PIXELS, patienceMs = PATIENCE_MS } = {},
): Promise<Uint8Array> {
  const channels = hasAlpha ? 4 : 3;
  const by = Math.ceil(Math.sqrt((size.width * size.height) / mostPixels));
  const reduced = { width: Math.ceil(size.width / by), height: Math.ceil(size.height / by) };
  const result = last.then(async () => {
    const answer = await ask({ bytes, head: tiffHead(reduced, channels, icc), ...size, channels, by }, patienceMs);
    if ('file' in answer) return answer.file;
    throw rejection('corrupt', `image/heic that cannot be decoded: ${answer.fault}`);
  });
  last = result.catch(() => undefined);
  return result;
}

async function ask(task: Task, patienceMs: number): Promise<Answer> {
  clearTimeout(idle);
  const worker = openThread();
  worker.ref();
  const answer = await new Promise<Answer>((resolve) => {
    const settle = (found: Answer) => {
      clearTimeout(patience);
      worker.off('message', settle).off('error', fail).off('exit', exit);
      resolve(found);
    };
    const fail = (error: Error) => settle({ fault: error.message });
    const exit = () => settle({ fault: 'the decoder ended' });
    const patience = setTimeout(() => fail(new Error(`it takes longer than ${patienceMs / 1000} s`)), patienceMs);
    worker.on('message', settle).on('error', fail).on('exit', exit);
    worker.postMessage(task);
  });
  if ('fault' in answer || task.width * task.height > LARGE) await closeThread(worker);
  else {
    worker.unref();
    idle = setTimeout(() => void closeThread(worker), IDLE_MS).unref();
  }
  return answer;
}

function openThread(): Worker {
  if (thread !== null) return thread;
  let library: string;
  try {
    library = createRequire(import.meta.url).resolve(LIBRARY);
  } catch (error) {
    const advice = 'expected the package libheif-js for HEIC (npm install libheif-js), which was left out here';
    throw rejection('unsupported-format', advice, error);
  }
  // Hide libheif's output: its errors repeat it.
  thread = new Worker(THREAD, { eval: true, workerData: library, execArgv: [], stdout: true, stderr: true });
  thread.on('error', () => {});
  return thread;
}

/** Resolves when its memory is free; otherwise the next thread would add to it. */
async function closeThread(worker: Worker): Promise<void> {
  if (thread === worker) thread = null;
  await worker.terminate();
}

/** Everything before the pixels of an uncompressed 8-bit RGB TIFF, with transparency as an optional fourth channel. */
function tiffHead({ width, height }: Size, channels: 3 | 4, profile: Uint8Array = new Uint8Array(0)): Uint8Array {
  // Tags without values are omitted.
  const count = 9 + (channels - 3) + Math.min(profile.length, 1);
  const depths = 10 + count * 12 + 4;
  const colours = depths + 8;
  const pixels = colours + profile.length;
  const all: readonly (readonly [tag: number, type: number, count: number, value: number])[] = [
    [0x0100, 4, 1, width],
    [0x0101, 4, 1, height],
    [0x0102, 3, channels, depths],
    [0x0103, 3, 1, 1],
    [0x0106, 3, 1, 2],
    [0x0111, 4, 1, pixels],
    [0x0115, 3, 1, channels],
    [0x0116, 4, 1, height],
    [0x0117, 4, 1, width * height * channels],
    [0x0152, 3, channels - 3, 2],
    [0x8773, 7, profile.length, colours],
  ];
  const tags = all.filter(([, , values]) => values > 0);
  const head = Buffer.alloc(pixels);
  head.write('II*\0\b\0\0\0', 'latin1');
  head.writeUInt16LE(count, 8);
  for (const [i, [tag, type, values, value]] of tags.entries()) {
    head.writeUInt16LE(tag, 10 + i * 12);
    head.writeUInt16LE(type, 12 + i * 12);
    head.writeUInt32LE(values, 14 + i * 12);
    head.writeUInt32LE(value, 18 + i * 12);
  }
  for (let i = 0; i < 4; i++) head.writeUInt16LE(8, depths + i * 2);
  head.set(profile, colours);
  return head;
}
