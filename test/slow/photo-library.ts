import { mkdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

/** A folder like a library grown over ten years: all kinds of names, sidecars, broken files, copies and dates. */

/** Expected outcome of a file. */
export type Expected =
  /** Found, with this local date. `from` is the source of the date. */
  | { readonly is: 'picture'; readonly day: string; readonly from: string }
  /** Listed as a failure: it should have been a picture. */
  | { readonly is: 'failure' }
  /** Counted by reason and otherwise skipped. */
  | { readonly is: 'left-out' };

export interface Library {
  /**
   * Expected outcome by path below the root, with forward slashes; file names that are not valid text are not in it.
   */
  readonly files: ReadonlyMap<string, Expected>;
  /** Files whose names cannot be keys; they must be listed. */
  readonly unnameable: number;
}

const SAMPLES = [
  'cat',
  'coffee',
  'dahlia',
  'moon',
  'rocket',
  'sunset',
  'bridge-cables',
  'clock',
  'forest-stream',
  'dragonfly',
];
const DAY_MS = 86_400_000;
/** Names as cameras, phones, people and other systems choose them. `%d` is a number that makes them unique. */
const NAMES = [
  'IMG_%d.jpg',
  'DSC0%d.JPG',
  'Küche %d.jpg',
  'cafe\u0301 %d.jpeg',
  '写真 %d.jpg',
  "mum's birthday #%d (copy).jpg",
  '100%% %d+1.jpg',
  '☃ %d.jpg',
  '_ %d .jpg',
  `${'very long name '.repeat(12)}%d.jpg`,
];
const FOLDERS = [
  '2019/Italien',
  'Camera Uploads',
  '2021/2021-08 Sommer/Tag 1',
  'a/b/c/d/e/f/g/h',
  'WhatsApp Images',
  'scans & slides',
];

/**
 * Creates `count` files below `root`. The same count gives the same library.
 * @param count at least 200
 */
export async function makePhotoLibrary(root: string, count: number): Promise<Library> {
  const files = new Map<string, Expected>();
  const bodies = await makeBodies();
  const write = async (path: string, bytes: Uint8Array | string, expected: Expected, at?: Date) => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), bytes);
    if (at !== undefined) await utimes(join(root, path), at, at);
    files.set(path, expected);
  };
  const unnameable = await addOddities(root, bodies[0]!, write);
  for (let i = 0; files.size + unnameable < count; i++) {
    const folder = FOLDERS[i % FOLDERS.length]!;
    const name = NAMES[i % NAMES.length]!.replace('%d', String(i)).replaceAll('%%', '%');
    await addPicture(`${folder}/${Math.floor(i / 600)}/${name}`, i, bodies[i % bodies.length]!, write);
  }
  return { files, unnameable };
}

type Write = (path: string, bytes: Uint8Array | string, expected: Expected, at?: Date) => Promise<void>;

/** Small pictures of different sizes; each file gets unique bytes later. */
async function makeBodies(): Promise<Buffer[]> {
  return Promise.all(
    SAMPLES.flatMap((name) =>
      [
        [160, 120],
        [120, 160],
        [128, 128],
      ].map(([width, height]) =>
        sharp(fileURLToPath(new URL(`../../examples/photos/${name}.jpg`, import.meta.url)))
          .resize(width, height)
          .jpeg({ quality: 70 })
          .toBuffer(),
      ),
    ),
  );
}

/** One picture with its date stored in one of the usual ways, and its sidecar. */
async function addPicture(path: string, i: number, body: Buffer, write: Write): Promise<void> {
  const day = new Date(Date.UTC(2012, 0, 1) + (i % 4000) * DAY_MS).toISOString().slice(0, 10);
  const fileTime = new Date(`${day}T10:00:00Z`);
  const other = new Date('2023-05-05T10:00:00Z');
  const colons = day.replaceAll('-', ':');
  const unique = insertSegment(body, 0xfe, Buffer.from(`picture ${i}`));
  const picture = (from: string) => ({ is: 'picture', day, from }) as const;
  const ways: (() => Promise<void>)[] = [
    () => write(path, insertSegment(unique, 0xe1, exif(`${colons} 00:30:00`, '+09:00')), picture('exif'), other),
    () => write(path, insertSegment(unique, 0xe1, exif(`${colons} 23:30:00`, '-08:00')), picture('exif'), other),
    () => write(path, insertSegment(unique, 0xe1, exif(`${colons} 12:00:00`, null)), picture('exif'), other),
    () => write(path, insertSegment(unique, 0xe1, xmp(`${day}T12:00:00`)), picture('xmp'), other),
    async () => {
      await write(`${path}.xmp`, xmpDocument(`${day}T12:00:00`), { is: 'left-out' });
      await write(path, unique, picture('sidecar'), other);
    },
    async () => {
      const seconds = String(Date.parse(`${day}T12:00:00Z`) / 1000);
      await write(`${path}.json`, JSON.stringify({ photoTakenTime: { timestamp: seconds } }), { is: 'left-out' });
      await write(path, unique, picture('sidecar'), other);
    },
    () =>
      write(path.replace(/[^/]+$/, `IMG_${day.replaceAll('-', '')}_120000_${i}.jpg`), unique, picture('name'), other),
    () => write(path, unique, picture('file'), fileTime),
    // The same bytes as another picture, whose date must not be copied.
    () => write(path, insertSegment(body, 0xfe, Buffer.from('a copy')), picture('file'), fileTime),
  ];
  await ways[i % ways.length]!();
}

