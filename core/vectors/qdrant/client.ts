import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { QdrantClient, withHeaders } from '@qdrant/js-client-rest';
import pRetry from 'p-retry';
import { SightlineError } from '../../errors.ts';
import { isTransient, translateQdrantError } from './errors.ts';
import { RequestedPauses } from './requested-pauses.ts';

export interface QdrantConnection {
  /** Such as `https://qdrant.example.com:6333/prefix`. Without a port: 6333, as all Qdrant clients have it. */
  readonly url: string;
  readonly apiKey?: string;
  /** For one try of a request. Default 10,000. */
  readonly timeoutMs?: number;
  /** For one request with all its tries and the pauses between them. Default 30,000. */
  readonly deadlineMs?: number;
  /** Tries a request, the first one included. Default 5. */
  readonly maxAttempts?: number;
  /** Default 25. */
  readonly maxConnections?: number;
}

/** A server and the way every request to it is made. */
export interface QdrantSession {
  /** With the port, for messages. */
  readonly url: string;
  /**
   * Makes one request, and makes it again when the fault may pass (429, 5xx, timeout, connection), with growing, random
   * pauses that are never shorter than the server asked for, all within the deadline. So requests must be idempotent.
   * `request` must call the client before it first awaits. Throws translated faults.
   */
  call<T>(action: string, request: (client: QdrantClient) => Promise<T>): Promise<T>;
  close(): void;
}

/**
 * Sends nothing.
 * @throws {invalid-config} for a URL that is none
 */
export function connectQdrant(connection: QdrantConnection): QdrantSession {
  const { deadlineMs = 30_000, maxAttempts = 5 } = connection;
  const address = addressOf(connection.url);
  const { url } = address;
  const client = createClient(address, connection);
  const pauses = new RequestedPauses();
  return {
    url,
    async call(action, request) {
      const late = new SightlineError('unavailable', `Qdrant at ${url}: ${action}: no answer in ${deadlineMs} ms`, {
        details: { qdrant: url },
      });
      const deadline = new AbortController();
      const timer = setTimeout(() => deadline.abort(late), deadlineMs);
      const end = performance.now() + deadlineMs;
      const id = pauses.expect(randomUUID());
      const attempt = () => {
        const answer = withHeaders({ 'x-request-id': id }, () => request(client));
        return beforeAbort(answer, deadline.signal);
      };
      try {
        return await pRetry(attempt, {
          retries: maxAttempts - 1,
          minTimeout: 100,
          maxTimeout: 5_000,
          randomize: true,
          signal: deadline.signal,
          shouldRetry: ({ error }) => isTransient(error),
          async onFailedAttempt({ error, retriesLeft }) {
            const pauseMs = pauses.take(id, error);
            if (!isTransient(error) || retriesLeft === 0 || pauseMs === 0) return;
            if (performance.now() + pauseMs > end) throw error;
            await sleep(pauseMs);
          },
        });
      } catch (error) {
        throw translateQdrantError(error, { url, action });
      } finally {
        clearTimeout(timer);
        pauses.forget(id);
      }
    },
    close: () => pauses.close(),
  };
}

interface Address {
  readonly origin: string;
  readonly port: number;
  /** Begins with a slash and does not end with one; undefined when there is none. */
  readonly prefix: string | undefined;
  /** All of it, as requests are sent there: with the port, without a user or password. */
  readonly url: string;
}

function addressOf(given: string): Address {
  // A secret that was written with `echo` ends with a line feed.
  const text = given.trim();
  const parsed = URL.canParse(text) ? new URL(text) : null;
  if (parsed === null || !['http:', 'https:'].includes(parsed.protocol)) {
    throw new SightlineError('invalid-config', `expected the URL of a Qdrant server, got ${JSON.stringify(text)}`);
  }
  // URL drops a port that is the protocol's own, and the client would then take 6333 although 443 was written.
  const ownPort = /^https?:\/\/[^/]*:(80|443)(?:[/?#]|$)/i.exec(text)?.[1];
  const port = Number(parsed.port || ownPort || 6333);
  const prefix = parsed.pathname.replace(/\/+$/, '');
  const url = `${parsed.protocol}//${parsed.hostname}:${port}${prefix}`;
  return { origin: parsed.origin, port, prefix: prefix === '' ? undefined : prefix, url };
}

function createClient({ origin, port, prefix }: Address, options: QdrantConnection): QdrantClient {
  const { timeoutMs = 10_000, maxConnections } = options;
  const apiKey = options.apiKey?.trim();
  if (apiKey !== undefined && !/^[\x20-\x7e]*$/.test(apiKey)) {
    // Without the key: what is wrong here may be wrong with one character of a real one.
    throw new SightlineError('invalid-config', 'expected an API key of Qdrant in visible ASCII characters, got others');
  }
  return new QdrantClient({
    url: origin,
    port,
    prefix,
    // As a header, because the client writes a warning to the console about `apiKey` over plain HTTP.
    headers: apiKey === undefined ? undefined : { 'api-key': apiKey },
    timeout: timeoutMs,
    maxConnections,
    // Would send a request of its own at once and report to the console; the version is checked when a store is opened.
    checkCompatibility: false,
  });
}

/** The answer, unless the signal fires first: then its reason. */
async function beforeAbort<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([answer, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    // Whatever still comes of it is nobody's any more.
    answer.catch(() => {});
  }
}
