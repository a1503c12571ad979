import ipaddr from 'ipaddr.js';
import { SightlineError } from '../../core/errors.ts';
import type { Values } from '../../core/settings.ts';

/** Settings of both runtimes that the HTTP layer reads. */
type Shared = Pick<
  Values<'functions'>,
  | 'allowedHosts'
  | 'apiKeyHashes'
  | 'trustedProxies'
  | 'corsOrigins'
  | 'readOnly'
  | 'requestsPerMinute'
  | 'requestTimeoutMs'
  | 'maxImageBytes'
>;

/**
 * Options of the HTTP layer, most of them from `core/settings.ts`; limits of the API itself are defined where they are
 * checked: in schemas, request-body.ts and upload-key.ts.
 */
export interface HttpOptions extends Shared {
  /**
   * True when only this machine can connect. The Host header must then name it, which prevents DNS rebinding.
   */
  readonly loopback: boolean;
  /** What requires a key: nothing (only on loopback), writing, or reading and writing. */
  readonly requireKey: 'nothing' | 'write' | 'read';
  /** The path at which clients see this service, such as /photos; '' for the root. */
  readonly basePath: string;
}

export type HttpOptionsInput = Partial<HttpOptions>;

/**
 * Completes the options, and checks combinations of settings.
 * @throws {invalid-config}
 */
export function parseHttpOptions({
  loopback = false,
  allowedHosts = [],
  requireKey = 'write',
  apiKeyHashes = [],
  trustedProxies = [],
  basePath = '',
  readOnly = false,
  corsOrigins = [],
  requestsPerMinute = 0,
  requestTimeoutMs = 30_000,
  maxImageBytes = 50 * 1024 ** 2,
}: HttpOptionsInput): HttpOptions {
  const stranger = trustedProxies.find((network) => !ipaddr.isValidCIDR(network));
  if (stranger !== undefined) {
    throw new SightlineError(
      'invalid-config',
      `trusted proxies: expected a network such as 10.0.0.0/8, got ${stranger}`,
    );
  }
  if (requireKey === 'nothing' && !loopback) {
    throw new SightlineError('invalid-config', 'expected requireKey "nothing" only with loopback');
  }
  if (requireKey === 'read' && apiKeyHashes.length === 0) {
    throw new SightlineError('invalid-config', 'expected an API key, as reading requires one; none is configured');
  }
  return {
    loopback,
    allowedHosts,
    requireKey,
    apiKeyHashes,
    trustedProxies,
    basePath,
    readOnly,
    corsOrigins: corsOrigins.map((url) => new URL(url).origin),
    requestsPerMinute,
    requestTimeoutMs,
    maxImageBytes,
  };
}
