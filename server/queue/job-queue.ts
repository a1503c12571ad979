import PQueue from 'p-queue';
import type { Logger } from 'pino';
import type { Job } from '../../core/decide-job.ts';
import { compareSequencers } from '../../core/sequencer-order.ts';
import type { Ingest } from '../../functions/events/run-job.ts';
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
   * Wait before the second attempt; it doubles with each further one up to `maxDelayMs`. Half of it is random, so that
   * jobs that failed together are not retried together.
   * @default 500
   */
  readonly minDelayMs?: number;
  /** @default 30000 */
  readonly maxDelayMs?: number;
  /** 0 up to, but not including, 1. */
  readonly random?: () => number;
  /**
   * Whether an error has nothing to do with the job, so that other jobs would fail, too: then no job starts until it is
   * over, and it counts as an attempt only if other jobs have changed something since the last one.
   * @default no error counts as an outage
   */
  readonly isOutage?: (error: unknown) => boolean;
  /**
   * Whether a job counts in the progress.
   * @default all do
   */
  readonly isCounted?: (job: Job) => boolean;
}

/** Numbers of counted jobs since the queue was created. */
export interface QueueProgress {
  /** Including jobs waiting for their next attempt. */
  readonly waiting: number;
  readonly running: number;
  /** Ended with an outcome, rejections included. */
  readonly done: number;
  /** Given up after the last attempt; of all jobs. */
  readonly failed: number;
}

/** All jobs of one object: at most one running or waiting, and at most one after it. */
interface JobsOfObject {
  job: Job;
  attempt: number;
  /** `#changes` when it was last started. */
  changesBefore: number;
  isRunning: boolean;
  /** 1 if it counts in the progress, otherwise 0. */
  readonly counts: number;
  next: Job | null;
  timer: NodeJS.Timeout | null;
}

/**
 * The local substitute for SQS. Jobs of one object never run at the same time, and only the newest waiting one is kept:
 * each reads the object as it is then, so older jobs would find the same. A failed job waits for its next attempt
 * without delaying the others.
 */
