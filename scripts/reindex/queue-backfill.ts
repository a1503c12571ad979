import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeJsonFile } from '../../core/files/json-file.ts';
import { openS3 } from '../../core/objects/s3/store.ts';
import { pluralise } from '../../core/util/pluralise.ts';
import { openMessageQueue } from '../../functions/events/sqs-client.ts';
import { type BackfillState, backfill, START } from '../../functions/lambda/backfill.ts';
import { readConfig } from '../../server/environment.ts';
import { EXIT, UsageError } from '../cli/command.ts';
import { parseBucket } from '../cli/location.ts';
import { createProgress } from '../cli/progress.ts';
import { indexingCost, sumOf } from './aws-costs.ts';

export interface QueueFlags {
  readonly queue?: string;
  readonly rate?: number;
  readonly 'dry-run': boolean;
  readonly seconds: number;
  readonly restart: boolean;
  readonly data?: string;
  readonly region?: string;
  readonly endpoint?: string;
  readonly json: boolean;
}

/** Queues every object of a bucket for a stack; returns the exit code. */
export async function queueBackfill(source: string, flags: QueueFlags): Promise<number> {
  const { bucket, prefix } = parseBucket(source);
  if (flags.queue === undefined && !flags['dry-run']) throw new UsageError('expected --queue URL or --dry-run');
  const { rate = 500, seconds: secondsAPicture } = flags;
  const config = readConfig({ data: flags.data, logLevel: 'silent' });
  const { region, endpoint = config.s3Endpoint } = flags;
  const objects = await openS3({ bucket, region, endpoint });
  const queue = flags['dry-run'] ? null : openMessageQueue({ url: flags.queue!, region });

  const place = stateFile(config.data, `${bucket}/${prefix} ${flags.queue}`);
  const from = flags.restart || queue === null ? START : await readState(place);
  if (from.sent > 0) console.error(`going on after ${pluralise(from.sent, 'picture')}; --restart begins again`);
  const interrupt = new AbortController();
  process.once('SIGINT', () => interrupt.abort());
  let announced = from.sent;
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
      onSent: (pictures) => {
        announced = pictures;
        progress.update(pictures, pictures);
      },
      async onProgress(state) {
        progress.update(state.sent, state.sent);
        if (queue !== null) await writeJsonFile(place, state);
      },
    });
    progress.stop();
    if (result.finished && queue !== null) await rm(place, { force: true });
    const { cursor: _, ...counts } = result;
    const cost = indexingCost({
      pictures: result.sent,
      messages: result.messages,
      batch: 10,
      secondsAPicture,
      memoryGb: 1769 / 1024,
    });
    const costUsd = { ...cost, total: sumOf(cost) };
    const summary = { bucket, prefix, dryRun: queue === null, announced, ...counts, costUsd };
    if (flags.json) console.log(JSON.stringify(summary, null, 2));
    else print(summary);
    return result.finished ? EXIT.done : EXIT.failed;
  } finally {
    progress.stop();
    objects.close();
    queue?.close();
  }
}

function stateFile(data: string, what: string): string {
  return join(data, 'reindex', `${createHash('sha256').update(what).digest('hex').slice(0, 16)}.json`);
}

/** Where an earlier call stopped; the start if there is none or it is unreadable. */
async function readState(file: string): Promise<BackfillState> {
  try {
    return { ...START, ...(JSON.parse(await readFile(file, 'utf8')) as BackfillState) };
  } catch {
    return START;
  }
}

function print(summary: {
  dryRun: boolean;
  announced: number;
  sent: number;
  messages: number;
  bytes: number;
  empty: number;
  tooLarge: number;
  archived: number;
  finished: boolean;
  costUsd: Record<string, number>;
}): void {
  const { sent, messages, bytes, empty, tooLarge, archived, costUsd } = summary;
  if (!summary.finished) {
    const again = summary.announced - sent;
    const repeats = again > 0 ? ` and repeats the last ${again}, which are found unchanged` : '';
    console.log(
      `Interrupted after ${pluralise(summary.announced, 'picture')}; the next call goes on from here${repeats}.`,
    );
    return;
  }
  const verb = summary.dryRun ? 'would be announced' : 'announced';
  console.log(
    `${pluralise(sent, 'picture')} (${(bytes / 1e9).toFixed(2)} GB) ${verb} in ${pluralise(messages, 'message')}.`,
  );
  if (empty + tooLarge > 0) console.log(`Left out: ${empty} empty, ${tooLarge} too large.`);
  if (archived > 0) {
    const what = pluralise(archived, 'archived object');
    console.log(`Left out: ${what}. Restore first what is archived; S3 announces it then, or the next call does.`);
  }
  console.log('Indexing them all costs about (us-east-1 list prices, 1,769 MB, without Qdrant):');
  for (const [part, dollars] of Object.entries(costUsd)) console.log(`  ${part.padEnd(16)} ${dollars.toFixed(4)} USD`);
}
