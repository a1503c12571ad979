import { isSightlineError } from '../errors.ts';
import type {
  ListedObject,
  ListOptions,
  LookUp,
  ObjectStore,
  StoredPicture,
  VectorStore,
  WriteCondition,
} from '../ports.ts';
import type { JointEmbedding, Page } from '../types.ts';
import { compareUtf8 } from '../util/utf8-order.ts';

type Upsert = Parameters<VectorStore['upsert']>;
type Remove = Parameters<VectorStore['remove']>;
type Copies = Parameters<VectorStore['copies']>;
/** Ids, and hashes. */
type Keys = readonly [readonly string[], readonly string[]];

/** A pending call. */
interface Call<I, O> {
  readonly input: I;
  resolve(output: O): void;
  reject(error: unknown): void;
}

/** Maximum time that a call waits for others. Milliseconds. */
const PATIENCE = { read: 50, write: 5000 } as const;

export interface Grouped {
  readonly vectors: VectorStore;
  readonly buckets: ReadonlyMap<string, ObjectStore>;
  /** Runs a job that may call the stores. When all jobs wait for them, their calls are sent together. */
  job<T>(work: () => Promise<T>): Promise<T>;
}

/**
 * Stores for jobs that run at the same time: look-ups by id or hash, copies, upserts, removals and lists of a folder of
 * several jobs become one call each, so that ten pictures take few more requests than one. Calls are sent once every
 * running job waits for one (so a single job never waits), or after 50 ms, or five seconds for a write. If a batch
 * fails because of its content, its calls are repeated one by one, so that one job cannot fail another.
 */
export function groupCalls(vectors: VectorStore, buckets: ReadonlyMap<string, ObjectStore>): Grouped {
  let jobs = 0;
  const look = new Group(PATIENCE.read, (calls: readonly Call<Keys, LookUp>[]) => lookUp(calls, vectors));
  const vectorsOf = new Group(PATIENCE.read, (calls: readonly Call<readonly string[], Map<string, JointEmbedding>>[]) =>
    readVectors(calls, vectors),
  );
  const copies = new Group(PATIENCE.read, (calls: readonly Call<Copies, Map<string, StoredPicture[]>>[]) =>
    readCopies(calls, vectors),
  );
  const upsert = new Group(PATIENCE.write, (calls: readonly Call<Upsert, ('written' | 'stale')[]>[]) =>
    write(calls, (points, ...rest) => vectors.upsert(points, ...rest)),
  );
  const remove = new Group(PATIENCE.write, (calls: readonly Call<Remove, ('removed' | 'stale')[]>[]) =>
    write(calls, (tombstones, ...rest) => vectors.remove(tombstones, ...rest)),
  );
  const lists = new Map(
    [...buckets].map(([name, objects]) => [
      name,
      new Group(PATIENCE.read, (calls: readonly Call<ListOptions, Page<ListedObject>>[]) => list(calls, objects)),
    ]),
  );
  const all = [look, vectorsOf, copies, upsert, remove, ...lists.values()];
  const settle = () => {
    const waiting = all.reduce((sum, group) => sum + group.waiting, 0);
    if (waiting > 0 && waiting >= jobs) for (const group of all) group.flush();
  };
  /** Deferred, so that calls made in the same turn are batched. */
  const add = <I, O>(group: Group<I, O>, input: I): Promise<O> => {
    const answer = group.add(input);
    setImmediate(settle);
    return answer;
  };
  return {
    vectors: {
      ...vectors,
      get: async (ids) => (await add(look, [ids, []])).points,
      lookUp: (...keys) => add(look, keys),
      vectors: (ids) => add(vectorsOf, ids),
      copies: (...input) => add(copies, input),
      upsert: (...input) => add(upsert, input),
      remove: (...input) => add(remove, input),
    },
    buckets: new Map(
      [...buckets].map(([name, objects]) => [
        name,
        { ...objects, list: (options: ListOptions) => add(lists.get(name)!, options) },
      ]),
    ),
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

  /** `send` settles every call; if it throws, all of them fail. */
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

/** One look-up for all; each caller gets what it asked for. */
async function lookUp(calls: readonly Call<Keys, LookUp>[], vectors: Pick<VectorStore, 'lookUp'>): Promise<void> {
  const all = (which: 0 | 1) => [...new Set(calls.flatMap(({ input }) => input[which]))];
  const { points, copies } = await vectors.lookUp(all(0), all(1));
  for (const { input, resolve } of calls) {
    resolve({ points: those(points, input[0]), copies: those(copies, input[1]) });
  }
}

async function readVectors(
  calls: readonly Call<readonly string[], Map<string, JointEmbedding>>[],
  vectors: Pick<VectorStore, 'vectors'>,
): Promise<void> {
  const found = await vectors.vectors([...new Set(calls.flatMap(({ input }) => input))]);
  for (const { input, resolve } of calls) resolve(those(found, input));
}

/** One request for all, with the largest of their limits. */
async function readCopies(
  calls: readonly Call<Copies, Map<string, StoredPicture[]>>[],
  vectors: Pick<VectorStore, 'copies'>,
): Promise<void> {
  const all = new Set(calls.flatMap(({ input: [sha256s] }) => sha256s));
  const found = await vectors.copies([...all], Math.max(...calls.map(({ input: [, limit] }) => limit)));
  for (const { input, resolve } of calls) {
    const [sha256s, limit] = input;
    resolve(new Map([...those(found, sha256s)].map(([sha256, pictures]) => [sha256, pictures.slice(0, limit)])));
  }
}

function those<V>(found: ReadonlyMap<string, V>, keys: readonly string[]): Map<string, V> {
  return new Map(keys.flatMap((key) => (found.has(key) ? [[key, found.get(key)!] as const] : [])));
}

/** Maximum keys in a list. */
const LIST_LIMIT = 1000;

/**
 * One list request per folder, with the common prefix of all calls. A call for a later page, or beyond the end of that
 * list, gets its own request.
 */
async function list(calls: readonly Call<ListOptions, Page<ListedObject>>[], objects: ObjectStore): Promise<void> {
  const isFirst = ({ input }: (typeof calls)[number]) => input.cursor === undefined && input.limit === LIST_LIMIT;
  const groups = Map.groupBy(calls, (call) => (isFirst(call) ? folderOf(call.input.prefix) : call));
  const answerAll = async (alike: typeof calls) => {
    if (alike.length === 1) return alike[0]!.resolve(await objects.list(alike[0]!.input));
    const prefix = alike.map(({ input }) => input.prefix ?? '').reduce(commonStart);
    const { items, next } = await objects.list({ prefix, limit: LIST_LIMIT });
    const last = items.at(-1)?.key ?? '';
    const answers = alike.map(async ({ input, resolve }) => {
      const own = input.prefix ?? '';
      const isListed = next === undefined || (compareUtf8(last, own) > 0 && !last.startsWith(own));
      resolve(isListed ? { items: items.filter(({ key }) => key.startsWith(own)) } : await objects.list(input));
    });
    await Promise.all(answers);
  };
  await Promise.all([...groups.values()].map(answerAll));
}

function folderOf(prefix = ''): string {
  return prefix.slice(0, prefix.lastIndexOf('/') + 1);
}

/** Whole characters: half of a surrogate pair is not valid text. */
function commonStart(a: string, b: string): string {
  const [ours, theirs] = [Array.from(a), Array.from(b)];
  const end = ours.findIndex((character, i) => character !== theirs[i]);
  return (end < 0 ? ours : ours.slice(0, end)).join('');
}

/** One write for all calls with the same options. A second write of the same id waits for the first. */
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
