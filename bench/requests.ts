// npm run bench -- requests
// The built ingest function's requests to Qdrant and S3 per picture, and pictures per second on one core with a slow
// Qdrant: pictures one by one, ten per run, and ten per run that are already stored under other names.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Cloud, startCloud } from '../test/functions/lambda/cloud.ts';
import { message, s3Body } from '../test/functions/lambda/events.ts';
import { buildFunctions, type LambdaFunction, startFunction } from '../test/functions/lambda/function.ts';
import { startFakeQdrant } from '../test/support/fake-qdrant.ts';
import { commented } from './lambda.ts';

const photo = fileURLToPath(new URL('../examples/photos/cat.jpg', import.meta.url));
/** Qdrant's latency in milliseconds. */
const STORE_MS = 20;
/** The first is a warm-up and not counted. */
const RUNS = 10;

export async function run(): Promise<void> {
  const build = await buildFunctions();
  const cloud = await startCloud();
  const qdrant = await startFakeQdrant({ delayMs: STORE_MS });
  let ingest: LambdaFunction | undefined;
  try {
    const QdrantUrl = JSON.stringify({ type: 'sst.sst.Secret', value: qdrant.url });
    const env = { ...cloud.env, SIGHTLINE_DATA: '', SST_RESOURCE_QdrantUrl: QdrantUrl, LOG_LEVEL: 'error' };
    ingest = await startFunction(join(build.out, 'ingest'), 'functions/ingest.handler', env, { core: 0 });
    const counts = { qdrant: () => qdrant.calls.length, s3: () => cloud.s3.requests.map(kindOf) };
    for (const run of [{ batch: 1 }, { batch: 10 }, { batch: 10, copies: true }]) {
      console.log(await measure(ingest, cloud, run, counts));
    }
  } finally {
    await ingest?.kill();
    await Promise.all([qdrant.stop(), cloud.stop(), build.remove()]);
  }
}

async function measure(
  ingest: LambdaFunction,
  cloud: Cloud,
  { batch, copies = false }: { readonly batch: number; readonly copies?: boolean },
  counts: { qdrant(): number; s3(): string[] },
): Promise<string> {
  let [busyMs, asked] = [0, 0];
  const s3: Record<string, number> = {};
  for (let i = 0; i < RUNS; i++) {
    const names = Array.from({ length: batch }, (_, j) => `${batch}/${i}/IMG_${j}.jpg`);
    const keys = names.map((name) => `${copies ? 'copies' : 'requests'}/${name}`);
    for (const [j, key] of keys.entries()) {
      await cloud.pictures.put(key, commented(await readFile(photo), names[j]!));
    }
    const before = { qdrant: counts.qdrant(), s3: counts.s3().length };
    const { ms } = await ingest.invoke({ Records: keys.map((key) => message(s3Body({ key, sequencer: '01' }))) });
    if (i === 0) continue;
    busyMs += ms;
    asked += counts.qdrant() - before.qdrant;
    for (const kind of counts.s3().slice(before.s3)) s3[kind] = (s3[kind] ?? 0) + 1;
  }
  const pictures = batch * (RUNS - 1);
  const each = (count: number) => (count / pictures).toFixed(2);
  const kinds = Object.entries(s3).map(([kind, count]) => `${kind} ${each(count)}`);
  const rate = ((pictures / busyMs) * 1000).toFixed(1);
  const speed = `${batch} ${copies ? 'copies ' : ''}a run, Qdrant after ${STORE_MS} ms: ${rate} pictures a second`;
  return `${speed}; requests a picture: Qdrant ${each(asked)}, ${kinds.join(', ')}`;
}

function kindOf({ method, url }: { method: string; url: string }): string {
  return `S3 ${url.includes('list-type=2') ? 'LIST' : method}`;
}
