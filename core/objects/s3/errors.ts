import { S3ServiceException } from '@aws-sdk/client-s3';
import { SightlineError } from '../../errors.ts';

/** What an S3 call was about, for messages. */
export interface S3Context {
  readonly bucket: string;
  /** Name of the S3 API action, such as `GetObject`. */
  readonly action: string;
  readonly key?: string;
  /** The caller's signal: its abort is passed on unchanged, not as a fault of the store. */
  readonly signal?: AbortSignal;
}

/** HTTP status of a fault of the service, or undefined when there was no response. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
}

/** Number of attempts that led to this fault, including the first. */
export function attemptsOf(error: unknown): number {
  return (error as { $metadata?: { attempts?: number } }).$metadata?.attempts ?? 1;
}

/** Whether the response was not XML. */
export function isUnreadable(error: unknown): boolean {
  return error instanceof Error && !(error instanceof S3ServiceException) && '$response' in error;
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

/** A condition that did not hold (412), or that concurrent writes kept undecided (409). */
function isPreconditionFault(error: unknown): boolean {
  return ['PreconditionFailed', 'ConditionalRequestConflict'].includes(nameOf(error)) || statusOf(error) === 412;
}

/**
 * Whether concurrent writes of one object conflicted and S3 asks to try again (Amazon S3 API reference, "Error
 * responses"). Its other 409s do not.
 */
export function isConflict(error: unknown): boolean {
  return ['ConditionalRequestConflict', 'OperationAborted'].includes(nameOf(error));
}

/** No such object. A HEAD response has no body, so there a missing bucket looks the same. */
export function isMissingObject(error: unknown): boolean {
  if (nameOf(error) === 'NoSuchBucket') return false;
  return ['NoSuchKey', 'NotFound'].includes(nameOf(error)) || statusOf(error) === 404;
}

/** Faults of the credentials: neither a retry nor another object will help. */
const CREDENTIAL_FAULTS = new Set([
  'CredentialsProviderError',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'AuthorizationHeaderMalformed',
  'InvalidToken',
]);

/**
 * Translates an error of the SDK into a fault. 403 has many reasons; each gets its own message, because they are fixed
 * in different places (policy, key policy, storage class, clock, credentials).
 */
export function translateS3Error(error: unknown, context: S3Context): unknown {
  if (error instanceof SightlineError) return error;
  if (context.signal?.aborted) return context.signal.reason;
  const [name, status] = [nameOf(error), statusOf(error)];
  const text = error instanceof Error ? error.message : String(error);
  const object = context.key === undefined ? '' : `${JSON.stringify(context.key)} in `;
  const where = `${context.action} of ${object}bucket ${context.bucket}`;
  const details = { bucket: context.bucket, key: context.key ?? null, s3Error: name, httpStatus: status ?? null };
  const fault = (code: SightlineError['code'], message: string, more: { archived?: true } = {}) =>
    new SightlineError(code, message, { cause: error, details: { ...details, ...more } });

  if (name === 'NoSuchBucket') return fault('invalid-config', `there is no bucket ${context.bucket}: ${text}`);
  if (CREDENTIAL_FAULTS.has(name)) {
    return fault('invalid-config', `${where}: expected valid AWS credentials, got ${name}: ${text}`);
  }
  if (/^Region (is missing|not accepted)/.test(text)) {
    return fault(
      'invalid-config',
      `${where}: expected an AWS region, such as AWS_REGION=eu-central-1, got none: ${text}`,
    );
  }
  // Only a write with If-Match can miss an object: there is none in the required state.
  if (isPreconditionFault(error) || name === 'NoSuchKey') {
    return fault('precondition-failed', `${where}: the object does not meet the condition`);
  }
  if (name === 'InvalidRange' || status === 416) {
    return fault('range-not-satisfiable', `${where}: the byte range lies outside the object`);
  }
  if (name === 'KeyTooLongError' || name === 'InvalidURI') {
    return fault('invalid-key', `${where}: S3 does not take this key: ${text}`);
  }
  if (name === 'EntityTooLarge' || status === 413) return fault('too-large', `${where}: larger than S3 takes: ${text}`);
  if (name === 'InvalidObjectState') {
    const message = `${where}: the object is archived and must be restored before it can be read: ${text}`;
    return fault('unavailable', message, { archived: true });
  }
  if (/^KMS\.?/.test(name) || /\bkms:\w+/.test(text)) {
    return fault('unavailable', `${where}: its encryption key cannot be used (KMS): ${text}`);
  }
  if (name === 'RequestTimeTooSkewed') return fault('unavailable', `${where}: this machine's clock is wrong: ${text}`);
  if (name === 'ExpiredToken') return fault('unavailable', `${where}: the AWS credentials have expired: ${text}`);
  if (status === 403) {
    return fault(
      'unavailable',
      `${where}: access denied. Expected a policy that allows s3:${permissionFor(context.action)}, and ` +
        `s3:ListBucket on the bucket (without it a missing object answers "denied", too): ${text}`,
    );
  }
  return fault('unavailable', `${where} failed${status === undefined ? '' : ` with HTTP ${status}`}: ${name} ${text}`);
}

/** The IAM permission for an API action, if it has another name. */
function permissionFor(action: string): string {
  if (action === 'HeadObject') return 'GetObject';
  if (['CreateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload'].includes(action)) return 'PutObject';
  return ['ListObjectsV2', 'HeadBucket'].includes(action) ? 'ListBucket' : action;
}
