import { readFile, stat } from 'node:fs/promises';

/** The report written by `npm run report`, if any: one HTML file with its own content security policy. */
export interface Report {
  /** Identifies the current version; null when there is no report. */
  version(): Promise<string | null>;
  read(): Promise<Uint8Array<ArrayBuffer>>;
}

/** Looks for the file on each call: a report may be written while the server runs. */
export function openReport(file: string): Report {
  return {
    async version() {
      try {
        const { mtimeMs, size } = await stat(file);
        return `${Math.round(mtimeMs).toString(36)}-${size.toString(36)}`;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw error;
      }
    },
    read: async () => new Uint8Array(await readFile(file)),
  };
}
