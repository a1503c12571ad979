import { NOTHING_KNOWN } from '../../core/picture-fields.ts';
import type { Filter, Hit, ListQuery, Point, StoredPoint, VectorQuery, VectorStore } from '../../core/ports.ts';
import { wordsOf } from '../../core/search/lexical-terms.ts';
import type { CaptionPayload, ImagePayload, JointEmbedding, Page } from '../../core/types.ts';
import { cosine } from '../support/cosine.ts';

export { seededRandom } from '../support/random.ts';

/** Test points, and a reference store with a slow and obvious implementation. */

export const DIMENSION = 64;

export function unit(random: () => number, dimension = DIMENSION): JointEmbedding {
  const raw = Array.from({ length: dimension }, () => random() + random() + random() - 1.5);
  const length = Math.hypot(...raw);
  return Float32Array.from(raw, (x) => x / length) as JointEmbedding;
}

/** A version 5 UUID with `n` in its last digits, so that ids sort by n. */
export function uuid(n: number): string {
  return `00000000-0000-5000-8000-${n.toString(16).padStart(12, '0')}`;
}

export function image(overrides: Partial<ImagePayload> = {}): ImagePayload {
  return {
    kind: 'image',
    bucket: 'photos',
    key: 'a.jpg',
    etag: 'd41d8cd98f00b204e9800998ecf8427e',
    sha256: '0'.repeat(64),
    contentType: 'image/jpeg',
    bytes: 1000,
    width: 640,
    height: 480,
    ...NOTHING_KNOWN,
    tags: [],
    indexedAt: '2026-01-01T00:00:00.000Z',
    sequencer: '',
    ...overrides,
  };
}

export function caption(overrides: Partial<CaptionPayload> = {}): CaptionPayload {
  return {
    kind: 'caption',
    readBy: null,
    caption: 'a dog on the beach',
    tags: [],
    indexedAt: '2026-01-01T00:00:00.000Z',
    sequencer: '',
    ...overrides,
  };
}

const KEYS = [
  'holiday/',
  'holiday0',
  'Holiday/',
  'holi_day/',
  'holi%day/',
  'ferien/straße ',
  'ferien/strasse ',
  '写真/',
  '',
  '🏖/',
];
const TAGS = ['dog', 'Dog', 'beach', 'to do', '100%', 'été', '犬'];
const COLOURS = [[], ['red'], ['red', 'blue'], ['black', 'white', 'monochrome']];
const TYPES = ['image/jpeg', 'image/png', 'image/webp'];

/** Points of both kinds that differ in every field that can be filtered. */
export function randomPoints(random: () => number, count: number, first = 1): Point[] {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
  const day = () => new Date(Date.UTC(2026, 0, 1 + Math.floor(random() * 30))).toISOString();
  const localDay = () => day().replace('Z', pick(['', 'Z', '+09:00', '-08:00']));
  return Array.from({ length: count }, (_, i) => {
    const shared = {
      tags: TAGS.filter(() => random() < 0.25),
      indexedAt: day(),
      sequencer: '',
    };
    const payload =
      random() < 0.3
        ? caption({ ...shared, caption: `caption ${i}` })
        : image({
            ...shared,
            bucket: pick(['photos', 'Photos', 'archive']),
            key: `${pick(KEYS)}${i}.jpg`,
            sha256: Math.floor(random() * 20)
              .toString(16)
              .padStart(64, '0'),
            contentType: pick(TYPES),
            bytes: Math.floor(random() * 10),
            width: 1 + Math.floor(random() * 3),
            height: 1 + Math.floor(random() * 3),
            takenAt: random() < 0.5 ? localDay() : null,
            camera: pick([null, 'Canon EOS 5D', 'canon eos 5d', 'iPhone 12']),
            lens: pick([null, '24-70mm']),
            colours: COLOURS[i % COLOURS.length],
            metadataVersion: pick([0, 1, 2]),
          });
    return { id: uuid(first + i), vector: unit(random), payload };
  });
}

