import { networkInterfaces } from 'node:os';
import type { Config } from '../core/settings.ts';
import { isLoopback } from './app.ts';

/**
 * The message on the terminal when the server is up: its URLs, and who can read there.
 * @param url the address it listens on, such as `http://0.0.0.0:8787`
 */
export function greeting(
  url: string,
  config: Pick<Config, 'host' | 'basePath' | 'apiKeyHashes' | 'requireKey'>,
): string[] {
  const { host, basePath, apiKeyHashes, requireKey } = config;
  const isOpen = apiKeyHashes.length === 0;
  const lines = [
    `Sightline is at ${addressesOf(url, host)
      .map((address) => `${address}${basePath ?? ''}`)
      .join(' and ')}`,
  ];
  if (!isLoopback(host) && (isOpen || requireKey !== 'read')) {
    const advice = 'SIGHTLINE_REQUIRE_KEY=read asks for a key, which `npm run key` makes';
    lines.push(
      `Everybody on the network can see these pictures${isOpen ? ', and nobody can change them' : ''}: ${advice}.`,
    );
  }
  if (isOpen && isLoopback(host) && requireKey === 'read') {
    lines.push(
      'SIGHTLINE_REQUIRE_KEY asks for no key while SIGHTLINE_API_KEYS has none: only this machine can connect.',
    );
  }
  return lines;
}

/** The URLs that can be opened: with all addresses of the machine if the server listens on all. */
function addressesOf(url: string, host: string): string[] {
  if (host !== '0.0.0.0' && host !== '::') return [url];
  const { port } = new URL(url);
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  // Link-local IPv6 addresses do not work without the name of an interface.
  const shown = own.filter(({ family, address }) => family === 'IPv4' || (host === '::' && !/^fe80:/i.test(address)));
  shown.sort((a, b) => Number(a.internal) - Number(b.internal));
  return shown.map(({ family, address }) => `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`);
}
