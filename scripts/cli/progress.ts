import { Presets, SingleBar } from 'cli-progress';

/** Shows the progress of a long job: a bar in a terminal, a line every few seconds elsewhere. */
export interface Progress {
  /** `done` of the total; `total` may grow while the job runs. */
  update(done: number, total?: number): void;
  stop(): void;
}

/** Shows the progress of a download, with one bar per file. Bytes; the server may not say how many in all. */
export function createDownloadProgress() {
  let bar: { readonly file: string; readonly progress: Progress } | undefined;
  return {
    update(file: string, bytes: number, total: number | null): void {
      if (bar?.file !== file) {
        bar?.progress.stop();
        bar = { file, progress: createProgress(file, 'kB', 0) };
      }
      bar.progress.update(Math.ceil(bytes / 1000), Math.ceil((total ?? bytes) / 1000));
    },
    stop: () => bar?.progress.stop(),
  };
}

/**
 * Draws on stderr, so that stdout is free for results, once there is something to do. `unit` is a plural noun such as
 * "pictures".
 */
export function createProgress(label: string, unit: string, total: number): Progress {
  const startedAt = performance.now();
  const bar = new SingleBar(
    {
      format: `${label} {bar} {value}/{total} ${unit}{pace}`,
      stream: process.stderr,
      noTTYOutput: true,
      notTTYSchedule: 5000,
      barsize: 24,
      hideCursor: true,
      gracefulExit: false,
    },
    Presets.shades_classic,
  );
  /** Nobody knows how fast it goes before something is done. */
  const figures = (done: number, of: number) => {
    if (done === 0) return { pace: '' };
    const perSecond = done / Math.max((performance.now() - startedAt) / 1000, 1e-3);
    const seconds = Math.ceil((of - done) / perSecond);
    const left = seconds >= 90 ? `${Math.ceil(seconds / 60)} min` : `${seconds} s`;
    return { pace: `, ${perSecond.toFixed(perSecond >= 10 ? 0 : 1)}/s${seconds > 0 ? `, ${left} left` : ''}` };
  };
  let of = 0;
  let started = false;
  const update = (done: number, newTotal = of) => {
    if (!started && newTotal > 0) {
      bar.start(newTotal, done, figures(done, newTotal));
      started = true;
    } else if (newTotal !== of) {
      bar.setTotal(newTotal);
    }
    of = newTotal;
    if (started) bar.update(done, figures(done, of));
  };
  update(0, total);
  return {
    update,
    stop() {
      if (started) bar.stop();
    },
  };
}
