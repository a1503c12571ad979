import pRetry, { type RetryContext } from 'p-retry';
import type { Logger } from 'pino';
import { isSightlineError } from '../../core/errors.ts';
import type { IndexJob } from '../../core/index-image.ts';
import type { Embedder, Spaces, VectorStore } from '../../core/ports.ts';
import type { SpaceId } from '../../core/types.ts';
import type { ModelInfo } from '../../functions/http/schemas/system.ts';

/** Everything that belongs to one space: models, vectors and the pipeline that indexes into them. */
export interface SpaceParts {
  /** The id of the space. */
  readonly space: SpaceId;
  readonly embedder: Embedder;
  readonly vectors: VectorStore;
  readonly index: IndexJob;
  /** The answer of GET /model. */
  readonly model: ModelInfo;
}

/** The live space, followed when another one takes over (docs/decisions/0030-spaces.md). */
export interface LiveSpace {
  current(): SpaceParts;
  /** Runs work on one space, which stays open and unchanged until the work ends. */
  read<T>(work: (space: SpaceParts) => Promise<T>): Promise<T>;
  /** Runs work that writes, and repeats it on the successor if another space took over meanwhile. */
  write<T>(work: (space: SpaceParts) => Promise<T>): Promise<T>;
  /** Runs work while new writes of this process wait for it. */
  holdWrites<T>(work: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface LiveSpaceOptions {
  readonly spaces: Spaces;
  /** The live space, open. */
  readonly first: SpaceParts;
  /** Opens the space with this id, which has become live. */
  readonly open: (space: SpaceId) => Promise<SpaceParts>;
  readonly logger: Logger;
}

/** How often to check which space is live. Milliseconds. */
const POLL_MS = 500;
/** How long a write waits for a switch: longer than a switch takes, shorter than a client waits. Milliseconds. */
const PATIENCE_MS = 20_000;
const RETRY_MS = 50;
/** Pause before the next attempt to load models that failed. Milliseconds. */
const PAUSE_MS = 10_000;

/** An open space, closed once it is retired and nobody uses it any more. */
class Lease {
  readonly parts: SpaceParts;
  #users = 0;
  #isRetired = false;

  constructor(parts: SpaceParts) {
    this.parts = parts;
  }

  async use<T>(work: (space: SpaceParts) => Promise<T>): Promise<T> {
    this.#users++;
    try {
      return await work(this.parts);
    } finally {
      this.#users--;
      if (this.#isRetired && this.#users === 0) void closeParts(this.parts);
    }
  }

  async retire(): Promise<void> {
    this.#isRetired = true;
    if (this.#users === 0) await closeParts(this.parts);
  }
}

/** Starts with an open space and switches to whichever becomes live, until closed. */
export function followLiveSpace(options: LiveSpaceOptions): LiveSpace {
  const { spaces, open, logger } = options;
  let current = new Lease(options.first);
  let following: Promise<void> | null = null;
  let pausedUntil = 0;
  let isClosed = false;
  let pausedWrites: Promise<unknown> = Promise.resolve();

  /** Makes the live space the current one. Concurrent calls share one check. */
  function follow(): Promise<void> {
    following ??= look().finally(() => {
      following = null;
    });
    return following;
  }

  async function look(): Promise<void> {
    const live = await spaces.live();
    const { space } = current.parts;
    if (live === null || live.space === space || isClosed || Date.now() < pausedUntil) return;
    try {
      const next = new Lease(await open(live.space));
      const old = current;
      current = next;
      logger.info({ from: space, to: live.space }, 'another space is live now');
      await old.retire();
    } catch (error) {
      pausedUntil = Date.now() + PAUSE_MS;
      throw error;
    }
  }

  const timer = setInterval(() => {
    follow().catch((error: unknown) => logger.error({ err: error }, 'cannot open the space that is live now'));
  }, POLL_MS).unref();

  return {
    current: () => current.parts,
    read: (work) => current.use(work),
    async write(work) {
      const attempt = () => pausedWrites.then(() => current.use(work));
      const isReplaced = async ({ error }: RetryContext) => {
        if (!isSightlineError(error, 'space-retired')) return false;
        logger.debug({ err: error }, 'a write waits for the next live space');
        await follow();
        return true;
      };
      // The switch may not have happened yet, or may have been abandoned.
      const often = { retries: Infinity, minTimeout: RETRY_MS, factor: 1, maxRetryTime: PATIENCE_MS };
      return pRetry(attempt, { ...often, shouldRetry: isReplaced });
    },
    holdWrites(work) {
      const switching = work();
      pausedWrites = switching.catch(() => {});
      return switching;
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      clearInterval(timer);
      await following?.catch(() => {});
      await current.retire();
    },
  };
}

async function closeParts({ vectors, embedder }: SpaceParts): Promise<void> {
  await vectors.close();
  await embedder.close();
}
