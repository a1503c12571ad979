import { setTimeout as sleep } from 'node:timers/promises';
import { SightlineError } from '../errors.ts';
import type { CandidateIndex, Copy } from '../ports.ts';
import { type Missing, type PassResult, Sync, type SyncDeps, type SyncOptions, TooMuch } from './sync-candidate.ts';
import { type Verification, type VerifyOptions, verifySpace } from './verify-candidate.ts';

export interface BuildDeps extends SyncDeps {
  /** The space to fill. */
  readonly candidate: CandidateIndex;
}

export interface BuildOptions extends VerifyOptions, SyncOptions {
  /** Switch even if unreadable pictures will be missing from the new space. */
  readonly skipMissing: boolean;
  /**
   * Called just before the switch with each picture that is there as it was indexed and cannot be read now: it is left
   * out. Without this it counts as missing.
   */
  readonly onUnreadable?: (picture: Missing) => Promise<void>;
  /** Fill and verify only. */
  readonly switch: boolean;
  /** Pause between checks for missing pictures, which may be about to be deleted or replaced. @default 1000 */
  readonly secondLookMs?: number;
  readonly onProgress?: (progress: BuildProgress) => void;
}

export interface BuildProgress {
  readonly step: 'fill' | 'verify' | 'switch';
  /** Pictures and captions embedded so far by this call. */
  readonly embedded: number;
  /** Points and tombstones brought up to date by this call without embedding. */
  readonly copied: number;
}

export interface BuildReport {
  readonly embedded: number;
  readonly copied: number;
  /** The first missing pictures. */
  readonly missing: readonly Missing[];
  readonly missingCount: number;
  readonly verification: Verification;
  readonly switched: boolean;
}

/** Maximum embeddings while writers wait for the switch; with more to do, another pass runs first. */
const LAST_EMBEDDINGS = 32;
/** Number of further checks for pictures whose event may still arrive. */
const SECOND_LOOKS = 5;
const KEPT_MISSING = 20;

/**
 * The change of models: fills a space from the live one and makes it live. Runs passes over the differences until few
 * are left, then the check, then the switch, with a last pass while writes are blocked. All its state is in the two
 * spaces, so it may be stopped at any point and called again.
 * @throws {precondition-failed} when pictures are missing or the check fails
 * @throws {space-retired} when another space became live meanwhile, the signal's reason, and what the stores throw
 */
export async function buildSpace(deps: BuildDeps, options: BuildOptions): Promise<BuildReport> {
  const { candidate } = deps;
  const { signal, onProgress, secondLookMs = 1000 } = options;
  const total = { embedded: 0, copied: 0 };
  const tell = (step: BuildProgress['step']) => onProgress?.({ step, ...total });
  const sync = new Sync(deps, options);
  const pass = async (copy: Copy, step: BuildProgress['step'], mostEmbeddings = Infinity) =>
    sync.pass(copy, mostEmbeddings, (done) => {
      total.embedded += done.embedded;
      total.copied += done.copied;
      tell(step);
    });

  tell('fill');
  let filled = await pass(candidate, 'fill');
  for (let looks = 0; filled.embedded > LAST_EMBEDDINGS || isWorthALook(filled, looks, options); looks++) {
    // Missing pictures may have been deleted or replaced by a server whose event has yet to arrive.
    if (filled.embedded <= LAST_EMBEDDINGS) await sleep(secondLookMs, undefined, { signal });
    filled = await pass(candidate, 'fill');
  }
  const { missing } = filled;
  const unreadable = options.onUnreadable === undefined ? [] : missing.filter(({ reason }) => reason === 'unreadable');
  if (missing.length > unreadable.length && !options.skipMissing) {
    throw areMissing(missing.filter((picture) => !unreadable.includes(picture)));
  }

  tell('verify');
  const verification = await verifySpace(candidate, options, missing.length);

  for (const picture of unreadable) await options.onUnreadable?.(picture);
  let switched = false;
  while (options.switch && !switched) {
    tell('switch');
    switched = await tryToSwitch(candidate, (copy) => pass(copy, 'switch', LAST_EMBEDDINGS));
    // Too much has changed meanwhile to keep writers waiting.
    if (!switched) await pass(candidate, 'fill');
  }
  return { ...total, missing: missing.slice(0, KEPT_MISSING), missingCount: missing.length, verification, switched };
}

function isWorthALook({ missing }: PassResult, looks: number, { skipMissing }: BuildOptions): boolean {
  const mayArrive = missing.some(({ reason }) => reason === 'gone' || reason === 'changed');
  return mayArrive && !skipMissing && looks < SECOND_LOOKS;
}

/** False, without a switch, when the last pass had more to do than writers should wait for. */
async function tryToSwitch(candidate: CandidateIndex, lastPass: (copy: Copy) => Promise<PassResult>): Promise<boolean> {
  try {
    // A picture that is missing only now was deleted or replaced by a job that waits for the switch.
    await candidate.switch(async (copy) => void (await lastPass(copy)));
    return true;
  } catch (error) {
    if (error instanceof TooMuch) return false;
    throw error;
  }
}

function areMissing(missing: readonly Missing[]): SightlineError {
  const [first] = missing;
  const reasons = [...new Set(missing.map(({ reason }) => reason))].join(', ');
  return new SightlineError(
    'precondition-failed',
    `expected every indexed picture to be there as it was indexed, but ${missing.length} are not (${reasons}), such ` +
      `as ${first!.key} of ${first!.bucket}. Connect their folder or bucket, bring the index up to date with ` +
      'npm start or npm run index, or leave them out with --skip-missing',
    { details: { missing: missing.length } },
  );
}
