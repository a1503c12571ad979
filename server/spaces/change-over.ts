import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { z } from 'zod';
import { knownAs } from '../../core/encode/image-embedder.ts';
import { isSightlineError, SightlineError } from '../../core/errors.ts';
import { readJsonFile, writeJsonFile } from '../../core/files/json-file.ts';
import type { PictureStore } from '../../core/objects/picture-store.ts';
import type { Embedder, VectorStore } from '../../core/ports.ts';
import type { Config } from '../../core/settings.ts';
import { buildSpace } from '../../core/spaces/build.ts';
import type { CandidateIndex, Spaces } from '../../core/spaces/port.ts';
import type { SpaceId } from '../../core/types.ts';
import type { ChangeProgress } from '../../functions/http/deps.ts';
import type { LiveSpace } from './live-space.ts';
import {
  configuredModels,
  expectModels,
  findModels,
  rememberModels,
  type SpaceModels,
  successorOf,
} from './space-models.ts';

/**
 * The change of models by a server itself (docs/decisions/0030-spaces.md): it answers by the old models while it builds
 * the new space in the background, and switches.
 */

/** Which models answer, and which are to take over. Without others to take over those of the live space are here. */
export type ChosenModels =
  | { readonly now: SpaceModels; readonly next: null }
  | { readonly now: SpaceModels | null; readonly next: SpaceModels };

/**
 * What a server does with an index: it changes over to a profile that is asked for, and, in a file of its own, to the
 * one that has replaced what made the index, once: who goes back stays there. A Qdrant is shared with functions that
 * have to be deployed together with the change.
 * @throws {space-mismatch} when the models of the live space are not here, and no others are to take over
 * @throws {model-mismatch} when what is asked for is not here
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

/** After a fault, or while pictures are missing, the next try is made so much later. Milliseconds. */
const RETRY_MS = 60_000;
/** How often it is looked whether a folder has come back, which is worth a try at once. Milliseconds. */
const LOOK_MS = 500;

export interface ChangeOptions {
  readonly config: Config;
  readonly spaces: Spaces;
  readonly buckets: ReadonlyMap<string, PictureStore>;
  readonly logger: Logger;
  /** The live space. */
  readonly from: SpaceId;
  readonly models: { readonly now: SpaceModels | null; readonly next: SpaceModels };
  readonly openEmbedder: (models: SpaceModels) => Promise<Embedder>;
}

interface Opened {
  readonly embedder: Embedder;
  readonly candidate: CandidateIndex;
}

/** One change of models in the background, from its beginning to the switch; may be stopped, and gone on with later. */
export class ChangeOver {
  readonly #options: ChangeOptions;
  readonly #stop = new AbortController();
  readonly #progress: { -readonly [K in keyof ChangeProgress]: ChangeProgress[K] };
  #opened: Opened | null = null;
  #running: Promise<void> | null = null;
  #isOver = false;

  constructor(options: ChangeOptions) {
    this.#options = options;
    const { now, next } = options.models;
    this.#progress = { profile: next.profile, done: 0, total: null, partial: now === null, problem: null };
  }

  /** How far it has come; null when it is over. */
  progress(): ChangeProgress | null {
    return this.#isOver ? null : { ...this.#progress };
  }

  /**
   * What answers while the models of the live space are missing: the new models, from what the new space has so far.
   * Everything but searches comes from the live one. Closing the store closes both.
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
          `the models of space ${from.space} are not here: pictures can be added when the index has changed over to ` +
            `${profile}`,
        );
      },
      close: () => candidate.close(),
    };
    return { space: from.space, embedder, vectors };
  }

  /** Goes on until the new space is live or it is stopped. Says what begins, what ends, and what is in the way. */
  start(live: LiveSpace, say: (line: string) => void): void {
    this.#running ??= this.#run(live, say);
  }

  /** Ends it as it is; the next start goes on from there. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(live: LiveSpace, say: (line: string) => void): Promise<void> {
    const { models, from, logger } = this.#options;
    const { now, next } = models;
    say(
      now === null
        ? `The models that made this index (space ${from}) are not here. It is built again with profile ` +
            `${next.profile}; until that is done, searches find only what is there already.`
        : `Profile ${next.profile} is being built in the background; ${now.profile} answers until it is done.`,
    );
    while (!this.#stop.signal.aborted && !this.#isOver) {
      try {
        await this.#build(live);
        say(
          `Profile ${next.profile} answers now. The space of before is kept: ` +
            `npm run spaces -- use ${from} goes back, npm run spaces -- rm ${from} deletes it.`,
        );
      } catch (error) {
        if (this.#stop.signal.aborted) break;
        if (isSightlineError(error, 'space-retired')) this.#isOver = true;
        else await this.#waitAfter(error, say, logger);
      }
    }
    // What stands in for the live space is closed with it.
    if (now !== null) await this.#close();
  }

  async #build(live: LiveSpace): Promise<void> {
    const { config, buckets, from } = this.#options;
    const { embedder, candidate } = await this.#open();
    const [all, there] = [await candidate.from.count({}), await candidate.to.count({})];
    Object.assign(this.#progress, { done: Math.min(there, all), total: all });
    if (config.qdrantUrl === undefined) await expectRoom(config.data, all - there, embedder.dimension);
    // In one process a writer that waits for SQLite would keep the last pass from going on.
    const held: CandidateIndex = { ...candidate, switch: (last) => live.holdWrites(() => candidate.switch(last)) };
    await buildSpace(
      { candidate: held, embedder, buckets },
      {
        // One core is left to those who search.
        concurrency: Math.max(1, config.concurrency - 1),
        rate: Infinity,
        sample: 100,
        // Other models may well see other likenesses.
        minOverlap: 0,
        skipMissing: false,
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

  /** Says once what is in the way, and waits: for long, or until a folder has come back. */
  async #waitAfter(error: unknown, say: (line: string) => void, logger: Logger): Promise<void> {
    const problem = isSightlineError(error) ? error.message : 'an unexpected fault, which the log names';
    if (problem !== this.#progress.problem) {
      if (!isSightlineError(error)) logger.error({ err: error }, 'the change of models met a fault');
      say(`The change to profile ${this.#progress.profile} waits, and is tried again: ${problem}`);
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
 * What a space takes on disk beside the vectors, bytes a picture or caption: docs/decisions/0015-embedded-store.md,
 * with room for the log.
 */
const BYTES_A_POINT = 1744;
const BYTES_A_COMPONENT = 4;

/**
 * @throws {unavailable} when the disk cannot hold what is to be written: a full disk would stop the live space, too
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

/** Spaces that were left for others: whoever goes back to one of them wants to stay there. */
const leftSchema = z.strictObject({ spaces: z.array(z.string()) });

async function readLeft(data: string): Promise<readonly SpaceId[]> {
  return (await readJsonFile(leftFile(data), leftSchema, 'delete it'))?.spaces ?? [];
}

async function wasLeft(data: string, space: SpaceId): Promise<boolean> {
  return (await readLeft(data)).includes(space);
}

/** Keeps in mind that an index was changed over from this space. */
export async function noteLeft(data: string, space: SpaceId): Promise<void> {
  await writeJsonFile(leftFile(data), { spaces: [...new Set([...(await readLeft(data)), space])] });
}

function leftFile(data: string): string {
  return join(data, 'changed-over.json');
}