/** Filters for {@link randomPoints}: each field alone, its edge cases, and combinations. */
export const FILTERS: readonly Filter[] = [
  {},
  { kind: 'image' },
  { kind: 'caption' },
  { bucket: 'photos' },
  { bucket: 'nowhere' },
  { sha256: '7'.padStart(64, '0') },
  ...[...KEYS, 'holi', 'HOLIDAY/', 'holi%', 'holi_', 'ferien/stra', '写', '%', 'x'].map((keyPrefix) => ({ keyPrefix })),
  { tagsAll: ['dog'] },
  { tagsAll: ['dog', 'beach'] },
  { tagsAll: [] },
  { tagsAll: ['100%', 'nowhere'] },
  { tagsAny: ['Dog', '犬'] },
  { tagsAny: ['nowhere'] },
  { tagsAny: [] },
  { tagsAll: ['été'], tagsAny: ['dog', 'to do'] },
  { colours: ['red'] },
  { colours: ['blue', 'red'] },
  { colours: ['red', 'monochrome'] },
  { colours: ['monochrome'], tagsAny: ['dog'] },
  { contentTypes: ['image/png'] },
  { contentTypes: ['image/png', 'image/webp', 'text/plain'] },
  { contentTypes: [] },
  { orientation: 'landscape' },
  { orientation: 'portrait' },
  { orientation: 'square' },
  { minBytes: 5 },
  { maxBytes: 5 },
  { minBytes: 3, maxBytes: 3 },
  { minBytes: 4.5 },
  { minBytes: -0.5, maxBytes: 4.5 },
  { minBytes: 8, maxBytes: 2 },
  { takenAfter: '2026-01-10T00:00:00.000Z' },
  { takenBefore: '2026-01-10' },
  { takenAfter: '2026-01-05T01:00:00+01:00', takenBefore: '2026-01-08T00:00:00Z' },
  { takenAfter: '2026-01-03', takenBefore: '2026-01-03T23:59:59.999' },
  { month: '2026-01' },
  { month: '2025-12' },
  { month: '' },
  { dayOfYear: '01-05', kind: 'image' },
  { folder: 'holiday' },
  { folder: '写真' },
  { folder: '' },
  { folder: 'holi' },
  { camera: 'Canon EOS 5D' },
  { camera: 'iPhone 12', lens: '24-70mm' },
  { metadataBelow: 0 },
  { metadataBelow: 2 },
  { kind: 'caption', metadataBelow: 2 },
  { indexedAfter: '2026-01-20' },
  { indexedBefore: '2026-01-20T00:00:00.000Z' },
  { indexedAfter: '2026-01-12', indexedBefore: '2026-01-12' },
  { kind: 'image', tagsAny: ['dog', 'beach'], contentTypes: ['image/jpeg'], minBytes: 2, orientation: 'landscape' },
  { kind: 'caption', tagsAll: ['dog'] },
  ...['dog', 'ferien', 'strasse', 'stra*', 'ete', '写', '真', 'canon', '10*'].flatMap((word) => [
    { words: [word] },
    { exceptWords: [word] },
  ]),
  { words: ['nowhere'] },
  { words: ['holiday', 'jpg', 'do*'] },
  { words: ['jpg'], exceptWords: ['dog'], kind: 'image' },
  { exceptWords: ['jpg', 'dog'], tagsAny: ['beach'] },
  { kind: 'caption', minBytes: 0 },
];

const captionOf = (payload: Point['payload']) => (payload.kind === 'caption' ? payload.caption : '');

