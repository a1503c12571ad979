import { SightlineError } from '../../core/errors.ts';
import type { Findings } from './problems-found.ts';
import type { SourceFile } from './source-files.ts';

/** A captions file in one of the supported formats. */
export interface CaptionForm {
  readonly name: string;
  /** Recognises the format from the file's path and first bytes. */
  matches(path: string, head: string): boolean;
  /** The split whose pictures a companion file lists, one name per line; null for other files. */
  splitOfList?(path: string): string | null;
  /** Whether a file holds captions of the same pictures in another language. */
  isInLanguage?(path: string): boolean;
  /**
   * Reads the file. Invalid records are counted and skipped. A picture may appear in several records.
   * @throws {invalid-input} if the rest of the file cannot be trusted
   */
  read(file: SourceFile, findings: Findings): AsyncIterable<CaptionRecord>;
}

export interface CaptionRecord {
  /** The picture's name in the file; may be only the end of its path. */
  readonly image: string;
  readonly captions: readonly string[];
  /** The split in the file, or null. */
  readonly split: string | null;
  /** Hash of the picture's bytes, if the format has one. */
  readonly sha256?: string;
  /** Language of the captions. @default the data set's default language */
  readonly lang?: string;
}

/** Files parsed as a whole must fit into a V8 string (512 Mi characters). */
const MAX_JSON_BYTES = 500 * 1024 ** 2;

/**
 * Reads a file that contains a single JSON document in UTF-8.
 * @throws {invalid-input}
 */
export async function readJson(file: SourceFile): Promise<unknown> {
  if (file.bytes > MAX_JSON_BYTES) throw notJson(file, `${file.bytes} bytes, more than ${MAX_JSON_BYTES}`);
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  try {
    for await (const chunk of file.open()) text += decoder.decode(chunk, { stream: true });
    text += decoder.decode();
  } catch (error) {
    if (error instanceof SightlineError) throw error;
    throw notJson(file, `bytes that are not UTF-8 after character ${text.length}`, error);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw notJson(file, (error as Error).message, error);
  }
}

function notJson(file: SourceFile, got: string, cause?: unknown): SightlineError {
  return new SightlineError('invalid-input', `${file.path}: expected a JSON document, got ${got}`, { cause });
}

/**
 * The list under `key` in a JSON document.
 * @throws {invalid-input}
 */
export function listIn(json: unknown, key: string, file: SourceFile): readonly unknown[] {
  const list = typeof json === 'object' && json !== null ? (json as Record<string, unknown>)[key] : undefined;
  if (Array.isArray(list)) return list;
  throw new SightlineError('invalid-input', `${file.path}: expected a list "${key}", got ${typeof list}`);
}