/** Adds non-pictures, broken files, and names that cannot be keys; returns the number of the last. */
async function addOddities(root: string, body: Buffer, write: Write): Promise<number> {
  const leftOut = { is: 'left-out' } as const;
  for (const name of [
    'Thumbs.db',
    'desktop.ini',
    '.DS_Store',
    'movie.mp4',
    'IMG_1.AAE',
    'clip.MOV',
    'catalog.sqlite',
    'notes.txt',
    'letter.docx',
    'README',
  ]) {
    await write(`2019/${name}`, 'x', leftOut);
  }
  const folders = ['@eaDir/cat.jpg', '#recycle', '$RECYCLE.BIN/S-1-5-21', '.thumbnails', '.hidden', 'lost+found'];
  for (const [i, folder] of folders.entries()) {
    await write(`${folder}/inside.jpg`, insertSegment(body, 0xfe, Buffer.from(`system ${i}`)), leftOut);
  }
  await write('.sightlineignore', 'private/\n*.tmp.jpg\n', leftOut);
  await write('private/secret.jpg', insertSegment(body, 0xfe, Buffer.from('private')), leftOut);
  await write('2019/x.tmp.jpg', insertSegment(body, 0xfe, Buffer.from('temporary')), leftOut);

  const failure = { is: 'failure' } as const;
  await write('broken/empty.jpg', '', failure);
  await write('broken/text.jpg', 'this is no picture', failure);
  await write('broken/half.jpg', body.subarray(0, body.length / 2), failure);
  await write('broken/page.png', '<html></html>', failure);

  const odd = ['café.jpg'.normalize('NFC'), 'a\nb.jpg', 'a\tb.jpg', 'a\\b.jpg'].map((name, i) =>
    Buffer.from(name, i === 0 ? 'latin1' : 'utf8'),
  );
  await mkdir(join(root, 'odd'), { recursive: true });
  for (const [i, name] of odd.entries()) {
    const bytes = insertSegment(body, 0xfe, Buffer.from(`odd ${i}`));
    await writeFile(Buffer.concat([Buffer.from(join(root, 'odd/')), name]), bytes);
  }
  // A symlink loop, and one that leads out of the folder.
  await symlink('..', join(root, 'odd', 'loop'));
  await symlink('/usr', join(root, 'odd', 'elsewhere'));
  return odd.length + 2;
}

/** The JPEG with one more segment after its start. */
function insertSegment(jpeg: Buffer, marker: number, content: Buffer): Buffer {
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(content.length + 2, 2);
  return Buffer.concat([jpeg.subarray(0, 2), head, content, jpeg.subarray(2)]);
}

/** An EXIF block with DateTimeOriginal and optionally OffsetTimeOriginal (CIPA DC-008, 4.6.5). */
function exif(date: string, offset: string | null): Buffer {
  const values = [
    { tag: 0x9003, text: `${date}\0` },
    ...(offset === null ? [] : [{ tag: 0x9011, text: `${offset}\0` }]),
  ];
  const directory = 8 + 2 + 12 + 4;
  const data = directory + 2 + 12 * values.length + 4;
  const tiff = Buffer.alloc(data + values.reduce((sum, { text }) => sum + text.length, 0));
  tiff.write('MM\0*', 0, 'latin1');
  tiff.writeUInt32BE(8, 4);
  tiff.writeUInt16BE(1, 8);
  tiff.writeUInt16BE(0x8769, 10);
  tiff.writeUInt16BE(4, 12);
  tiff.writeUInt32BE(1, 14);
  tiff.writeUInt32BE(directory, 18);
  tiff.writeUInt16BE(values.length, directory);
  let at = data;
  for (const [i, { tag, text }] of values.entries()) {
    const entry = directory + 2 + 12 * i;
    tiff.writeUInt16BE(tag, entry);
    tiff.writeUInt16BE(2, entry + 2);
    tiff.writeUInt32BE(text.length, entry + 4);
    tiff.writeUInt32BE(at, entry + 8);
    at += tiff.write(text, at, 'latin1');
  }
  return Buffer.concat([Buffer.from('Exif\0\0'), tiff]);
}

function xmpDocument(date: string): string {
  return (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">' +
    '<rdf:Description rdf:about="" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" ' +
    `photoshop:DateCreated="${date}"/></rdf:RDF></x:xmpmeta>`
  );
}

function xmp(date: string): Buffer {
  return Buffer.from(`http://ns.adobe.com/xap/1.0/\0${xmpDocument(date)}`);
}
