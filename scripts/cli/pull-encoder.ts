import { type Encoder, type PullOptions, pullModel } from '../../core/hub/models.ts';
import { createProgress, type Progress } from './progress.ts';

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
  let bar: { readonly file: string; readonly progress: Progress } | undefined;
  try {
    return await pullModel(encoder, {
      ...options,
      onWait: () => console.error('another process is pulling; waiting for it'),
      onProgress(file, bytes, total) {
        if (bar?.file !== file) {
          bar?.progress.stop();
          bar = { file, progress: createProgress(file, 'kB', 0) };
        }
        bar.progress.update(Math.ceil(bytes / 1000), Math.ceil((total ?? bytes) / 1000));
      },
    });
  } finally {
    bar?.progress.stop();
  }
}
