import type { IncomingHttpHeaders } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { FakeCollection, pointId, record } from '../core/vectors/qdrant/collection.ts';
import { Refusal } from '../core/vectors/qdrant/condition.ts';
import { type LocalServer, serveLocally } from './local-server.ts';

type Json = Record<string, unknown>;

export interface Call {
  readonly method: string;
  /** Includes the query string. */
  readonly path: string;
  readonly body: unknown;
  readonly headers: IncomingHttpHeaders;
}

export interface FakeAnswer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body: unknown;
}

export interface FakeQdrant extends LocalServer {
  readonly calls: Call[];
  /**
   * Replaces the responses of the next matching calls, before or after they are executed. null drops the connection;
   * `hang` never responds.
   */
  inject(
    times: number,
    matches: (call: Call) => boolean,
    answer: FakeAnswer | null | 'hang',
    served?: 'not served' | 'served',
  ): void;
}

/**
 * In-memory implementation of the part of Qdrant's HTTP API that the driver uses. recorded.test.ts checks it against
 * responses of a real server. Where Qdrant guarantees no order, this one changes the order every time.
 */
export async function startFakeQdrant(
  options: {
    readonly apiKey?: string;
    readonly version?: string;
    readonly strict?: boolean;
    /** Latency of every response, in milliseconds. */
    readonly delayMs?: number;
  } = {},
): Promise<FakeQdrant> {
  const { version = '1.18.3', strict = false } = options;
  const state: State = { collections: new Map(), aliases: new Map(), version, strict };
  const calls: Call[] = [];
  const faults: {
    left: number;
    matches: (call: Call) => boolean;
    answer: FakeAnswer | null | 'hang';
    served: string;
  }[] = [];
  const server = await serveLocally(async (request, response) => {
    const raw = await text(request);
    const { method = 'GET', url: path = '/', headers } = request;
    const call = { method, path, body: parse(raw), headers };
    calls.push(call);
    const fault = faults.find(({ left, matches }) => left > 0 && matches(call));
    if (fault) fault.left--;
    if (options.delayMs !== undefined) await sleep(options.delayMs);
    const answer = fault && fault.served !== 'served' ? fault.answer : serve(state, call, options.apiKey);
    const sent = fault ? fault.answer : answer;
    if (sent === 'hang') return;
    if (sent === null) return request.socket.destroy();
    const isText = typeof sent.body === 'string';
    response.writeHead(sent.status, { ...(isText ? {} : { 'content-type': 'application/json' }), ...sent.headers });
    response.end(isText ? (sent.body as string) : JSON.stringify(sent.body));
  });
  return {
    ...server,
    calls,
    inject: (left, matches, answer, served = 'not served') => void faults.push({ left, matches, answer, served }),
  };
}

interface State {
  readonly collections: Map<string, FakeCollection>;
  readonly aliases: Map<string, string>;
  readonly version: string;
  /** Whether collections reject filters on fields without an index, as in Qdrant Cloud. */
  readonly strict: boolean;
}

const BROKEN = Symbol('not JSON');

function parse(raw: string): unknown {
  if (raw === '') return undefined;
  try {
    return JSON.parse(raw);
  } catch {
    return BROKEN;
  }
}

/** Paths that require no key. */
const OPEN = new Set(['/', '/readyz', '/livez']);

function serve(state: State, call: Call, apiKey: string | undefined): FakeAnswer {
  const pathname = call.path.split('?')[0]!;
  if (apiKey !== undefined && !OPEN.has(pathname) && call.headers['api-key'] !== apiKey) {
    const given = call.headers['api-key'] !== undefined;
    return {
      status: 401,
      body: given ? 'Invalid API key or JWT' : 'Must provide an API key or an Authorization bearer token',
    };
  }
  if (pathname === '/')
    return { status: 200, body: { title: 'qdrant - vector search engine', version: state.version } };
  if (pathname === '/readyz') return { status: 200, body: 'all shards are ready' };
  if (pathname === '/livez') return { status: 200, body: 'healthz check passed' };
  try {
    const result = route(state, call.method, pathname.split('/').slice(1).map(decodeURIComponent), call.body);
    if (result === undefined) return { status: 404, body: '' };
    return { status: 200, body: { result, status: 'ok' } };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { status: error.status, body: { status: { error: error.message } } };
  }
}

