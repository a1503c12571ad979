import { createHash } from 'node:crypto';
import type { Settings } from './stack-settings';

/**
 * Statuses that CloudFront caches for 10 s by default, whatever the answer says (CloudFront, "Error caching").
 */
const KEPT_ERRORS = [400, 403, 404, 405, 414, 500, 501, 502, 503, 504];

/**
 * CloudFront in front of the API function, if there is a domain. It adds a secret header without which the function
 * refuses to answer, so that its URL cannot bypass CloudFront and the firewall. SST's `protection` would also block
 * every upload: it needs a signature of each body from the caller, or Lambda@Edge and at most 1 MB.
 */
export async function createRouter(settings: Settings) {
  if (settings.domain === undefined) return undefined;
  // Not imported at the top: SST evaluates the configuration before this is installed.
  const { RandomBytes } = await import('@pulumi/random');
  const key = new RandomBytes('OriginKey', { length: 32 }).hex;
  const instance = new sst.aws.Router('Router', {
    domain: settings.domain,
    waf:
      settings.firewallRate === undefined
        ? undefined
        : {
            rateLimitPerIp: settings.firewallRate,
            // AWS's own rules refuse bodies over 8 KB, and so every picture.
            managedRules: { coreRuleSet: false, knownBadInputs: false, sqlInjection: false },
          },
    edge: {
      viewerRequest: {
        injection: $interpolate`event.request.headers["x-sightline-origin"] = { value: "${key}" };
event.request.headers["x-sightline-viewer"] = { value: event.viewer.ip };`,
      },
    },
    transform: {
      cdn: (args) => {
        args.transform = {
          distribution: (distribution) => {
            // A picture requested just before it is indexed must be found right after.
            distribution.customErrorResponses = KEPT_ERRORS.map((errorCode) => ({ errorCode, errorCachingMinTtl: 0 }));
          },
        };
      },
    },
  });
  // Otherwise SST writes it to sst-env.d.ts, whose content would depend on the settings. What throws is omitted.
  instance.getSSTLink = () => {
    throw new Error('not linked to a function');
  };
  const keyHash = key.apply((value) => createHash('sha256').update(value).digest('hex'));
  return { instance, keyHash, readTimeout: readTimeout(settings) };
}

/** Longest origin timeout without a quota increase (CloudFront quotas), in seconds. */
const LONGEST_READ = 60;

/** Timeout like the function's; by default CloudFront gives up after 20 s and retries. */
function readTimeout(settings: Settings) {
  return `${Math.min(settings.apiTimeoutSeconds, LONGEST_READ)} seconds` as const;
}

export type Router = NonNullable<Awaited<ReturnType<typeof createRouter>>>;
