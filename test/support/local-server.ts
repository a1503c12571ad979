import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A test's own server, on a free port of this machine. */
export interface LocalServer extends AsyncDisposable {
  /** Without a slash at the end. */
  readonly url: string;
  /** Number of connections opened so far. */
  connections(): number;
  /** Also drops all connections. */
  stop(): Promise<void>;
}

export async function serveLocally(answer: RequestListener): Promise<LocalServer> {
  const server = createServer(answer);
  // Longer than any pause in a test.
  server.keepAliveTimeout = 120_000;
  let connections = 0;
  server.on('connection', () => {
    connections += 1;
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const stop = async () => {
    server.closeAllConnections();
    server.close();
  };
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, connections: () => connections, stop, [Symbol.asyncDispose]: stop };
}
