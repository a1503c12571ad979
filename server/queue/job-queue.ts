import PQueue from 'p-queue';
import type { Logger } from 'pino';
import type { Job } from '../../core/index-image.ts';
import { compareSequencers } from '../../core/ports.ts';
import type { Ingest } from '../../functions/events/event-handler.ts';
import { parseS3Event } from '../../functions/events/s3-event.ts';

export interface QueueOptions {
  readonly ingest: Ingest;
  readonly logger: Logger;
  /**
   * Jobs run at the same time.
   * @default 4
   */
  readonly concurrency?: number;
  /**
   * Wait before the second attempt; it doubles with every further one up to `maxDelayMs`. Half of it is random, so that
   * jobs that failed together do not come back together.
   * @default 500
   */
  readonly minDelayMs?: number;
  /** @default 30000 */
  readonly maxDelayMs?: number;
  /** 0 up to, but not including, 1. */
  readonly random?: () => number;
  readonly onProgress?: (progress: QueueProgress) => void;
}

/** Jobs, since the queue was made. */
export interface QueueProgress {
  /** Including those that wait for their next attempt. */
  readonly waiting: number;
  readonly running: number;
  /** Ended with an outcome, rejections included. */
  readonly done: number;
  /** Given up after the last attempt. */
  readonly failed: number;
}

export interface EventQueue {
  /** Takes the jobs of an S3 event notification; answers how many. Throws `invalid-input`. */
  push(event: unknown): number;
  add(job: Job): void;
  progress(): QueueProgress;
  /** Resolves when nothing waits or runs, next attempts included. */
  onIdle(): Promise<void>;
  /** Lets running jobs finish and drops the others: they are found again when the folder is compared at the next start. */
  stop(): Promise<void>;
}

/** All jobs of one object: at most one that runs, or waits, and at most one that comes after it. */
interface Line {
  job: Job;
  attempt: number;
  isRunning: boolean;
  next: Job | null;
  timer: NodeJS.Timeout | null;
}

/**
 * The local stand-in for SQS. Jobs of one object never run at the same time, and of those that wait only the newest is
 * kept: each looks at the object as it is then, so the older ones would find nothing else. A job that fails waits for its
 * next attempt without holding up the others.
 */
export function createQueue(options: QueueOptions): EventQueue {
  const { ingest, logger, minDelayMs = 500, maxDelayMs = 30_000, random = Math.random, onProgress } = options;
  const workers = new PQueue({ concurrency: options.concurrency ?? 4 });
  const lines = new Map<string, Line>();
  const idle: (() => void)[] = [];
  let [running, done, failed] = [0, 0, 0];
  let isStopped = false;

  const progress = () => ({ waiting: lines.size - running, running, done, failed });

  function add(job: Job): void {
    if (isStopped) return;
    const name = `${job.bucket}/${job.key}`;
    const line = lines.get(name);
    if (line === undefined) {
      const added = { job, attempt: 1, isRunning: false, next: null, timer: null };
      lines.set(name, added);
      start(name, added);
    } else if (line.isRunning) {
      line.next = newer(line.next, job);
    } else {
      const kept = newer(line.job, job);
      if (kept !== line.job) replace(name, line, kept);
    }
    onProgress?.(progress());
  }

  /** Something new happened to the object: whatever made earlier attempts fail may be over. */
  function replace(name: string, line: Line, job: Job): void {
    line.job = job;
    line.attempt = 1;
    if (line.timer === null) return;
    clearTimeout(line.timer);
    line.timer = null;
    start(name, line);
  }

  function start(name: string, line: Line): void {
    void workers.add(() => work(name, line));
  }

  async function work(name: string, line: Line): Promise<void> {
    if (isStopped) return;
    line.isRunning = true;
    running++;
    onProgress?.(progress());
    const { job, attempt } = line;
    const result = await ingest.run(job, attempt);
    running--;
    line.isRunning = false;
    const mayRetry = result.status === 'failed' && result.retry && attempt < ingest.maxAttempts;
    // An older event that came in meanwhile does not stand for the one that failed.
    const next = mayRetry && line.next !== null ? newer(job, line.next) : line.next;
    line.next = null;

    if (next !== null && next !== job) {
      [line.job, line.attempt] = [next, 1];
      if (result.status === 'done') done++;
      start(name, line);
    } else if (mayRetry && !isStopped) {
      line.attempt++;
      const delay = delayAfter(attempt);
      logger.debug({ job, attempt, delay }, 'tried again later');
      line.timer = setTimeout(() => {
        line.timer = null;
        start(name, line);
      }, delay);
    } else {
      lines.delete(name);
      if (result.status === 'done') done++;
      else failed++;
    }
    onProgress?.(progress());
    if (lines.size === 0) for (const resolve of idle.splice(0)) resolve();
  }

  /** Exponential with "equal jitter". */
  function delayAfter(attempt: number): number {
    return Math.min(maxDelayMs, minDelayMs * 2 ** (attempt - 1)) * (0.5 + random() / 2);
  }

  return {
    push(event) {
      const jobs = parseS3Event(event, (reason) => logger.debug({ reason }, 'event ignored'));
      for (const job of jobs) add(job);
      return jobs.length;
    },
    add,
    progress,
    onIdle: async () => {
      if (lines.size > 0) await new Promise<void>((resolve) => idle.push(resolve));
    },
    async stop() {
      isStopped = true;
      workers.clear();
      for (const { timer } of lines.values()) if (timer !== null) clearTimeout(timer);
      for (const [name, line] of lines) if (!line.isRunning) lines.delete(name);
      for (const line of lines.values()) line.next = null;
      await workers.onIdle();
      for (const resolve of idle.splice(0)) resolve();
    },
  };
}

/**
 * Which of two waiting jobs of one object to keep. One without a sequencer only asks to look again, which the other does,
 * too; of equal ones the later one.
 */
function newer(waiting: Job | null, job: Job): Job {
  if (waiting === null || waiting.sequencer === null) return job;
  if (job.sequencer === null || compareSequencers(job.sequencer, waiting.sequencer) < 0) return waiting;
  return job;
}
