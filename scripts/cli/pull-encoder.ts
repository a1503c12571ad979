import { type Encoder, type PullOptions, pullModel } from '../../core/hub/pull-model.ts';
import { createDownloadProgress } from './progress.ts';

/**
 * Pulls an encoder with a progress bar per file.
 * @throws {not-found} for an encoder whose files are in no repository
 * @throws {model-mismatch} when the hub's files do not match the lock
 * @throws {unavailable}
 */
export async function pullEncoder(
  encoder: Encoder,
  options: Pick<PullOptions, 'hub' | 'models' | 'signal'>,
): Promise<'pulled' | 'there'> {
  const progress = createDownloadProgress();
  try {
    return await pullModel(encoder, {
      ...options,
      onWait: () => console.error('another process is pulling; waiting for it'),
      onProgress: progress.update,
    });
  } finally {
    progress.stop();
  }
}
