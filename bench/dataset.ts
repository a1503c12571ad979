// npm run bench -- dataset        node bench/dataset.ts [PICTURES]
// Prepares a data set from a zip in the layout of nlphuji/flickr30k, at a tenth of its size and at full size: pictures
// per second and peak memory. Memory must not grow with the archive. The full size, 31,014 pictures of 140 kB, needs 9
// GB of disk.
import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { ZipFile } from 'yazl';
import { tempFolder } from '../test/support/temp-folder.ts';

const DEFAULT_PICTURES = 3000;
const command = fileURLToPath(new URL('../scripts/sightline.ts', import.meta.url));

export async function run(pictures = DEFAULT_PICTURES): Promise<void> {
  const root = tempFolder();
  const rows = [];
  for (const count of [Math.round(pictures / 10), pictures]) rows.push(await measure(join(root, `${count}`), count));
  console.table(rows);
  const [small, large] = rows as [Row, Row];
  console.log(`memory at ten times the size: ${(large['peak MB'] / small['peak MB']).toFixed(2)} x`);
}

interface Row {
  readonly pictures: number;
  readonly 'zip GB': number;
  readonly seconds: number;
  readonly 'pictures/s': number;
  readonly 'peak MB': number;
}

async function measure(folder: string, pictures: number): Promise<Row> {
  const source = join(folder, 'source');
  await mkdir(source, { recursive: true });
  await writeSource(source, pictures);
  // Peak resident memory of this process, which the command reports when it ends.
  const report = `process.on('exit', () => console.error(process.resourceUsage().maxRSS))`;
  const watch = `data:text/javascript,${encodeURIComponent(report)}`;
  const args = [
    'dataset',
    'prepare',
    '--from',
    source,
    '--to',
    join(folder, 'to'),
    '--data',
    join(folder, 'data'),
    '--json',
  ];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--import', watch, command, ...args], {
    maxBuffer: 1e8,
  });
  const prepared = JSON.parse(stdout) as { pictures: number; seconds: number };
  if (prepared.pictures !== pictures) throw new Error(`expected ${pictures} pictures, got ${prepared.pictures}`);
  const kilobytes = Number(stderr.trim().split('\n').at(-1));
  const { size } = await stat(join(source, 'flickr30k-images.zip'));
  await rm(folder, { recursive: true });
  return {
    pictures,
    'zip GB': Math.round(size / 1e7) / 100,
    seconds: prepared.seconds,
    'pictures/s': Math.round(pictures / prepared.seconds),
    'peak MB': Math.round(kilobytes / 1024),
  };
}

/** Photos of noise as large as Flickr30k's; a comment in the header makes each file unique. */
async function writeSource(folder: string, pictures: number): Promise<void> {
  const noise = { type: 'gaussian', mean: 128, sigma: 20 } as const;
  const image = sharp({ create: { width: 500, height: 375, channels: 3, background: '#888', noise } });
  const photo = await image.jpeg({ quality: 90 }).toBuffer();
  const zip = new ZipFile();
  const written = pipeline(zip.outputStream, createWriteStream(join(folder, 'flickr30k-images.zip')));
  let csv = 'raw,sentids,split,filename,img_id\n';
  for (let n = 0; n < pictures; n++) {
    const name = `${1_000_000 + n}.jpg`;
    const raw = Array.from({ length: 5 }, (_, i) => `A photo of noise, number ${n}, seen for the ${i}th time .`);
    const split = n % 31 === 0 ? 'val' : n % 31 === 1 ? 'test' : 'train';
    csv += `"${JSON.stringify(raw).replaceAll('"', '""')}","[0]",${split},${name},${n}\n`;
    const comment = Buffer.alloc(12);
    comment.writeUInt32BE(0xfffe000a, 0);
    comment.writeDoubleBE(n, 4);
    const bytes = () => Buffer.concat([photo.subarray(0, 2), comment, photo.subarray(2)]);
    zip.addReadStreamLazy(`flickr30k-images/${name}`, { compress: false }, (give) =>
      give(null, Readable.from([bytes()])),
    );
  }
  zip.end();
  await written;
  await writeFile(join(folder, 'flickr_annotations_30k.csv'), csv);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await run(Number(process.argv[2] ?? DEFAULT_PICTURES));
