import { indexingCost, storageCost, sumOf } from '../lambda/costs.ts';

/** docs/scale.md, whose figures are made here of what the benchmarks measure. */

/** Each with the benchmark that measures it, on two cores of x64. */
const MEASURED = {
  /** `npm run bench -- lambda`: one core, 0.05 to 12 megapixels. */
  secondsAPicture: 0.1,
  memoryGb: 1769 / 1024,
  /** `npm run bench -- requests`: requests to Qdrant a picture, in runs of ten and of one. */
  requestsInATen: 0.3,
  requestsAlone: 3,
  /** `npm run bench -- qdrant`: milliseconds of an exact query among 100,000 points, and of one by the graph. */
  exactMsPer100k: 8,
  graphMs: 3.9,
  /** `npm run bench -- vectors`: the embedded store, exact, a million points; bytes a point in memory and on disk. */
  embeddedMsPerMillion: 18,
  embeddedMemory: 337,
  embeddedDisk: 900,
} as const;

/**
 * Bytes a point in Qdrant: 64 numbers of float32, their int8 copy, an HNSW graph with m = 16, payload, payload indexes.
 */
const BYTES = { vector: 256, int8: 64, graph: 140, payload: 1104, indexes: 2000 } as const;

/** A node that clouds rent, and how full it may be. */
const NODE = { memoryGb: 16, diskGb: 150, share: 0.8, replicas: 2 } as const;
const SHARDS_A_NODE = 2;
/** From so many points on Qdrant's graph answers (SIGHTLINE_QDRANT_EXACT_BELOW). */
const EXACT_BELOW = 300_000;
const PICTURE_BYTES = 300_000;
const PICTURES_A_MESSAGE = 10;
const CONCURRENCIES = [10, 100, 1000] as const;

/** What so many pictures need. Bytes in GB, times in seconds. */
function needsOf(pictures: number) {
  const gb = (bytes: number) => (pictures * bytes) / 1e9;
  const { vector, int8, graph, payload, indexes } = BYTES;
  const inMemory = gb(vector + graph);
  const withInt8 = gb(int8 + graph);
  const disk = gb(vector + int8 + graph + payload + indexes);
  // No two copies of a shard lie on one node.
  const nodes = Math.ceil(
    Math.max(
      NODE.replicas,
      (withInt8 * NODE.replicas) / (NODE.memoryGb * NODE.share),
      (disk * NODE.replicas) / (NODE.diskGb * NODE.share),
    ),
  );
  const work = { ...MEASURED, pictures, messages: pictures / PICTURES_A_MESSAGE, batch: 10 };
  return {
    inMemory,
    withInt8,
    disk,
    nodes,
    shards: nodes * SHARDS_A_NODE,
    exactMs: (pictures / 100_000) * MEASURED.exactMsPer100k,
    embeddedMs: (pictures / 1e6) * MEASURED.embeddedMsPerMillion,
    embeddedMemory: gb(MEASURED.embeddedMemory),
    embeddedDisk: gb(MEASURED.embeddedDisk),
    s3Gb: gb(PICTURE_BYTES),
    usd: sumOf(indexingCost(work)),
  };
}

