import { createRoute, type z } from '@hono/zod-openapi';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import type { Change } from '../change-feed.ts';
import type { AppDeps } from '../deps.ts';
import { type App, problems } from '../openapi.ts';
import { noQuery } from '../schemas/common.ts';
import { change } from '../schemas/event-stream.ts';

/** Maximum number of open streams; each costs a socket and a timer. Further clients are told to poll. */
const MAX_STREAMS = 200;
/**
 * Milliseconds between checks for other processes' changes (once for all streams) and for shutdown.
 */
const LOOK_MS = 1000;
/** Comments that keep proxies from closing a quiet stream; the shortest idle limit in common use is 30 s. */
const BEAT_MS = 15_000;
/** Changes that are kept for a caller that does not read them. */
const MOST_WAITING = 100;
/** Clients reconnect after this many milliseconds. */
const RETRY_MS = 2000;

const eventsRoute = createRoute({
  method: 'get',
  path: '/events',
  tags: ['operations'],
  summary: 'Changes of the collection, as they happen',
  description:
    'Server-sent events; `data` of each is a Change as JSON. Answers 204 if streams are unavailable (on Lambda, or ' +
    'when too many are open): then compare the first picture and `total` of GET /images with limit=1.',
  request: { query: noQuery },
  responses: {
    200: { description: 'An endless stream.', content: { 'text/event-stream': { schema: change } } },
    204: { description: 'No events here.' },
    ...problems(),
  },
});

/** Registers GET /events, so that a page stays up to date without polling. */
export function registerEvents(app: App, deps: AppDeps): void {
  const { changes } = deps;
  let streams = 0;
  const subscribe = changes && watchAll(deps, changes.subscribe);

  app.openapi(eventsRoute, (c) => {
    // The content type keeps browsers from complaining about the missing event stream.
    if (subscribe === undefined || streams >= MAX_STREAMS) return c.body(null, 204, { 'Content-Type': EVENT_STREAM });
    // Node sends no body, and does not cancel this one either: the stream would stay open for ever.
    if (c.req.method === 'HEAD') return c.body(null, 200, { 'Content-Type': EVENT_STREAM });
    streams += 1;
    c.header('X-Accel-Buffering', 'no');
    return streamSSE(c, async (stream) => {
      try {
        await tell(stream, deps.ready, subscribe);
      } finally {
        streams -= 1;
      }
    });
  });
}

const EVENT_STREAM = 'text/event-stream';

/** Writes changes until the client disconnects or the service stops. */
async function tell(stream: SSEStreamingApi, ready: AppDeps['ready'], subscribe: Subscribe): Promise<void> {
  const gone = new Promise<void>((resolve) => stream.onAbort(resolve));
  const caller = writerTo(stream);
  // Headers are sent with the first byte; the client should know at once that it is connected.
  caller.write(`retry: ${RETRY_MS}\n\n`);
  const unsubscribe = subscribe(caller.tell);
  let lastBeat = Date.now();
  try {
    while (!stream.aborted && !stream.closed && ready() !== 'stopping') {
      await Promise.race([stream.sleep(LOOK_MS), gone]);
      if (Date.now() - lastBeat <= BEAT_MS) continue;
      lastBeat = Date.now();
      if (caller.isIdle()) caller.write(': \n\n');
    }
  } finally {
    unsubscribe();
  }
}

/**
 * Writes in order, without waiting for a client that does not read: beyond MOST_WAITING changes it only learns that
 * something changed.
 */
function writerTo(stream: SSEStreamingApi) {
  let waiting: string[] = [];
  let isWriting = false;
  const asEvent = (what: Told) => `data: ${JSON.stringify(what)}\n\n`;

  async function writeAll(): Promise<void> {
    if (isWriting) return;
    isWriting = true;
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await stream.write(next);
    isWriting = false;
  }
  const write = (text: string) => {
    waiting.push(text);
    void writeAll();
  };
  return {
    write,
    tell(what: Told): void {
      if (waiting.length >= MOST_WAITING) waiting = [asEvent(elsewhere())];
      write(asEvent(what));
    },
    isIdle: () => !isWriting,
  };
}

type Told = z.output<typeof change>;
type Subscribe = (listener: (what: Told) => void) => () => void;

/**
 * Changes by this process and by others. Others' changes are polled once for all listeners, and only while there are
 * any.
 */
function watchAll(deps: AppDeps, own: (listener: (what: Change) => void) => () => void): Subscribe {
  const listeners = new Set<(what: Told) => void>();
  let stop = () => {};

  function start(): () => void {
    let state: string | null = null;
    let isOwn = false;
    const tellAll = (what: Told) => {
      for (const listener of listeners) listener(what);
    };
    const unsubscribe = own((what) => {
      isOwn = true;
      tellAll(what);
    });
    let isLooking = false;
    const look = async () => {
      if (isLooking) return;
      isLooking = true;
      const next = await stateOf(deps).catch(() => state);
      if (state !== null && next !== state && !isOwn) tellAll(elsewhere());
      [isOwn, state, isLooking] = [false, next, false];
    };
    void look();
    const timer = setInterval(look, LOOK_MS).unref();
    return () => {
      clearInterval(timer);
      unsubscribe();
    };
  }

  return (listener) => {
    if (listeners.size === 0) stop = start();
    // A function may be subscribed twice; each subscription ends separately.
    const one = (what: Told) => listener(what);
    listeners.add(one);
    return () => {
      if (listeners.delete(one) && listeners.size === 0) stop();
    };
  };
}

/** A change that is not described in detail. */
function elsewhere(): z.output<typeof change> {
  return { type: 'changed', id: null, key: null, at: new Date().toISOString() };
}

/** Changes whenever any process indexes or removes something. */
async function stateOf({ onLiveSpace }: AppDeps): Promise<string> {
  const filter = { kind: 'image' } as const;
  // The live space may change during a stream.
  const [count, newest] = await onLiveSpace(({ vectors }) =>
    Promise.all([vectors.count(filter), vectors.list({ filter, limit: 1, order: 'newest' })]),
  );
  return `${count} ${newest.items[0]?.id} ${newest.items[0]?.payload.indexedAt}`;
}
