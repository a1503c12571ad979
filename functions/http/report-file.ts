import { readFile, stat } from 'node:fs/promises';

/** The report that `npm run report` wrote, if it did: one HTML file that brings its own policy. */
export interface Report {
  /** Names the version that is there; null when there is none. */
  version(): Promise<string | null>;
  read(): Promise<Uint8Array<ArrayBuffer>>;
}

/** The file is looked for at each call: a report may be written while the server runs. */
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
