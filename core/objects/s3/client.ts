import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import pRetry from 'p-retry';
import { SightlineError } from '../../errors.ts';
import { isConflict, type S3Context, translateS3Error } from './errors.ts';

export interface S3Options {
  readonly bucket: string;
  /** @default as found by the SDK (environment, profile, instance) */
  readonly region?: string;
  /** Address of another S3-compatible server, such as `http://127.0.0.1:9000`. Implies path-style addresses. */
  readonly endpoint?: string;
  /** @default the SDK's provider chain, which is right on Lambda */
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
  /**
   * Attempts per request, including the first, with exponential backoff and full jitter.
   * @default 4
   */
  readonly maxAttempts?: number;
  /**
   * Longest silence while a body is read.
   * @default 30000
   */
  readonly idleTimeoutMs?: number;
  /**
   * For one request with all attempts, unless it carries bytes.
   * @default 60000
   */
  readonly deadlineMs?: number;
  /**
   * Pays for requests to a bucket whose owner does not ("Requester Pays").
   * @default false
   */
  readonly requesterPays?: boolean;
  /**
   * Refuses everything that would change the bucket, with `read-only`.
   * @default false
   */
  readonly readOnly?: boolean;
  /**
   * Whether to check the bucket once before the store is returned.
   * @default true
   */
  readonly verify?: boolean;
}

/** Attempts of a write that conflicts with another one of the same object. */
const CONFLICT_TRIES = 4;

/** Repeats a write after a short random pause when S3 reports a conflict. */
export function againOnConflict<T>(write: () => Promise<T>): Promise<T> {
  return pRetry(write, {
    retries: CONFLICT_TRIES - 1,
    minTimeout: 50,
    randomize: true,
    shouldRetry: ({ error }) => isConflict(error),
  });
}

/** For the TCP and TLS handshake. */
const CONNECT_TIMEOUT_MS = 3_000;
/** For one attempt up to the response headers. */
const REQUEST_TIMEOUT_MS = 30_000;
/** For one request that carries bytes, with all attempts: 8 MiB take minutes on a slow line. Silence ends it sooner. */
const UPLOAD_DEADLINE_MS = 300_000;
/** Options of a request that carries bytes. */
export const UPLOAD = { requestTimeout: UPLOAD_DEADLINE_MS };

/** Declares in every request that the requester pays (Amazon S3 user guide, "Using Requester Pays buckets"). */
function payForRequests(client: S3Client): void {
  const middleware = client.middlewareStack as unknown as MiddlewareStack;
  middleware.add(
    (next) => (args) => {
      if (args.request !== undefined) args.request.headers['x-amz-request-payer'] = 'requester';
      return next(args);
    },
    { step: 'build', name: 'requesterPays' },
  );
}

/** The part of the SDK's type that is used: the full one requires the inputs of every command. */
interface MiddlewareStack {
  add(middleware: (next: Handler) => Handler, options: { readonly step: 'build'; readonly name: string }): void;
}
type Handler = (args: { readonly request?: { readonly headers: Record<string, string> } }) => Promise<unknown>;

/** One bucket, and how requests to it are made. */
export interface S3Session {
  readonly client: S3Client;
  /** Signs URLs for others, who cannot compute the checksums `client` adds by itself. */
  readonly signer: S3Client;
  readonly bucket: string;
  /** Whether an endpoint was given, so that the server may not be S3. */
  readonly isOther: boolean;
  /**
   * Runs one request under the deadline and translates its faults. The caller's signal also aborts reading the
   * response.
   * @param context.uploads whether it carries bytes, with the options {@link UPLOAD}
   */
  call<T>(
    context: Omit<S3Context, 'bucket'> & { readonly uploads?: boolean },
    run: (signal: AbortSignal) => Promise<T>,
  ): Promise<T>;
}

/**
 * Sends nothing.
 * @throws {invalid-config} for an empty name
 */
export function createSession(options: S3Options): S3Session {
  const { bucket, deadlineMs = 60_000 } = options;
  if (bucket === '') throw new SightlineError('invalid-config', 'expected the name of a bucket, got an empty text');
  const config: S3ClientConfig = {
    region: options.region,
    endpoint: options.endpoint,
    forcePathStyle: options.endpoint !== undefined,
    credentials: options.credentials,
    followRegionRedirects: true,
    retryMode: 'standard',
    maxAttempts: options.maxAttempts ?? 4,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
      socketTimeout: options.idleTimeoutMs ?? 30_000,
    },
  };
  const client = new S3Client(config);
  const signer = new S3Client({ ...config, requestChecksumCalculation: 'WHEN_REQUIRED' });
  if (options.requesterPays) for (const one of [client, signer]) payForRequests(one);

  return {
    client,
    signer,
    bucket,
    isOther: options.endpoint !== undefined,
    async call({ uploads = false, ...context }, run) {
      const limit = uploads ? UPLOAD_DEADLINE_MS : deadlineMs;
      const deadline = new AbortController();
      const late = new Error(`no answer within ${limit} ms`);
      const timer = setTimeout(() => deadline.abort(late), limit);
      const signal = context.signal ? AbortSignal.any([context.signal, deadline.signal]) : deadline.signal;
      try {
        return await run(signal);
      } catch (error) {
        throw translateS3Error(deadline.signal.aborted ? late : error, { ...context, bucket });
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
