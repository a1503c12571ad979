import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { z } from 'zod';
import { knownAs } from '../../core/encode/image-embedder.ts';
import { isSightlineError, SightlineError } from '../../core/errors.ts';
import { readJsonFile, writeJsonFile } from '../../core/files/json-file.ts';
import { keepRefused } from '../../core/files/renamed-files.ts';
import type { PictureStore } from '../../core/objects/picture-store.ts';
import type { CandidateIndex, Embedder, FailureLog, Spaces, VanishedLog, VectorStore } from '../../core/ports.ts';
import { buildSpace } from '../../core/reindex/build-candidate.ts';
import type { Missing } from '../../core/reindex/sync-candidate.ts';
import type { Config } from '../../core/settings.ts';
import type { SpaceId } from '../../core/types.ts';
import type { ChangeProgress } from '../../functions/http/deps.ts';
import type { LiveSpace } from './follow-live-space.ts';
import {
  configuredModels,
  expectModels,
  findModels,
  rememberModels,
  type SpaceModels,
  successorOf,
} from './space-models.ts';

/**
 * The change of models by a running server (docs/decisions/0030-spaces.md): it answers with the old models while it
 * builds the new space in the background, then switches.
 */

/** The current models and the next ones. Without next ones, the models of the live space are available. */
export type ChosenModels =
  | { readonly now: SpaceModels; readonly next: null }
  | { readonly now: SpaceModels | null; readonly next: SpaceModels };

/**
 * Decides whether a server changes models: to a requested profile, or, for an index in a local file, once to the
 * successor of the profile that made the index: a user who goes back stays there. Qdrant is excluded, because functions
 * that share it must be deployed together with the change.
 * @throws {space-mismatch} when the models of the live space are missing, and no others are to take over
 * @throws {model-mismatch} when the requested models are missing
 */
export async function chooseModels(live: SpaceId, config: Config): Promise<ChosenModels> {
  if (config.head !== undefined) return { now: await configuredModels(config), next: null };
  const now = await findModels(live, config);
  if (config.profile !== undefined) {
    if (now?.profile === config.profile) return { now, next: null };
    const next = await configuredModels(config);
    return now !== null && now.head === next.head && next.head !== null ? { now, next: null } : { now, next };
  }
  const next = await successorOf(live, config.modelDirs);
  if (next === null || config.qdrantUrl !== undefined || (await wasLeft(config.data, live))) {
    return { now: now ?? (await expectModels(live, config)), next: null };
  }
  return { now, next };
}

/** Pause before the next attempt after a fault, or while pictures are missing. Milliseconds. */
const RETRY_MS = 60_000;
/** How often to check whether a folder has come back, which justifies an immediate attempt. Milliseconds. */
const LOOK_MS = 500;

export interface BackgroundReindexOptions {
  readonly config: Config;
  readonly spaces: Spaces;
  readonly buckets: ReadonlyMap<string, PictureStore>;
  readonly logger: Logger;
  /** Keeps the tags of pictures that cannot be read any more, as when they are indexed. */
  readonly vanished: VanishedLog;
  readonly failures: FailureLog;
  /** The live space. */
  readonly from: SpaceId;
  readonly models: { readonly now: SpaceModels | null; readonly next: SpaceModels };
  readonly openEmbedder: (models: SpaceModels) => Promise<Embedder>;
}

interface Opened {
  readonly embedder: Embedder;
  readonly candidate: CandidateIndex;
}

/** One change of models in the background, up to the switch; it can be stopped and resumed later. */
export class BackgroundReindex {
  readonly #options: BackgroundReindexOptions;
  readonly #stop = new AbortController();
  readonly #progress: { -readonly [K in keyof ChangeProgress]: ChangeProgress[K] };
  #opened: Opened | null = null;
  #running: Promise<void> | null = null;
  #isOver = false;

  constructor(options: BackgroundReindexOptions) {
    this.#options = options;
    const { now, next } = options.models;
    this.#progress = { profile: next.profile, done: 0, total: null, partial: now === null, problem: null };
  }