export class JobQueue {
  readonly #options: QueueOptions;
  readonly #workers: PQueue;
  readonly #objects = new Map<string, JobsOfObject>();
  readonly #idle: (() => void)[] = [];
  /** How many of `#objects` count in the progress, and how many of these run. */
  #counted = 0;
  #running = 0;
  #done = 0;
  #failed = 0;
  #isStopped = false;
  #outage: string | null = null;
  /** Number of pauses in this outage. */
  #pauses = 0;
  /** Number of jobs that changed something, which proves that there was no outage. */
  #changes = 0;
  #pause: NodeJS.Timeout | null = null;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#workers = new PQueue({ concurrency: options.concurrency ?? 4 });
  }

  /**
   * Queues the jobs of an S3 event notification; returns how many.
   * @throws {invalid-input}
   */
  push(event: unknown): number {
    const { logger } = this.#options;
    const jobs = parseS3Event(event, (reason) => logger.debug({ reason }, 'event ignored'));
    for (const job of jobs) this.add(job);
    return jobs.length;
  }

  add(job: Job): void {
    if (this.#isStopped) return;
    const name = `${job.bucket}/${job.key}`;
    const known = this.#objects.get(name);
    if (known === undefined) {
      const counts = Number(this.#options.isCounted?.(job) ?? true);
      const added = { job, attempt: 1, changesBefore: 0, isRunning: false, counts, next: null, timer: null };
      this.#objects.set(name, added);
      this.#counted += counts;
      this.#start(name, added);
    } else if (known.isRunning) {
      known.next = newer(known.next, job);
    } else {
      const kept = newer(known.job, job);
      if (kept !== known.job) this.#replace(name, known, kept);
    }
  }

  progress(): QueueProgress {
    const running = this.#running;
    return { waiting: this.#counted - running, running, done: this.#done, failed: this.#failed };
  }

  /** Why no waiting job can start; null when they can. */
  outage(): string | null {
    return this.#objects.size === 0 ? null : this.#outage;
  }

  /** Resolves when no job waits or runs, next attempts included. */
  async onIdle(): Promise<void> {
    if (this.#objects.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /**
   * Lets running jobs finish and drops the others: the comparison at the next start finds them again.
   */
  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#pause !== null) clearTimeout(this.#pause);
    this.#workers.clear();
    for (const [name, jobs] of this.#objects) {
      if (jobs.timer !== null) clearTimeout(jobs.timer);
      if (!jobs.isRunning) this.#forget(name, jobs);
      jobs.next = null;
    }
    await this.#workers.onIdle();
    this.#endWaits();
  }

  /** The object changed again: the reason for earlier failures may be gone. */
  #replace(name: string, jobs: JobsOfObject, job: Job): void {
    jobs.job = job;
    jobs.attempt = 1;
    if (jobs.timer === null) return;
    clearTimeout(jobs.timer);
    jobs.timer = null;
    this.#start(name, jobs);
  }

  #start(name: string, jobs: JobsOfObject): void {
    void this.#workers.add(() => this.#work(name, jobs));
  }

  async #work(name: string, jobs: JobsOfObject): Promise<void> {
    if (this.#isStopped) return;
    const { ingest } = this.#options;
    jobs.isRunning = true;
    this.#running += jobs.counts;
    const { job, attempt } = jobs;
    const didOthersWork = this.#changes > jobs.changesBefore;
    jobs.changesBefore = this.#changes;
    const result = await ingest.run(job, attempt);
    this.#running -= jobs.counts;
    jobs.isRunning = false;
    const mayRetry = result.status === 'failed' && result.retry;
    const isOutage = result.status === 'failed' && this.#waitOut(result.error);
    if (result.status === 'done' && result.outcome.status !== 'skipped') this.#endOutage();
    // An older event that arrived meanwhile does not replace the failed one.
    const next = mayRetry && jobs.next !== null ? newer(job, jobs.next) : jobs.next;
    jobs.next = null;

    if (next !== null && next !== job) {
      [jobs.job, jobs.attempt] = [next, 1];
      if (result.status === 'done') this.#done += jobs.counts;
      this.#start(name, jobs);
    } else if (mayRetry && !this.#isStopped) {
      if (!isOutage || didOthersWork) jobs.attempt++;
      if (isOutage) this.#start(name, jobs);
      else this.#retryLater(name, jobs);
    } else {
      this.#forget(name, jobs);
      if (result.status === 'done') this.#done += jobs.counts;
      else this.#failed++;
    }
    if (this.#objects.size === 0) this.#endWaits();
  }

  #forget(name: string, { counts }: JobsOfObject): void {
    this.#objects.delete(name);
    this.#counted -= counts;
  }

  #retryLater(name: string, jobs: JobsOfObject): void {
    const { job, attempt } = jobs;
    const delay = this.#delayMs(attempt - 1);
    this.#options.logger.debug({ job, attempt, delay }, 'tried again later');
    jobs.timer = setTimeout(() => {
      jobs.timer = null;
      this.#start(name, jobs);
    }, delay);
  }

  /** Exponential with "equal jitter". */
  #delayMs(times: number): number {
    const { minDelayMs = 500, maxDelayMs = 30_000, random = Math.random } = this.#options;
    return Math.min(maxDelayMs, minDelayMs * 2 ** (times - 1)) * (0.5 + random() / 2);
  }

  /** Starts nothing for a while if the error is an outage; returns whether it is one. */
  #waitOut(error: unknown): boolean {
    const { isOutage, logger } = this.#options;
    if (!isOutage?.(error) || this.#isStopped) return false;
    if (this.#outage === null)
      logger.error({ err: error }, 'nothing can be indexed at the moment; all waiting jobs are kept');
    this.#outage = error instanceof Error ? error.message : String(error);
    if (this.#pause !== null) return true;
    this.#pauses++;
    this.#workers.pause();
    this.#pause = setTimeout(() => {
      this.#pause = null;
      this.#workers.start();
    }, this.#delayMs(this.#pauses));
    return true;
  }

  #endOutage(): void {
    if (this.#outage !== null) this.#options.logger.warn('indexing goes on');
    this.#outage = null;
    this.#pauses = 0;
    this.#changes++;
  }

  #endWaits(): void {
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

/**
 * The job to keep of two waiting for one object. A job without a sequencer only requests another look, which the other
 * job includes; of equal ones the later.
 */
function newer(waiting: Job | null, job: Job): Job {
  if (waiting === null || waiting.sequencer === null) return job;
  if (job.sequencer === null || compareSequencers(job.sequencer, waiting.sequencer) < 0) return waiting;
  return job;
}