/** Reference implementation of filters: whether one point matches. */
export function matches({ payload }: Point, filter: Filter): boolean {
  const own = payload.kind === 'image' ? payload : null;
  const time = (iso: string) => new Date(iso).getTime();
  const clock = (iso: string | undefined) => iso?.replace(/(T[^Z+-]*).*/, '$1').concat(iso.includes('T') ? 'Z' : '');
  const within = (iso: string | null, after?: string, before?: string) =>
    (after === undefined || (iso !== null && time(iso) >= time(after))) &&
    (before === undefined || (iso !== null && time(iso) <= time(before)));
  const shape = own && (own.width > own.height ? 'landscape' : own.width < own.height ? 'portrait' : 'square');
  const isCalled = (word: string) => {
    const called = wordsOf([own?.key, own?.camera, ...payload.tags, captionOf(payload)].join(' '));
    return word.endsWith('*') ? called.some((whole) => whole.startsWith(word.slice(0, -1))) : called.includes(word);
  };
  return (
    (filter.words ?? []).every(isCalled) &&
    (filter.exceptWords === undefined || !filter.exceptWords.every(isCalled)) &&
    (filter.kind === undefined || payload.kind === filter.kind) &&
    (filter.bucket === undefined || own?.bucket === filter.bucket) &&
    (filter.keyPrefix === undefined || own?.key.startsWith(filter.keyPrefix) === true) &&
    (filter.sha256 === undefined || own?.sha256 === filter.sha256) &&
    (filter.tagsAll ?? []).every((tag) => payload.tags.includes(tag)) &&
    (filter.tagsAny === undefined || filter.tagsAny.some((tag) => payload.tags.includes(tag))) &&
    (filter.colours ?? []).every((one) => own?.colours.includes(one)) &&
    (filter.contentTypes === undefined || (own !== null && filter.contentTypes.includes(own.contentType))) &&
    (filter.orientation === undefined || shape === filter.orientation) &&
    (filter.minBytes === undefined || (own !== null && own.bytes >= filter.minBytes)) &&
    (filter.maxBytes === undefined || (own !== null && own.bytes <= filter.maxBytes)) &&
    within(clock(own?.takenAt ?? undefined) ?? null, clock(filter.takenAfter), clock(filter.takenBefore)) &&
    (filter.month === undefined || (own !== null && (own.takenAt ?? '').slice(0, 7) === filter.month)) &&
    (filter.dayOfYear === undefined || (own !== null && (own.takenAt ?? '').slice(5, 10) === filter.dayOfYear)) &&
    (filter.folder === undefined || own?.key.replace(/\/?[^/]*$/, '') === filter.folder) &&
    (filter.camera === undefined || own?.camera === filter.camera) &&
    (filter.lens === undefined || own?.lens === filter.lens) &&
    (filter.metadataBelow === undefined || (own !== null && own.metadataVersion < filter.metadataBelow)) &&
    within(payload.indexedAt, filter.indexedAfter, filter.indexedBefore)
  );
}

/** All matching points with their cosines, best first, ties by id. */
export function ranked(
  points: readonly Point[],
  vector: Float32Array,
  filter: Filter = {},
): { id: string; score: number }[] {
  return points
    .filter((point) => matches(point, filter))
    .map((point) => ({ id: point.id, score: cosine(point.vector, vector) }))
    .sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1));
}

/** All pages of a query, in order. */
export async function everyHit(store: VectorStore, query: Omit<VectorQuery, 'cursor'>): Promise<Hit[]> {
  return allPages((cursor) => store.query({ ...query, cursor }));
}

export async function everyPoint(
  store: VectorStore,
  order: ListQuery['order'],
  limit: number,
  filter: Filter = {},
): Promise<StoredPoint[]> {
  return allPages((cursor) => store.list({ filter, limit, order, cursor }));
}

/** Reads all pages of a list; gives up if it never ends. */
async function allPages<T>(page: (cursor: string | undefined) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  for (let pages = 0; pages < 10_000; pages++) {
    const answer = await page(cursor);
    items.push(...answer.items);
    cursor = answer.next;
    if (cursor === undefined) return items;
  }
  throw new Error('expected the pages to end, got 10,000 of them');
}
