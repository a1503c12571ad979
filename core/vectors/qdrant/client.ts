import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { QdrantClient, withHeaders } from '@qdrant/js-client-rest';
import pRetry from 'p-retry';
import { SightlineError } from '../../errors.ts';
import { isTransient, translateQdrantError } from './errors.ts';
import { RetryAfterHeaders } from './retry-after-headers.ts';

export interface QdrantConnection {
  /** Such as `https://qdrant.example.com:6333/prefix`. Without a port: 6333, as in all Qdrant clients. */
  readonly url: string;
  readonly apiKey?: string;
  /**
   * For one attempt.
   * @default 10000
   */
  readonly timeoutMs?: number;
  /**
   * For one request with all attempts and the pauses between them.
   * @default 30000
   */
  readonly deadlineMs?: number;
  /**
   * Attempts per request, including the first.
   * @default 5
   */
  readonly maxAttempts?: number;
}

/** A server, and how every request to it is made. */
export interface QdrantSession {
  /** With the port, for messages. */
  readonly url: string;
  /**
   * Makes one request, and repeats it after transient faults (429, 5xx, timeout, connection), with growing, random
   * pauses that are never shorter than the server asked for, all within the deadline. Requests must therefore be
   * idempotent. `request` must call the client before it first awaits.
   * @throws {SightlineError} with the code that {@link translateQdrantError} gives the fault
   */
  call<T>(action: string, request: (client: QdrantClient) => Promise<T>): Promise<T>;
  close(): void;
}

/**
 * Sends nothing.
 * @throws {invalid-config} for an invalid URL
 */
export function connectQdrant(connection: QdrantConnection): QdrantSession {
  const { deadlineMs = 30_000, maxAttempts = 5 } = connection;
  const address = addressOf(connection.url);
  const { url } = address;
  const client = createClient(address, connection);
  const pauses = new RetryAfterHeaders();
  return {
    url,
    async call(action, request) {
      const late = () =>
        new SightlineError('unavailable', `Qdrant at ${url}: ${action}: no answer in ${deadlineMs} ms`, {
          details: { qdrant: url },
        });
      const deadline = new AbortController();
      const timer = setTimeout(() => deadline.abort(late()), deadlineMs);
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
  /** With a leading slash and no trailing one; undefined when there is none. */
  readonly prefix: string | undefined;
  /** The full URL of requests: with the port, without a user or password. */
  readonly url: string;
}

function addressOf(given: string): Address {
  // A secret written with `echo` ends with a line feed.
  const text = given.trim();
  const parsed = URL.canParse(text) ? new URL(text) : null;
  if (parsed === null || !['http:', 'https:'].includes(parsed.protocol)) {
    throw new SightlineError('invalid-config', `expected the URL of a Qdrant server, got ${JSON.stringify(text)}`);
  }
  // URL drops the protocol's default port, and the client would then use 6333 although 443 was given.
  const ownPort = /^https?:\/\/[^/]*:(80|443)(?:[/?#]|$)/i.exec(text)?.[1];
  const port = Number(parsed.port || ownPort || 6333);
  const prefix = parsed.pathname.replace(/\/+$/, '');
  const url = `${parsed.protocol}//${parsed.hostname}:${port}${prefix}`;
  return { origin: parsed.origin, port, prefix: prefix === '' ? undefined : prefix, url };
}

function createClient({ origin, port, prefix }: Address, options: QdrantConnection): QdrantClient {
  const { timeoutMs = 10_000 } = options;
  const apiKey = options.apiKey?.trim();
  if (apiKey !== undefined && !/^[\x20-\x7e]*$/.test(apiKey)) {
    // Do not quote the key: it may be a real one with a single wrong character.
    throw new SightlineError('invalid-config', 'expected an API key of Qdrant in visible ASCII characters, got others');
  }
  return new QdrantClient({
    url: origin,
    port,
    prefix,
    // As a header, because the client writes a warning to the console about `apiKey` over plain HTTP.
    headers: apiKey === undefined ? undefined : { 'api-key': apiKey },
    timeout: timeoutMs,
    // It would send its own request at once and log to the console; opening a store checks the version.
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
    // Ignore a late failure.
    answer.catch(() => {});
  }
}
