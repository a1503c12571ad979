import { indexingCost, storageCost, sumOf } from '../../reindex/aws-costs.ts';

/** Computes docs/scale.md from benchmark results. */

/** Benchmark results on two x64 cores. */
const MEASURED = {
  /** `npm run bench -- lambda`: one core, 0.05 to 12 megapixels. */
  secondsAPicture: 0.1,
  memoryGb: 1769 / 1024,
  /** `npm run bench -- requests`: Qdrant requests per picture, in runs of ten and of one. */
  requestsInATen: 0.3,
  requestsAlone: 3,
  /** `npm run bench -- qdrant`: milliseconds of an exact and of a graph query among 100,000 points. */
  exactMsPer100k: 8,
  graphMs: 3.9,
  /** `npm run bench -- vectors`: embedded store, exact, a million points; bytes per point in memory and on disk. */
  embeddedMsPerMillion: 18,
  embeddedMemory: 337,
  embeddedDisk: 900,
} as const;

/**
 * Bytes per point in Qdrant. `npm run bench -- qdrant --url URL` prints them for a server, under the names in brackets.
 * These are of 100,000 points of that benchmark in Qdrant's engine, without a server (docs/decisions/0017-qdrant.md).
 */
const BYTES = {
  /** 64 float32 numbers [vectors]. */
  vector: 256,
  /** [int8 copies] */
  int8: 68,
  /** HNSW, m = 16 [graph]. */
  graph: 44,
  /** [ids] */
  ids: 40,
  /** On disk only [payload]. */
  payload: 657,
  /** [indexes] */
  indexesOnDisk: 1405,
  indexesInMemory: 1630,
} as const;
/** With prefixes as numbers, under the second heading of the benchmark. */
const HASHED = {
  disk: BYTES.vector + BYTES.int8 + BYTES.graph + BYTES.ids + 1438 + 2366,
  indexesInMemory: 3100,
} as const;

/** A typical cloud node, and how full it may get. */
const NODE = { memoryGb: 16, diskGb: 150, share: 0.8, replicas: 2 } as const;
const SHARDS_A_NODE = 2;
/** The default of SIGHTLINE_QDRANT_EXACT_BELOW. */
const EXACT_BELOW = 300_000;
const PICTURE_BYTES = 300_000;
const PICTURES_A_MESSAGE = 10;
const CONCURRENCIES = [10, 100, 1000] as const;

