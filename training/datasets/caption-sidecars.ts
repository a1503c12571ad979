import { z } from 'zod';
import type { CaptionRecord } from './caption-form.ts';
import { stemOf } from './picture-names.ts';
import type { Findings } from './problems-found.ts';
import { contentOf, type SourceFile } from './source-files.ts';
import { splitInPath } from './splits.ts';
import { asUtf8 } from './utf8.ts';

/**
 * Captions in files beside the pictures, with the same base name: `dog.jpg` with `dog.txt` (one caption per line) or
 * `dog.json` (a text under "caption" or "text", a list under "captions", optionally "split"). Folders and webdataset
 * shards use this format.
 */

const TEXTS = /\.(txt|json)$/i;
const MAX_TEXT_BYTES = 1 << 20;

export function isSidecarName(path: string): boolean {
  return TEXTS.test(path);
}

/** The base name shared by a picture and its texts. In a shard it ends at the first dot (webdataset format). */
export function sampleKey(path: string, inShard: boolean): string {
  return inShard ? path.replace(/^((?:.*\/)?[^/]+?)\.[^/]*$/, '$1') : stemOf(path);
}

const jsonSchema = z.object({
  caption: z.union([z.string(), z.array(z.string())]).optional(),
  captions: z.array(z.string()).optional(),
  text: z.union([z.string(), z.array(z.string())]).optional(),
  split: z.string().optional(),
});

/**
 * The captions of a picture from the texts beside it, without duplicates. Unreadable ones are counted and skipped.
 * @param where path of the shard or folder, which may name the split
 */
export async function readSidecars(
  texts: readonly SourceFile[],
  where: string,
  findings: Findings,
): Promise<Pick<CaptionRecord, 'captions' | 'split'>> {
  const captions = new Set<string>();
  let split: string | null = null;
  for (const file of texts) {
    const text = decode(await contentOf(asUtf8(file), MAX_TEXT_BYTES));
    if (text === null) {
      findings.note('not-utf8', file.path);
      continue;
    }
    const found = file.path.toLowerCase().endsWith('.json') ? fromJson(text) : fromLines(text);
    if (found === null) findings.note('broken-line', file.path);
    for (const caption of found?.captions ?? []) {
      if (caption.trim() !== '') captions.add(caption.trim());
      // Text files end with a line feed; the empty remainder is not a caption.
      else if (text.trim() === '' || found?.isJson) findings.note('empty-caption', file.path);
    }
    split ??= found?.split ?? null;
  }
  return { captions: [...captions], split: split ?? splitInPath(where) };
}

function decode(bytes: Uint8Array | null): string | null {
  try {
    return bytes && new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

interface Found {
  readonly captions: readonly string[];
  readonly split?: string;
  readonly isJson: boolean;
}

function fromLines(text: string): Found {
  return { captions: text.split(/\r?\n/), isJson: false };
}

function fromJson(text: string): Found | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  const parsed = jsonSchema.safeParse(json);
  if (!parsed.success) return null;
  const { caption = [], captions = [], text: other = [], split } = parsed.data;
  return { captions: [caption, captions, other].flat(), split, isJson: true };
}
