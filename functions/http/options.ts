import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { SightlineError } from '../../core/errors.ts';

/**
 * What can be set of the HTTP edge. Each field says its default and bounds; limits of the API itself stand where they
 * are checked: in schemas, request-body.ts and upload-key.ts.
 */
const schema = z.strictObject({
  /**
   * True when only this machine can connect. The Host header must then name it, so that no web page can rebind a name
   * to it.
   */
  loopback: z.boolean().default(false),
  /**
   * Host names answered to, without port; those of this machine count too when `loopback`. Where there are none,
   * every name is answered to: who can connect anyway needs no page to rebind a name.
   */
  allowedHosts: z.array(z.string().min(1).max(253)).max(100).default([]),
  /** What needs a key: nothing (only for loopback), writing, or reading and writing. */
  requireKey: z.enum(['nothing', 'write', 'read']).default('write'),
  /**
   * SHA-256 hashes (64 hex digits) of the API keys, each as `read:HASH`, `write:HASH` or just the hash, which may
   * write; at most 100.
   */
  apiKeyHashes: z
    .array(z.string().regex(/^((read|write):)?[0-9a-f]{64}$/, 'expected a SHA-256 hash as 64 lower-case hex digits'))
    .max(100)
    .default([]),
  /** Networks (CIDR) of proxies whose word on caller, scheme, host and prefix counts. None by default. */
  trustedProxies: z
    .array(z.string().refine((text) => ipaddr.isValidCIDR(text), 'expected a network such as 10.0.0.0/8'))
    .max(100)
    .default([]),
  /** The path under which callers see this service, such as /photos; '' for the root. */
  basePath: z
    .string()
    .regex(/^(\/[\w.~-]+)*$/, 'expected a path such as /photos')
    .default(''),
  /** Folders and buckets of pictures are never changed: uploads are refused before they are read. */
  readOnly: z.boolean().default(false),
  /** Origins (scheme, host and port) whose pages may call the API. None by default. */
  corsOrigins: z
    .array(z.url().transform((url) => new URL(url).origin))
    .max(100)
    .default([]),
  /** Requests a minute and caller, 0 to 1,000,000; 0, the default, is no limit. Both hosts give their setting. */
  requestsPerMinute: z.int().min(0).max(1_000_000).default(0),
  /** Milliseconds until a request that has no answer yet gets 503, 100 to 900,000. */
  requestTimeoutMs: z.int().min(100).max(900_000).default(30_000),
  /** Largest uploaded picture in bytes, 1 KiB to 1 GiB. */
  maxImageBytes: z
    .int()
    .min(1024)
    .max(1024 ** 3)
    .default(50 * 1024 ** 2),
  /** Bytes of thumbnails kept in memory, 0 to 1 GiB. */
  thumbnailCacheBytes: z
    .int()
    .min(0)
    .max(1024 ** 3)
    .default(32 * 1024 ** 2),
  /** Thumbnails made at the same time, 1 to 64; each holds one decoded picture. */
  thumbnailConcurrency: z.int().min(1).max(64).default(2),
});

export type HttpOptions = Readonly<z.output<typeof schema>>;
export type HttpOptionsInput = z.input<typeof schema>;

/**
 * Checks and completes the options.
 * @throws {invalid-config} naming every field that does not fit
 */
export function parseHttpOptions(input: HttpOptionsInput): HttpOptions {
  const parsed = schema.safeParse(input);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'options'}: ${issue.message}`);
    throw new SightlineError('invalid-config', `the HTTP options do not fit: ${problems.join('; ')}`);
  }
  const { requireKey, loopback, apiKeyHashes } = parsed.data;
  if (requireKey === 'nothing' && !loopback) {
    throw new SightlineError('invalid-config', 'expected requireKey "nothing" only together with loopback');
  }
  if (requireKey === 'read' && apiKeyHashes.length === 0) {
    throw new SightlineError('invalid-config', 'expected an API key, as reading needs one; none can be shown');
  }
  return Object.freeze(parsed.data);
}
