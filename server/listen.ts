import { once } from 'node:events';
import { type IncomingMessage, maxHeaderSize, type ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { createAdaptorServer, type ServerType } from '@hono/node-server';
import { SightlineError } from '../core/errors.ts';
import { PROBLEMS } from '../functions/http/problem.ts';

type Fetch = (request: Request, env: unknown) => Response | Promise<Response>;

/**
 * Serves on an address; port 0 picks a free one.
 * @throws {unavailable} when the address cannot be used, saying why
 */
export async function listen(fetch: Fetch, host: string, port: number): Promise<{ server: ServerType; url: string }> {
  // HTTP/1.0 has no Host header; health checks of some load balancers omit it.
  const server = createAdaptorServer({ fetch: fetch as never, hostname: host.includes(':') ? `[${host}]` : host });
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    // Send 100 Continue only when the body is read: a request refused by its headers is never sent.
    const read = request._read.bind(request);
    request._read = (size) => {
      request._read = read;
      if (!response.headersSent) response.writeContinue();
      read(size);
    };
    server.emit('request', request, response);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    // No response if the client is gone or already being answered.
    if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy();
    else socket.end(rawProblem(error.code === 'HPE_HEADER_OVERFLOW' ? 'headers-too-large' : 'malformed-http', error));
  });
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const reasons: Record<string, string> = {
      EADDRINUSE: `port ${port} is in use; stop what uses it, or choose another with --port`,
      EACCES: `this user may not use port ${port}; choose one above 1023 with --port`,
      EADDRNOTAVAIL: `this machine has no address ${host}`,
      ENOTFOUND: `there is no host ${host}`,
    };
    const reason = reasons[(error as NodeJS.ErrnoException).code ?? ''] ?? (error as Error).message;
    throw new SightlineError('unavailable', `cannot listen on ${host}: ${reason}`, { cause: error });
  }
  const address = server.address() as AddressInfo;
  const shown = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return { server, url: `http://${shown}:${address.port}` };
}

/** The response to an invalid request, for which Node would send an empty one. */
function rawProblem(code: 'headers-too-large' | 'malformed-http', error: NodeJS.ErrnoException): string {
  const { status, title } = PROBLEMS[code];
  const detail =
    code === 'headers-too-large'
      ? `expected the address and the headers within ${maxHeaderSize} bytes, got more; long texts go into ` +
        `the body of POST /search`
      : `expected an HTTP/1.1 request, got something else (${error.code ?? error.message})`;
  const body = JSON.stringify({ type: `/problems/${code}`, title, status, detail });
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}

/**
 * Accepts no new connections, closes idle ones and others after their next response, and waits up to `graceMs` for
 * running requests before it closes those, too.
 */
export async function stopListening(server: ServerType, graceMs = 3000): Promise<void> {
  // A busy client that keeps its connection would otherwise be cut off in the middle of a later request.
  server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
    response.shouldKeepAlive = false;
  });
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  if ('closeIdleConnections' in server) server.closeIdleConnections();
  const timer = setTimeout(() => 'closeAllConnections' in server && server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(timer);
}