  /** Its progress; null when it is over. */
  progress(): ChangeProgress | null {
    return this.#isOver ? null : { ...this.#progress };
  }

  /**
   * Stands in while the models of the live space are missing: searches use the new models and what the new space has so
   * far. Everything else comes from the live space. Closing the store closes both.
   */
  async standIn(): Promise<{ space: SpaceId; embedder: Embedder; vectors: VectorStore }> {
    const { embedder, candidate } = await this.#open();
    const { from, to } = candidate;
    const { profile } = this.#options.models.next;
    const vectors: VectorStore = {
      ...from,
      space: to.space,
      dimension: to.dimension,
      query: to.query,
      vectors: to.vectors,
      async lookUp(ids, sha256s) {
        return { points: await from.get(ids), copies: (await to.lookUp([], sha256s)).copies };
      },
      async upsert() {
        throw new SightlineError(
          'unavailable',
          `the models of space ${from.space} are missing: pictures can be added when the index has changed to ` +
            `${profile}`,
        );
      },
      close: () => candidate.close(),
    };
    return { space: from.space, embedder, vectors };
  }

  /** Runs until the new space is live or it is stopped. Reports its start, its end, and problems. */
  start(live: LiveSpace, say: (line: string) => void): void {
    this.#running ??= this.#run(live, say);
  }

  /** Stops it; the next start resumes. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(live: LiveSpace, say: (line: string) => void): Promise<void> {
    const { models, from, logger } = this.#options;
    const { now, next } = models;
    say(
      now === null
        ? `The models that made this index (space ${from}) are missing. It is being rebuilt with profile ` +
            `${next.profile}; until that is done, searches find only what is done so far.`
        : `Profile ${next.profile} is being built in the background; ${now.profile} answers until it is done.`,
    );
    while (!this.#stop.signal.aborted && !this.#isOver) {
      try {
        await this.#build(live);
        say(
          `Profile ${next.profile} answers now. The old space is kept: ` +
            `npm run spaces -- use ${from} goes back, npm run spaces -- rm ${from} deletes it.`,
        );
      } catch (error) {
        if (this.#stop.signal.aborted) break;
        if (isSightlineError(error, 'space-retired')) this.#isOver = true;
        else await this.#waitAfter(error, say, logger);
      }
    }
    // A stand-in is closed together with the live space.
    if (now !== null) await this.#close();
  }

  async #build(live: LiveSpace): Promise<void> {
    const { config, buckets, from } = this.#options;
    const { embedder, candidate } = await this.#open();
    const [all, there] = [await candidate.from.count({}), await candidate.to.count({})];
    Object.assign(this.#progress, { done: Math.min(there, all), total: all });
    if (config.qdrantUrl === undefined) await expectRoom(config.data, all - there, embedder.dimension);
    // Within one process, a writer waiting for SQLite would block the last pass.
    const held: CandidateIndex = { ...candidate, switch: (last) => live.holdWrites(() => candidate.switch(last)) };
    await buildSpace(
      { candidate: held, embedder, buckets },
      {
        // Leave one core for searches.
        concurrency: Math.max(1, config.concurrency - 1),
        rate: Infinity,
        sample: 100,
        // Other models may legitimately find other pictures similar.
        minOverlap: 0,
        skipMissing: false,
        onUnreadable: (picture) => this.#refuse(candidate, picture),
        switch: true,
        signal: this.#stop.signal,
        onProgress: ({ embedded }) => {
          const done = there + embedded;
          Object.assign(this.#progress, { done, total: Math.max(all, done), problem: null });
        },
      },
    );
    await noteLeft(config.data, from);
    this.#isOver = true;
  }

  /** Leaves a picture out of the new space as if it had been indexed there: its tags wait for a readable file. */
  async #refuse({ from: vectors, to }: CandidateIndex, { id, bucket, key, rejection }: Missing): Promise<void> {
    const { vanished, failures } = this.#options;
    const point = (await vectors.get([id])).get(id);
    if (rejection === undefined || point === undefined || point.deleted || point.payload.kind !== 'image') return;
    const { etag, sequencer } = point.payload;
    await keepRefused({ vectors, vanished }, id, point.payload);
    await to.remove([{ id, sequencer, deletedAt: new Date().toISOString() }], 'not-older');
    await failures.record({ id, bucket, key, etag, sequencer, ...rejection, retryable: false });
  }

  async #open(): Promise<Opened> {
    if (this.#opened !== null) return this.#opened;
    const { config, spaces, models, openEmbedder } = this.#options;
    const made = await openEmbedder(models.next);
    const ids = (await spaces.list()).map(({ space }) => space);
    const embedder = knownAs(
      made,
      ids.find((id) => made.sameAs.includes(id)),
    );
    try {
      await rememberModels(config.data, embedder.space, models.next);
      const candidate = await spaces.openCandidate(embedder.space, embedder.dimension);
      this.#opened = { embedder, candidate };
      return this.#opened;
    } catch (error) {
      await embedder.close();
      throw error;
    }
  }

  async #close(): Promise<void> {
    await this.#opened?.candidate.close();
    await this.#opened?.embedder.close();
    this.#opened = null;
  }

  /** Reports a problem once, and waits for a while, or until a folder has come back. */
  async #waitAfter(error: unknown, say: (line: string) => void, logger: Logger): Promise<void> {
    const problem = isSightlineError(error) ? error.message : 'unexpected error; see the log';
    if (problem !== this.#progress.problem) {
      if (!isSightlineError(error)) logger.error({ err: error }, 'the change of models failed');
      say(`The change to profile ${this.#progress.profile} is waiting and will be retried: ${problem}`);
    }
    this.#progress.problem = problem;
    const { buckets } = this.#options;
    const there = new Set(buckets.keys());
    const tryAt = Date.now() + RETRY_MS;
    while (Date.now() < tryAt && !this.#stop.signal.aborted) {
      await sleep(LOOK_MS, undefined, { signal: this.#stop.signal }).catch(() => {});
      if ([...buckets.keys()].some((bucket) => !there.has(bucket))) return;
    }
  }
}

