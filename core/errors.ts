/**
 * The faults core raises on purpose. Each has a stable `code`, which the HTTP layer maps to a status and scripts map to
 * an exit code; the message says what was expected and what came. Anything else thrown is a bug or an outage.
 */
export class SightlineError extends Error {
  readonly code: ErrorCode;
  /** Facts for logs and problem documents; never secrets. */
  readonly details: Readonly<Record<string, string | number | boolean | null>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; details?: Readonly<Record<string, string | number | boolean | null>> } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'SightlineError';
    this.code = code;
    this.details = options.details ?? {};
  }
}

export type ErrorCode =
  /** The caller sent something that can never work. */
  | 'invalid-input'
  /** A cursor from another store or for another query. */
  | 'invalid-cursor'
  /** Bytes that are not a readable picture; `details.reason` is an {@link ImageRejection}. */
  | 'unreadable-image'
  /** More bytes, pixels, characters or items than the stated limit. */
  | 'too-large'
  | 'not-found'
  /** A conditional write or delete whose condition did not hold. */
  | 'precondition-failed'
  /** A byte range outside the object. */
  | 'range-not-satisfiable'
  /** A write to a read-only folder or bucket. */
  | 'read-only'
  /** A key that the object store cannot hold safely. */
  | 'invalid-key'
  /** A model file that is missing, altered, or does not fit its manifest entry or head. */
  | 'model-mismatch'
  /** Vectors, a database or a collection of a space other than that of the loaded models. */
  | 'space-mismatch'
  /** A write to a space that is no longer live, or not at the moment: repeat it on the live one. */
  | 'space-retired'
  /** A database written by another version of this program. */
  | 'schema-mismatch'
  /** Configuration that does not parse. */
  | 'invalid-config'
  /** Disk full, permission denied, connection lost: the same call may work later. */
  | 'unavailable';

/** Why bytes were not accepted as a picture. Part of the API: shown in /failures and problem documents. */
export type ImageRejection =
  | 'empty'
  | 'not-an-image'
  | 'unsupported-format'
  | 'truncated'
  | 'too-many-pixels'
  | 'too-large'
  | 'corrupt';

/** Type guard: one of our faults, optionally with a given code. */
export function isSightlineError(error: unknown, code?: ErrorCode): error is SightlineError {
  return error instanceof SightlineError && (code === undefined || error.code === code);
}

/** Why bytes were refused as a picture. */
export interface Rejection {
  readonly reason: ImageRejection;
  readonly message: string;
}

/** The rejection that an error stands for; null for any other error. */
export function rejectionOf(error: unknown): Rejection | null {
  if (isSightlineError(error, 'too-large')) return { reason: 'too-large', message: error.message };
  if (!isSightlineError(error, 'unreadable-image')) return null;
  return { reason: (error.details.reason as ImageRejection | undefined) ?? 'corrupt', message: error.message };
}
