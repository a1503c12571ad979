import { isSightlineError } from '../errors.ts';
import type { VectorStore, WriteCondition } from '../ports.ts';
import type { JointEmbedding } from '../types.ts';

type Upsert = Parameters<VectorStore['upsert']>;
type Remove = Parameters<VectorStore['remove']>;

/** What a caller waits for. */
interface Call<I, O> {
  readonly input: I;
  resolve(output: O): void;
  reject(error: unknown): void;
}

/** How long a call waits for others, at most. Milliseconds. */
const PATIENCE = { read: 50, write: 5000 } as const;

export interface GroupedStore {
  readonly store: VectorStore;
  /** Runs a job that may call the store. While all jobs wait for it, their calls go out together. */
  job<T>(work: () => Promise<T>): Promise<T>;
}

/**
 * A store for jobs that run at the same time: look-ups by id or hash, upserts and removals of several jobs become one
 * call each, so that ten pictures take little more requests to a server than one. A call goes out when every job under
 * way waits for one, so a single job waits for nobody, and otherwise after 50 ms, or five seconds for a write. A call
 * that fails for what is in it is made again alone, so that nobody fails for another's sake.
 */
export function groupCalls(store: VectorStore): GroupedStore {
  let jobs = 0;
  const groups = {
    get: new Group(
      PATIENCE.read,
      (calls: readonly Call<readonly string[], Awaited<ReturnType<VectorStore['get']>>>[]) =>
        lookUp(calls, (ids) => store.get(ids)),
    ),
    vectors: new Group(PATIENCE.read, (calls: readonly Call<readonly string[], Map<string, JointEmbedding>>[]) =>
      lookUp(calls, (ids) => store.vectors(ids)),
    ),
    copies: new Group(PATIENCE.read, (calls: readonly Call<readonly string[], Map<string, JointEmbedding>>[]) =>
      lookUp(calls, (hashes) => store.findCopies(hashes)),
    ),
    upsert: new Group(PATIENCE.write, (calls: readonly Call<Upsert, ('written' | 'stale')[]>[]) =>
      write(calls, (points, ...rest) => store.upsert(points, ...rest)),
    ),
    remove: new Group(PATIENCE.write, (calls: readonly Call<Remove, ('removed' | 'stale')[]>[]) =>
      write(calls, (tombstones, ...rest) => store.remove(tombstones, ...rest)),
    ),
  };
  const all = Object.values(groups);
  const settle = () => {
    const waiting = all.reduce((sum, group) => sum + group.waiting, 0);
    if (waiting > 0 && waiting >= jobs) for (const group of all) group.flush();
  };
  /** In a turn of its own, for calls that are made in the same one. */
  const add = <I, O>(group: Group<I, O>, input: I): Promise<O> => {
    const answer = group.add(input);
    setImmediate(settle);
    return answer;
  };
  return {
    store: {
      ...store,
      get: (ids) => add(groups.get, ids),
      vectors: (ids) => add(groups.vectors, ids),
      findCopies: (hashes) => add(groups.copies, hashes),
      upsert: (...input) => add(groups.upsert, input),
      remove: (...input) => add(groups.remove, input),
    },
    async job(work) {
      jobs++;
      try {
        return await work();
      } finally {
        jobs--;
        setImmediate(settle);
      }
    },
  };
}

/** Calls of one kind that wait for each other. */
class Group<I, O> {
  readonly #patienceMs: number;
  readonly #send: (calls: readonly Call<I, O>[]) => Promise<void>;
  #calls: Call<I, O>[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** `send` settles every call; what it throws, they all get. */
  constructor(patienceMs: number, send: (calls: readonly Call<I, O>[]) => Promise<void>) {
    this.#patienceMs = patienceMs;
    this.#send = send;
  }

  get waiting(): number {
    return this.#calls.length;
  }

  add(input: I): Promise<O> {
    this.#timer ??= setTimeout(() => this.flush(), this.#patienceMs);
    return new Promise((resolve, reject) => this.#calls.push({ input, resolve, reject }));
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const calls = this.#calls;
    this.#calls = [];
    if (calls.length > 0) void this.#sendAll(calls);
  }

  async #sendAll(calls: readonly Call<I, O>[]): Promise<void> {
    try {
      await this.#send(calls);
    } catch (error) {
      const isAway = isSightlineError(error, 'unavailable') || isSightlineError(error, 'space-retired');
      if (isAway || calls.length === 1) for (const call of calls) call.reject(error);
      else for (const call of calls) void this.#sendAll([call]);
    }
  }
}

/** One look-up for all keys; each caller gets those that it asked for. */
async function lookUp<V>(
  calls: readonly Call<readonly string[], Map<string, V>>[],
  read: (keys: readonly string[]) => Promise<Map<string, V>>,
): Promise<void> {
  const found = await read([...new Set(calls.flatMap(({ input }) => input))]);
  for (const { input, resolve } of calls) {
    resolve(new Map(input.flatMap((key) => (found.has(key) ? [[key, found.get(key)!] as const] : []))));
  }
}

/** One write for all that are made in the same way. An id is written once at a time: the second waits for the first. */
async function write<T extends { readonly id: string }, R extends unknown[], O>(
  calls: readonly Call<[readonly T[], WriteCondition, ...R], O[]>[],
  send: (items: readonly T[], when: WriteCondition, ...rest: R) => Promise<O[]>,
): Promise<void> {
  const groups = Map.groupBy(calls, ({ input: [, ...how] }) => JSON.stringify(how));
  for (const alike of groups.values()) {
    const [, ...how] = alike[0]!.input;
    for (let open = alike; open.length > 0; ) {
      const ids = new Set<string>();
      const [now, later]: [typeof open, typeof open] = [[], []];
      for (const call of open) {
        const own = call.input[0].map(({ id }) => id);
        if (own.some((id) => ids.has(id))) later.push(call);
        else now.push(call);
        for (const id of own) ids.add(id);
      }
      const items = now.flatMap(({ input }) => input[0]);
      const written = await send(items, ...(how as [WriteCondition, ...R]));
      let at = 0;
      for (const { input, resolve } of now) {
        resolve(written.slice(at, at + input[0].length));
        at += input[0].length;
      }
      open = later;
    }
  }
}
