import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer, type ServerType } from '@hono/node-server';
import { SightlineError } from '../core/errors.ts';

type Fetch = (request: Request, env: unknown) => Response | Promise<Response>;

/** Serves on an address; port 0 takes any free one. Throws `unavailable` when it cannot be had, saying why. */
export async function listen(fetch: Fetch, host: string, port: number): Promise<{ server: ServerType; url: string }> {
  const server = createAdaptorServer({ fetch: fetch as never });
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const reasons: Record<string, string> = {
      EADDRINUSE: `port ${port} is in use; stop what uses it, or choose another with --port`,
      EACCES: `port ${port} needs more rights than this user has; choose one above 1023 with --port`,
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

/** Takes no new connections, ends idle ones, and waits up to `graceMs` for answers under way before it ends those too. */
export async function stopListening(server: ServerType, graceMs = 3000): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  if ('closeIdleConnections' in server) server.closeIdleConnections();
  const timer = setTimeout(() => 'closeAllConnections' in server && server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(timer);
}
