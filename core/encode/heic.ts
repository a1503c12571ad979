import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import type { Size } from './geometry.ts';
import { rejection } from './sharp.ts';

/**
 * HEIC (HEVC in HEIF), decoded by libheif as WebAssembly. Everything about it is here, so that the package `libheif-js`
 * can be left out: then HEIC is refused by its name. It runs in a thread of its own, which is loaded when the first
 * picture comes, ended when one takes too long, and ended when none came for a while, because WebAssembly gives no
 * memory back.
 */

/** The package, which brings the WebAssembly within its JavaScript. */
const LIBRARY = 'libheif-js/wasm-bundle';
/** A picture of 24 megapixels takes a few seconds. */
const PATIENCE_MS = 60_000;
const IDLE_MS = 30_000;

/** Above this the thread ends after a picture. Pixels. */
const LARGE = 8_000_000;

/**
 * What the thread runs: text, because bundlers would need to be told of a second entry. Answers what it was given as
 * `head` with the primary picture behind it, upright, in height x width x 4 bytes.
 */
const THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
const library = require(workerData);
parentPort.on('message', async ({ bytes, head, width, height }) => {
  try {
    await library.ready;
    const images = new library.HeifDecoder().decode(bytes);
    const image = images.find((one) => one.is_primary()) ?? images[0];
    if (image === undefined) throw new Error('there is no picture in it');
    const size = image.get_width() + ' x ' + image.get_height();
    if (size !== width + ' x ' + height) throw new Error('expected ' + width + ' x ' + height + ' pixels, got ' + size);
    const file = new Uint8Array(head.length + width * height * 4);
    file.set(head);
    const data = file.subarray(head.length);
    await new Promise((resolve, reject) =>
      image.display({ data, width, height }, (shown) => (shown ? resolve() : reject(new Error('its data is damaged')))),
    );
    for (const one of images) one.free();
    parentPort.postMessage({ file }, [file.buffer]);
  } catch (error) {
    parentPort.postMessage({ fault: String(error?.message ?? error) });
  }
});
`;

/** Whether the codec inside is AV1, which libvips decodes by itself: its configuration lies near the beginning. */
export function isAv1(bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 256 * 1024));
  return head.includes('av1C', 0, 'latin1') && !head.includes('hvcC', 0, 'latin1');
}

type Answer = { readonly file: Uint8Array } | { readonly fault: string };

interface Task extends Size {
  readonly bytes: Uint8Array;
  readonly head: Uint8Array;
}

let thread: Worker | null = null;
let idle: NodeJS.Timeout | undefined;
let last: Promise<unknown> = Promise.resolve();

/**
 * Decodes the primary picture, one at a time, to a file that libvips reads: an uncompressed TIFF with the profile.
 * @param size as its header says, upright; another one in the data is refused
 * @throws {unreadable-image} `unsupported-format` where the decoder was left out, else `corrupt`
 */
export function decodeHeic(bytes: Uint8Array, size: Size, profile: Uint8Array | undefined): Promise<Uint8Array> {
  const result = last.then(async () => {
    const answer = await ask({ bytes, head: tiffHead(size, profile), ...size });
    if ('file' in answer) return answer.file;
    throw rejection('corrupt', `image/heic that cannot be decoded: ${answer.fault}`);
  });
  last = result.catch(() => undefined);
  return result;
}

async function ask(task: Task): Promise<Answer> {
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
    const patience = setTimeout(() => fail(new Error(`it takes longer than ${PATIENCE_MS / 1000} s`)), PATIENCE_MS);
    worker.on('message', settle).on('error', fail).on('exit', exit);
    worker.postMessage(task);
  });
  worker.unref();
  if ('fault' in answer || task.width * task.height > LARGE) closeThread(worker);
  else idle = setTimeout(() => closeThread(worker), IDLE_MS).unref();
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
  // What libheif prints is said again in its faults.
  thread = new Worker(THREAD, { eval: true, workerData: library, execArgv: [], stdout: true, stderr: true });
  thread.on('error', () => {});
  return thread;
}

function closeThread(worker: Worker): void {
  if (thread === worker) thread = null;
  void worker.terminate();
}

/** All of an uncompressed TIFF of 8-bit RGB with transparency but its pixels, which follow. */
function tiffHead({ width, height }: Size, profile: Uint8Array = new Uint8Array(0)): Uint8Array {
  const count = profile.length > 0 ? 11 : 10;
  const depths = 10 + count * 12 + 4;
  const colours = depths + 8;
  const pixels = colours + profile.length;
  const tags: readonly (readonly [tag: number, type: number, count: number, value: number])[] = [
    [0x0100, 4, 1, width],
    [0x0101, 4, 1, height],
    [0x0102, 3, 4, depths],
    [0x0103, 3, 1, 1],
    [0x0106, 3, 1, 2],
    [0x0111, 4, 1, pixels],
    [0x0115, 3, 1, 4],
    [0x0116, 4, 1, height],
    [0x0117, 4, 1, width * height * 4],
    [0x0152, 3, 1, 2],
    [0x8773, 7, profile.length, colours],
  ];
  const head = Buffer.alloc(pixels);
  head.write('II*\0\b\0\0\0', 'latin1');
  head.writeUInt16LE(count, 8);
  for (const [i, [tag, type, values, value]] of tags.slice(0, count).entries()) {
    head.writeUInt16LE(tag, 10 + i * 12);
    head.writeUInt16LE(type, 12 + i * 12);
    head.writeUInt32LE(values, 14 + i * 12);
    head.writeUInt32LE(value, 18 + i * 12);
  }
  for (let i = 0; i < 4; i++) head.writeUInt16LE(8, depths + i * 2);
  head.set(profile, colours);
  return head;
}
