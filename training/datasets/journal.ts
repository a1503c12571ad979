import { type FileHandle, mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { unavailable } from '../../core/files/file-errors.ts';

/** Records what has been written, so that an interrupted preparation can resume. */

const entrySchema = z.object({
  image: z.string(),
  /** Stamp of the source file. */
  stamp: z.string(),
  sha256: z.string(),
  /** Entity tag of the written object. */
  etag: z.string(),
});

export type JournalEntry = z.infer<typeof entrySchema>;

export interface Journal {
  /** The entry for a picture, if it came from a file with this stamp. */
  find(image: string, stamp: string): JournalEntry | null;
  add(entry: JournalEntry): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens or creates the journal file: one JSON entry per line; a half-written line is ignored.
 * @throws {unavailable}
 */
export async function openJournal(file: string): Promise<Journal> {
  const entries = new Map<string, JournalEntry>();
  let handle: FileHandle;
  let torn = false;
  try {
    await mkdir(dirname(file), { recursive: true });
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    for (const line of text.split('\n')) {
      const entry = entryIn(line);
      if (entry !== null) entries.set(entry.image, entry);
    }
    torn = text !== '' && !text.endsWith('\n');
    handle = await open(file, 'a');
  } catch (error) {
    throw unavailable(error, 'write', file);
  }
  return {
    find(image, stamp) {
      const entry = entries.get(image);
      return entry?.stamp === stamp ? entry : null;
    },
    async add(entry) {
      try {
        await handle.appendFile(`${torn ? '\n' : ''}${JSON.stringify(entry)}\n`);
      } catch (error) {
        throw unavailable(error, 'write', file);
      }
      torn = false;
      entries.set(entry.image, entry);
    },
    close: () => handle.close(),
  };
}

function entryIn(line: string): JournalEntry | null {
  try {
    return entrySchema.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}