/** The whole page docs/scale.md. */
export function scalePage(): string {
  const [small, large] = [needsOf(1e6), needsOf(1e8)];
  const row = (name: string, show: (needs: ReturnType<typeof needsOf>) => string, setting = '') =>
    `| ${name} | ${show(small)} | ${show(large)} | ${setting} |`;
  const size = (gb: number) => `${number(gb)} GB`;
  const rows = [
    row('vectors and graph in memory', ({ inMemory }) => size(inMemory), '`SIGHTLINE_QDRANT_M`'),
    row(
      'int8 copies and graph in memory, vectors on disk',
      ({ withInt8 }) => size(withInt8),
      '`SIGHTLINE_QDRANT_QUANTIZATION=int8`, `SIGHTLINE_QDRANT_ON_DISK=vectors`',
    ),
    row('disk, a copy', ({ disk }) => size(disk), '`SIGHTLINE_QDRANT_ON_DISK=all`'),
    row(
      `nodes of ${NODE.memoryGb} GB and ${NODE.diskGb} GB of SSD, ${NODE.replicas} replicas`,
      ({ nodes }) => String(nodes),
      '`SIGHTLINE_QDRANT_REPLICAS`',
    ),
    row('shards', ({ shards }) => String(shards), '`SIGHTLINE_QDRANT_SHARDS`'),
    row(
      'a query that looks at every vector, all in one shard',
      ({ exactMs }) => `${number(exactMs)} ms`,
      '`SIGHTLINE_QDRANT_EXACT_BELOW`',
    ),
    row('a query by the graph', () => `${MEASURED.graphMs} ms (100,000 points)`, '`SIGHTLINE_QDRANT_EF`'),
    row('pictures in S3, 300 kB each', ({ s3Gb }) => `${size(s3Gb)}, ${number(storageCost(s3Gb))} USD a month`),
    row('indexing all, once', ({ usd }) => `${number(usd)} USD`),
    row('on one machine, embedded: memory', ({ embeddedMemory }) => size(embeddedMemory)),
    row('on one machine, embedded: disk without pictures', ({ embeddedDisk }) => size(embeddedDisk)),
    row('on one machine, embedded: an exact query', ({ embeddedMs }) => `${number(embeddedMs)} ms`),
  ];
  return `# Scale

Made by \`npm run docs\` (\`scripts/docs/scale.ts\`) of what the benchmarks measure; do not edit. On paper:
nothing larger than a million vectors was run here, and no Qdrant larger than 100,000 points.
\`npm run bench -- qdrant --url URL\` and \`npm run bench -- lambda --url URL\` measure yours.

| | 1 million pictures | 100 million | moved by |
| --- | --- | --- | --- |
${rows.join('\n')}

## A backfill

\`npm run reindex -- s3://BUCKET\` announces pictures ten a message, ten messages a run: ${MEASURED.requestsInATen}
requests to Qdrant a picture (what is stored and which pictures have the same bytes, the write, what became of it and
whether its space is live, each for the ten that are at work together). A picture that comes alone takes
${MEASURED.requestsAlone}. How long all of it takes, with a \`--rate\` that is no smaller (without it, 500 pictures a
second are announced):

| functions at work | pictures a second | messages a second | requests to Qdrant a second | 1 million | 100 million |
| --- | --- | --- | --- | --- | --- |
${CONCURRENCIES.map(backfillRow).join('\n')}

## What breaks first

| at | what | which setting moves it |
| --- | --- | --- |
| ${EXACT_BELOW.toLocaleString('en')} points | an exact query on one shard takes ${number((EXACT_BELOW / 1e5) * MEASURED.exactMsPer100k)} ms | nothing to do: the graph answers from \`SIGHTLINE_QDRANT_EXACT_BELOW\` on |
| 10 functions | the limit of a new AWS account; ingest takes all of it and the API is throttled | ask AWS for more, or lower \`SIGHTLINE_INGEST_CONCURRENCY\` |
| what Qdrant's nodes write | \`IndexTime\` grows while functions wait, then messages come back | fewer \`SIGHTLINE_INGEST_CONCURRENCY\`; more nodes and \`SIGHTLINE_QDRANT_SHARDS\` |
| memory of the nodes | vectors and graph no longer fit, queries read from disk | \`SIGHTLINE_QDRANT_QUANTIZATION=int8\`, \`SIGHTLINE_QDRANT_ON_DISK\`, nodes |
| 1,000 functions | what SQS starts for one queue (\`SIGHTLINE_INGEST_CONCURRENCY\` ends there) | a second stage on other prefixes |
| 14 days | SQS keeps a message no longer | announce slower than is indexed: \`npm run reindex -- --rate\` |

Shards and replicas are chosen when a collection is made, by whatever makes it: set them for \`npm run reindex\`, too.
`;
}

function backfillRow(functions: number): string {
  const rate = functions / MEASURED.secondsAPicture;
  const cells = [functions, rate, rate / PICTURES_A_MESSAGE, rate * MEASURED.requestsInATen].map((value) =>
    value.toLocaleString('en'),
  );
  return `| ${[...cells, duration(1e6 / rate), duration(1e8 / rate)].join(' | ')} |`;
}

function number(value: number): string {
  return Number(value.toPrecision(2)).toLocaleString('en');
}

function duration(seconds: number): string {
  const [value, unit] =
    seconds < 7200
      ? [seconds / 60, 'minutes']
      : seconds < 48 * 3600
        ? [seconds / 3600, 'hours']
        : [seconds / 86_400, 'days'];
  return `${number(value)} ${unit}`;
}
