import diagnostics from 'node:diagnostics_channel';
import { retryAfterMs } from '../../util/retry-after.ts';

/**
 * Reads `Retry-After` headers. The client keeps only the first character when it reports a 429, so the header is taken
 * from the connection's diagnostics and matched by request id.
 */
export class RetryAfterHeaders {
  readonly #pauses = new Map<string, number>();
  readonly #onHeaders = (message: unknown) => {
    const { request, response } = message as { request: { headers: unknown }; response: UndiciResponse };
    if (response.statusCode !== 429) return;
    const id = /x-request-id(?::\s*|,)([0-9a-f-]{36})/i.exec(String(request.headers))?.[1];
    const names = response.headers.map((part) => part.toString());
    const at = names.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === 'retry-after');
    // This sees every request of the process, including other sessions and other servers.
    if (id !== undefined && at >= 0 && this.#pauses.has(id)) this.#pauses.set(id, retryAfterMs(names[at + 1]) ?? 0);
  };

  constructor() {
    diagnostics.subscribe('undici:request:headers', this.#onHeaders);
  }

  /** Watches the responses to this request until `forget`. */
  expect(id: string): string {
    this.#pauses.set(id, 0);
    return id;
  }

  /** Milliseconds that the last response to this request asked to wait; 0 when it did not. */
  take(id: string, error: unknown): number {
    const pause = this.#pauses.get(id) ?? 0;
    this.#pauses.set(id, 0);
    const headers = (error as { headers?: unknown }).headers;
    return Math.max(pause, headers instanceof Headers ? (retryAfterMs(headers.get('retry-after')) ?? 0) : 0);
  }

  forget(id: string): void {
    this.#pauses.delete(id);
  }

  close(): void {
    diagnostics.unsubscribe('undici:request:headers', this.#onHeaders);
  }
}

interface UndiciResponse {
  readonly statusCode: number;
  /** Alternating names and values. */
  readonly headers: readonly Buffer[];
}
