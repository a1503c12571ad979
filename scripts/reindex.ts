// npm run reindex -- s3://BUCKET/PREFIX --queue URL [--dry-run]
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { openS3 } from '../core/objects/s3.ts';
import { createProgress } from '../core/progress.ts';
import { EXIT, runCommand, UsageError } from '../functions/cli.ts';
import { type BackfillState, backfill, START } from '../functions/lambda/backfill.ts';
import { openMessageQueue } from '../functions/lambda/message-queue.ts';
import { readConfig } from '../functions/runtime.ts';
import { indexingCost } from './lambda/costs.ts';

const usage = `
Usage: npm run reindex -- s3://BUCKET[/PREFIX] --queue URL [options]

Lists a bucket and announces every object to the queue of the stack, so that its functions index what was there before
they were, or what they missed. What is indexed already is found unchanged and costs next to nothing. May be interrupted
at any moment: the next call goes on from there.

  s3://BUCKET/PREFIX  what to announce; the functions need to be allowed to read it (SIGHTLINE_READ_BUCKETS)
  --queue URL      the stack's output "queue"
  --rate N         pictures a second at most (default: 500)
  --dry-run        count only, and estimate what it would cost
  --seconds N      of one picture on one core, for the estimate (default: 0.1)
  --restart        from the beginning, not from where an earlier call stopped
  --data DIR       folder for the state of an interrupted call (default: data)
  --region NAME    of bucket and queue (default: as the AWS SDK finds it)
  --endpoint URL   of another server that speaks S3, instead of AWS
  --json           the summary as one JSON document
  --help           this text

Exit code 0 when everything was announced, 1 when it was interrupted or failed.
`;

await runCommand(
  {
    usage,
    options: {
      queue: { type: 'string' },
      rate: { type: 'string', default: '500' },
      'dry-run': { type: 'boolean', default: false },
      seconds: { type: 'string', default: '0.1' },
      restart: { type: 'boolean', default: false },
      data: { type: 'string' },
      region: { type: 'string' },
      endpoint: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
    positionals: { min: 1, max: 1 },
  },
  async (flags, [source]) => {
    const { bucket, prefix } = parseSource(source!);
    if (flags.queue === undefined && !flags['dry-run']) throw new UsageError('expected --queue URL or --dry-run');
    const rate = positive('--rate', flags.rate);
    const secondsAPicture = positive('--seconds', flags.seconds);
    const config = readConfig({ data: flags.data, logLevel: 'silent' });
    const { region, endpoint } = flags;
    const objects = await openS3({ bucket, region, endpoint });
    const queue = flags['dry-run'] ? null : openMessageQueue({ url: flags.queue!, region });

    const place = stateFile(config.data, `${bucket}/${prefix} ${flags.queue}`);
    const from = flags.restart || queue === null ? START : await readState(place);
    if (from.sent > 0) console.error(`going on after ${from.sent} pictures; --restart begins again`);
    const interrupt = new AbortController();
    process.once('SIGINT', () => interrupt.abort());
    const progress = createProgress(queue === null ? 'Counting' : 'Announcing', 'pictures', from.sent);
    try {
      const result = await backfill({
        objects,
        queue,
        prefix,
        from,
        rate,
        maxBytes: config.maxImageBytes,
        signal: interrupt.signal,
        async onProgress(state) {
          progress.update(state.sent, state.sent);
          if (queue !== null) await writeState(place, state);
        },
      });
      progress.stop();
      if (result.finished && queue !== null) await rm(place, { force: true });
      const { cursor: _, ...counts } = result;
      const cost = indexingCost({
        pictures: result.sent,
        messages: result.messages,
        secondsAPicture,
        memoryGb: 1769 / 1024,
      });
      const total = Object.values(cost).reduce((sum, part) => sum + part, 0);
      const summary = { bucket, prefix, dryRun: queue === null, ...counts, costUsd: { ...cost, total } };
      if (flags.json) console.log(JSON.stringify(summary, null, 2));
      else print(summary);
      return result.finished ? EXIT.done : EXIT.failed;
    } finally {
      progress.stop();
      objects.close();
      queue?.close();
    }
  },
);

function parseSource(source: string): { bucket: string; prefix: string } {
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/s.exec(source);
  if (match === null) throw new UsageError(`expected s3://BUCKET or s3://BUCKET/PREFIX, got "${source}"`);
  return { bucket: match[1]!, prefix: match[2] ?? '' };
}

function positive(name: string, value: string): number {
  const number = Number(value);
  if (!(number > 0 && number <= 1e6)) throw new UsageError(`${name}: expected a number above 0, got "${value}"`);
  return number;
}

function stateFile(data: string, what: string): string {
  return join(data, 'reindex', `${createHash('sha256').update(what).digest('hex').slice(0, 16)}.json`);
}

/** Where an earlier call stopped; the start when there is none, or what is there is not readable. */
async function readState(file: string): Promise<BackfillState> {
  try {
    return { ...START, ...(JSON.parse(await readFile(file, 'utf8')) as BackfillState) };
  } catch {
    return START;
  }
}

async function writeState(file: string, state: BackfillState): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.${process.pid}`, JSON.stringify(state));
  await rename(`${file}.${process.pid}`, file);
}

function print(summary: {
  dryRun: boolean;
  sent: number;
  messages: number;
  bytes: number;
  empty: number;
  tooLarge: number;
  finished: boolean;
  costUsd: Record<string, number>;
}): void {
  const { sent, messages, bytes, empty, tooLarge, costUsd } = summary;
  const verb = summary.dryRun ? 'would be announced' : 'announced';
  console.log(`${sent} pictures (${(bytes / 1e9).toFixed(2)} GB) ${verb} in ${messages} messages.`);
  if (empty + tooLarge > 0) console.log(`Left out: ${empty} empty objects, ${tooLarge} that are too large.`);
  console.log('Indexing them all costs about (us-east-1 list prices, 1,769 MB, without Qdrant):');
  for (const [part, dollars] of Object.entries(costUsd)) console.log(`  ${part.padEnd(16)} ${dollars.toFixed(4)} USD`);
  if (!summary.finished) console.log('Interrupted; the next call goes on from here.');
}