/** Sizes in GB, times in milliseconds. */
function needsOf(pictures: number) {
  const gb = (bytes: number) => (pictures * bytes) / 1e9;
  const { vector, int8, graph, ids, payload, indexesOnDisk, indexesInMemory } = BYTES;
  const inMemory = gb(vector + graph + ids);
  const withInt8 = gb(int8 + graph + ids);
  const disk = gb(vector + int8 + graph + ids + payload + indexesOnDisk);
  // Replicas of a shard are on different nodes.
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
    indexes: gb(indexesInMemory),
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

export function scalePage(): string {
  const [small, large] = [needsOf(1e6), needsOf(1e8)];
  const row = (name: string, show: (needs: ReturnType<typeof needsOf>) => string, setting = '') =>
    `| ${name} | ${show(small)} | ${show(large)} | ${setting} |`;
  const size = (gb: number) => `${number(gb)} GB`;
  const rows = [
    row('vectors, graph and ids in memory', ({ inMemory }) => size(inMemory), '`SIGHTLINE_QDRANT_M`'),
    row(
      'int8 copies, graph and ids in memory, vectors on disk',
      ({ withInt8 }) => size(withInt8),
      '`SIGHTLINE_QDRANT_QUANTIZATION=int8`, `SIGHTLINE_QDRANT_ON_DISK=vectors`',
    ),
    row('payload indexes in memory, or on disk', ({ indexes }) => size(indexes), '`SIGHTLINE_QDRANT_ON_DISK=all`'),
    row('disk per replica', ({ disk }) => size(disk)),
    row(
      `nodes of ${NODE.memoryGb} GB and ${NODE.diskGb} GB of SSD, ${NODE.replicas} replicas, int8, indexes on disk`,
      ({ nodes }) => String(nodes),
      '`SIGHTLINE_QDRANT_REPLICAS`',
    ),
    row('shards', ({ shards }) => String(shards), '`SIGHTLINE_QDRANT_SHARDS`'),
    row('an exact query, all in one shard', ({ exactMs }) => `${number(exactMs)} ms`, '`SIGHTLINE_QDRANT_EXACT_BELOW`'),
    row('a graph query', () => `${MEASURED.graphMs} ms (100,000 points)`, '`SIGHTLINE_QDRANT_EF`'),
    row('pictures in S3, 300 kB each', ({ s3Gb }) => `${size(s3Gb)}, ${number(storageCost(s3Gb))} USD a month`),
    row('indexing all of them once', ({ usd }) => `${number(usd)} USD`),
    row('embedded store on one machine: memory', ({ embeddedMemory }) => size(embeddedMemory)),
    row('embedded store on one machine: disk, without pictures', ({ embeddedDisk }) => size(embeddedDisk)),
    row('embedded store on one machine: an exact query', ({ embeddedMs }) => `${number(embeddedMs)} ms`),
  ];
  return `# Scale

Computed by \`npm run docs\` (\`scripts/development/docs/scale.ts\`) from benchmark results; do not edit. These are
estimates: nothing larger than a million vectors has been run, and no Qdrant larger than 100,000 points. To measure
yours, run \`npm run bench -- qdrant --url URL\` and \`npm run bench -- lambda --url URL\`.

| | 1 million pictures | 100 million | setting |
| --- | --- | --- | --- |
${rows.join('\n')}

## A backfill

\`npm run reindex -- s3://BUCKET\` queues ten pictures per message, and a function run takes ten messages. Qdrant gets
${MEASURED.requestsInATen} requests per picture that way (a look-up, a write and a check for each ten), and
${MEASURED.requestsAlone} for a picture that comes alone. This is how long a backfill takes if pictures are queued fast
enough (\`--rate\`; the default is 500 a second):

| functions | pictures a second | messages a second | requests to Qdrant a second | 1 million | 100 million |
| --- | --- | --- | --- | --- | --- |
${CONCURRENCIES.map(backfillRow).join('\n')}

## What breaks first

| at | what | remedy |
| --- | --- | --- |
| ${EXACT_BELOW.toLocaleString('en')} points | an exact query on one shard takes ${number((EXACT_BELOW / 1e5) * MEASURED.exactMsPer100k)} ms | none needed: the graph takes over (\`SIGHTLINE_QDRANT_EXACT_BELOW\`) |
| 10 functions | the limit of a new AWS account: ingest takes all of it and the API is throttled | ask AWS for more, or lower \`SIGHTLINE_INGEST_CONCURRENCY\` |
| the write speed of Qdrant | \`IndexTime\` grows while functions wait, then messages are retried | lower \`SIGHTLINE_INGEST_CONCURRENCY\`; more nodes and \`SIGHTLINE_QDRANT_SHARDS\` |
| the memory of the nodes | vectors and graph no longer fit, queries read from disk | \`SIGHTLINE_QDRANT_QUANTIZATION=int8\`, \`SIGHTLINE_QDRANT_ON_DISK\`, more nodes |
| 1,000 functions | the maximum that SQS starts for one queue | a second stage on other prefixes |
| 14 days | SQS drops older messages | queue more slowly: \`npm run reindex -- --rate\` |

Shards and replicas are fixed when a collection is made, so set them for \`npm run reindex\`, too. A collection made by
Qdrant before 1.19 has larger indexes of prefixes: a million pictures take ${number(HASHED.disk / 1000)} GB of disk and
${number(HASHED.indexesInMemory / 1000)} GB of payload indexes, until \`npm run reindex\` makes one for other models.
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