/**
 * Disk space beyond the vectors, in bytes per picture or caption (docs/decisions/0015-embedded-store.md), with room for
 * the log.
 */
const BYTES_A_POINT = 1744;
const BYTES_A_COMPONENT = 4;

/**
 * @throws {unavailable} when the disk has too little space: a full disk would stop the live space, too
 */
export async function expectRoom(data: string, points: number, dimension: number): Promise<void> {
  const { bavail, bsize } = await statfs(data);
  const needed = Math.max(0, points) * (BYTES_A_POINT + BYTES_A_COMPONENT * dimension);
  const free = bavail * bsize;
  if (free >= needed) return;
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  throw new SightlineError(
    'unavailable',
    `expected ${megabytes(needed)} free in ${data} for a second space of ${points} points, found ${megabytes(free)}; ` +
      'delete old spaces (npm run spaces -- rm SPACE) or make room',
  );
}

/** Spaces that were replaced: a user who goes back to one of them wants to stay there. */
const leftSchema = z.strictObject({ spaces: z.array(z.string()) });

async function readLeft(data: string): Promise<readonly SpaceId[]> {
  return (await readJsonFile(leftFile(data), leftSchema, 'delete it'))?.spaces ?? [];
}

async function wasLeft(data: string, space: SpaceId): Promise<boolean> {
  return (await readLeft(data)).includes(space);
}

/** Records that an index was changed from this space to another. */
export async function noteLeft(data: string, space: SpaceId): Promise<void> {
  await writeJsonFile(leftFile(data), { spaces: [...new Set([...(await readLeft(data)), space])] });
}

function leftFile(data: string): string {
  return join(data, 'changed-over.json');
}
