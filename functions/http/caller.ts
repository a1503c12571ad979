import type { Context, MiddlewareHandler } from 'hono';
import ipaddr from 'ipaddr.js';
import type { AppDeps, AppEnv, Caller } from './deps.ts';
import type { HttpOptions } from './options.ts';

type Networks = readonly ReturnType<typeof ipaddr.parseCIDR>[];

/**
 * Sets the {@link Caller} for later middleware. Forwarding headers count only from trusted addresses.
 */
export function identifyCaller(
  options: HttpOptions,
  clientAddress: (c: Context) => string | null,
): MiddlewareHandler<AppEnv> {
  const trusted = options.trustedProxies.map((network) => ipaddr.parseCIDR(network));
  return async (c, next) => {
    c.set('caller', callerOf(c, options, trusted, clientAddress(c)));
    await next();
  };
}

function callerOf(c: Context, options: HttpOptions, trusted: Networks, peer: string | null): Caller {
  const url = new URL(c.req.url);
  const direct: Caller = {
    address: peer,
    host: c.req.header('host') || url.host,
    scheme: url.protocol === 'https:' ? 'https' : 'http',
    basePath: options.basePath,
    isForwarded: ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'].some((name) => c.req.header(name) !== undefined),
  };
  if (peer === null || !isTrusted(peer, trusted)) return direct;
  const hops = hopsOf(c, trusted);
  const last = hops.at(-1);
  const proto = (last?.proto ?? c.req.header('x-forwarded-proto')?.split(',').at(-1))?.trim().toLowerCase();
  const prefix = c.req.header('x-forwarded-prefix')?.trim().replace(/\/+$/, '') ?? '';
  return {
    address: callerAmong(hops, trusted) ?? peer,
    host: (last?.host ?? c.req.header('x-forwarded-host')?.split(',').at(-1))?.trim() || direct.host,
    scheme: proto === 'https' || proto === 'http' ? proto : direct.scheme,
    basePath: /^(\/[\w.~-]+)+$/.test(prefix) ? prefix : options.basePath,
    isForwarded: true,
  };
}

interface Hop {
  readonly for?: string;
  readonly proto?: string;
  readonly host?: string;
}

/**
 * Each proxy adds its own client at the end: the caller is the last address that is not a trusted proxy. What stands in
 * front of one that a proxy hides or does not know may have been made up.
 */
function callerAmong(hops: readonly Hop[], trusted: Networks): string | undefined {
  const hidden = hops.findLastIndex((hop) => hop.for === undefined);
  const addresses = hops.slice(hidden + 1).map((hop) => hop.for!);
  return addresses.findLast((address) => !isTrusted(address, trusted)) ?? addresses[0];
}

/**
 * The hops of the request, the closest to this server last, from `Forwarded` (RFC 7239) or `X-Forwarded-For`. Most
 * proxies write only one of them and pass the client's version of the other on: if both are present and name different
 * callers, neither is trusted.
 */
function hopsOf(c: Context, trusted: Networks): readonly Hop[] {
  const [forwarded, xForwardedFor] = [c.req.header('forwarded'), c.req.header('x-forwarded-for')];
  const hops = forwarded === undefined ? [] : (forwarded.match(/(?:"[^"]*"|[^,"])+/g) ?? []).map(readForwarded);
  const others = (xForwardedFor ?? '').split(',').map((node): Hop => ({ for: addressOf(node) }));
  if (forwarded === undefined) return others;
  if (xForwardedFor === undefined) return hops;
  return callerAmong(hops, trusted) === callerAmong(others, trusted) ? hops : [];
}

function readForwarded(hop: string): Hop {
  const pairs = [...hop.matchAll(/(\w+)=("[^"]*"|[^;\s]*)/g)].map(([, name, value]) => [
    name!.toLowerCase(),
    value!.replaceAll('"', ''),
  ]);
  const { for: node, proto, host } = Object.fromEntries(pairs) as Record<string, string | undefined>;
  return { for: addressOf(node), proto, host };
}

/** A node's address without port and brackets; undefined when it is not an address. */
function addressOf(node: string | undefined): string | undefined {
  const bare = node
    ?.trim()
    .replace(/^\[([^\]]*)\](:\d+)?$/, '$1')
    .replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1');
  return bare !== undefined && ipaddr.isValid(bare) ? bare : undefined;
}

function isTrusted(address: string, networks: Networks): boolean {
  if (networks.length === 0 || !ipaddr.isValid(address)) return false;
  // A socket that listens on IPv6 reports IPv4 addresses as mapped ones.
  const parsed = ipaddr.process(address);
  return networks.some(([network, bits]) => network.kind() === parsed.kind() && parsed.match(network, bits));
}

/** Whether the request was made on this machine and came through no proxy. */
export function isThisMachine({ address, isForwarded }: Caller): boolean {
  return !isForwarded && address !== null && ipaddr.isValid(address) && ipaddr.process(address).range() === 'loopback';
}

/** Whether the caller may know paths of this machine: those who are on it or may change its folders. */
export function isToldPaths(c: Context<AppEnv>): boolean {
  const caller = c.get('caller') as Caller | undefined;
  return (caller !== undefined && isThisMachine(caller)) || c.get('apiKey')?.scope === 'write';
}

/** A text as this caller may read it: with the names of places instead of their paths, unless those may be known. */
export function textFor(c: Context<AppEnv>, { places }: Pick<AppDeps, 'places'>, text: string): string {
  if (places === undefined || isToldPaths(c)) return text;
  const longestFirst = [...places()].sort((a, b) => b.path.length - a.path.length);
  return longestFirst.reduce((told, { path, name }) => told.replaceAll(path, name), text);
}

/** The network to count a limit by: an IPv6 client usually owns a whole /64 and can use any address in it. */
export function networkOf(address: string): string {
  const [bare] = address.split('%');
  if (!ipaddr.isValid(bare!)) return address;
  const parsed = ipaddr.process(bare!);
  return parsed.kind() === 'ipv4' ? parsed.toString() : `${ipaddr.IPv6.networkAddressFromCIDR(`${parsed}/64`)}/64`;
}
