import { createHash } from 'node:crypto';
import type { Settings } from './stack-settings';

/**
 * Those whose faults CloudFront keeps for 10 s whatever the answer says, if it is not told otherwise (CloudFront,
 * "Error caching").
 */
const KEPT_ERRORS = [400, 403, 404, 405, 414, 500, 501, 502, 503, 504];

/**
 * CloudFront in front of the API function, when there is a domain. It adds a header that only it knows, without which
 * the function answers nobody, so that its own URL is no way around CloudFront and its firewall. SST's `protection`
 * would close the URL as well, and with it every upload: it wants a signature of each body from the caller, or
 * Lambda@Edge and at most 1 MB.
 */
export async function createRouter(settings: Settings) {
  if (settings.domain === undefined) return undefined;
  // Not at the top: SST evaluates the configuration before it has installed this.
  const { RandomBytes } = await import('@pulumi/random');
  const key = new RandomBytes('OriginKey', { length: 32 }).hex;
  const instance = new sst.aws.Router('Router', {
    domain: settings.domain,
    waf:
      settings.firewallRate === undefined
        ? undefined
        : {
            rateLimitPerIp: settings.firewallRate,
            // AWS's own rules refuse bodies over 8 KB, which every picture is.
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
            // A picture that is asked for just before it is indexed must be found just after.
            distribution.customErrorResponses = KEPT_ERRORS.map((errorCode) => ({ errorCode, errorCachingMinTtl: 0 }));
          },
        };
      },
    },
  });
  const keyHash = key.apply((value) => createHash('sha256').update(value).digest('hex'));
  return { instance, keyHash, readTimeout: readTimeout(settings) };
}

/** Longest wait for an origin that CloudFront takes without a quota of one's own (CloudFront quotas), seconds. */
const LONGEST_READ = 60;

/** As long as the function may take: by default CloudFront gives up after 20 s, and asks again. */
function readTimeout(settings: Settings) {
  return `${Math.min(settings.apiTimeoutSeconds, LONGEST_READ)} seconds` as const;
}

export type Router = NonNullable<Awaited<ReturnType<typeof createRouter>>>;