function route(state: State, method: string, [root, name = '', ...rest]: string[], given: unknown): unknown {
  const body = (given ?? {}) as Json;
  if (root === 'aliases') return { aliases: aliasList(state) };
  if (root !== 'collections') return undefined;
  if (name === '') return { collections: [...state.collections.keys()].map((name) => ({ name })) };
  if (name === 'aliases' && method === 'POST') return changeAliases(state, body);
  if (rest[0] === 'exists') return { exists: state.collections.has(name) };
  if (rest.length === 0 && method === 'PUT') return create(state, name, body);
  if (rest.length === 0 && method === 'DELETE') return drop(state, name);
  const collection = state.collections.get(state.aliases.get(name) ?? name);
  if (collection === undefined) throw missing(name);
  if (rest.length === 0) return collection.info();
  if (given === BROKEN) {
    throw new Refusal(400, 'Format error in JSON body: EOF while parsing a list at line 1 column 11');
  }
  return onCollection(collection, `${method} ${rest.join('/')}`, rest, body);
}

function onCollection(collection: FakeCollection, what: string, rest: string[], body: Json): unknown {
  switch (what) {
    case 'PUT index':
      return collection.index(body);
    case 'PUT points':
      return collection.upsert(body);
    case 'POST points':
      return collection.retrieve(body);
    case 'POST points/query':
      return collection.query(body);
    case 'POST points/query/batch':
      return (body.searches as Json[]).map((search) => collection.query(search));
    case 'POST points/scroll':
      return collection.scroll(body);
    case 'POST points/count':
      return collection.count(body);
    case 'POST facet':
      return collection.facet(body);
    case 'POST points/payload':
      return collection.setPayload(body);
    case 'POST points/delete':
      return collection.delete(body);
    case 'POST points/batch':
      return (body.operations as Json[]).map((operation) => update(collection, operation));
  }
  if (what.startsWith('GET points/') && rest.length === 2) return getOne(collection, rest[1]!);
  return undefined;
}

function update(collection: FakeCollection, operation: Json): Json {
  const [[name, body]] = Object.entries(operation) as [[string, Json]];
  if (name === 'upsert') return collection.upsert(body);
  if (name === 'set_payload') return collection.setPayload(body);
  if (name === 'delete') return collection.delete(body);
  throw new Refusal(501, `the fake knows no ${name} in a batch`);
}

function getOne(collection: FakeCollection, id: string): Json {
  try {
    pointId(id);
  } catch {
    throw new Refusal(400, `Wrong input: Can not recognize "${id}" as point id`);
  }
  const point = collection.points.get(id);
  if (point === undefined) throw new Refusal(404, `Not found: Point with id ${id} does not exists!`);
  return record(point, true, true);
}

function create(state: State, name: string, config: Json): boolean {
  if (state.aliases.has(name)) {
    throw new Refusal(
      400,
      `Wrong input: Can't create collection with name ${name}. Alias with the same name already exists`,
    );
  }
  if (state.collections.has(name)) throw new Refusal(409, `Wrong input: Collection \`${name}\` already exists!`);
  state.collections.set(name, new FakeCollection(config, state.strict));
  return true;
}

function drop(state: State, name: string): boolean {
  for (const [alias, target] of state.aliases) if (target === name) state.aliases.delete(alias);
  return state.collections.delete(name);
}

function aliasList(state: State): Json[] {
  return [...state.aliases].map(([alias_name, collection_name]) => ({ alias_name, collection_name }));
}

function changeAliases(state: State, { actions }: Json): boolean {
  for (const action of actions as { create_alias?: Record<string, string>; delete_alias?: Record<string, string> }[]) {
    if (action.delete_alias) state.aliases.delete(action.delete_alias.alias_name!);
    if (!action.create_alias) continue;
    const { alias_name, collection_name } = action.create_alias;
    if (!state.collections.has(collection_name!)) throw missing(collection_name!);
    state.aliases.set(alias_name!, collection_name!);
  }
  return true;
}

function missing(name: string): Refusal {
  return new Refusal(404, `Not found: Collection \`${name}\` doesn't exist!`);
}
