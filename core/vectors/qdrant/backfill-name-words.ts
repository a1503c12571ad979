import { ownWords, tagWords } from '../../search/lexical-terms.ts';
import { assertApplied } from './errors.ts';
import { unchangedTags } from './filter.ts';
import { READ_FIELDS, readPayload, type StoredPayload, TAGS_MARK, withBeginnings } from './payload.ts';
import type { QdrantPart } from './points.ts';

/** Points per request. */
const PAGE = 250;

/**
 * Adds words to points of older versions that have none, then enables searching names. It may be interrupted at any
 * time: the next call continues, and several may run at once.
 */
export async function fillWords(part: QdrantPart): Promise<void> {
  for (let left = Number.POSITIVE_INFINITY; ; ) {
    const found = await fillOnce(part);
    // The remaining points have no words to add, or changed between two requests.
    if (found === 0 || found >= left) break;
    left = found;
  }
  await part.indexWords();
}

/** Goes once through all points without words; returns how many there were. */
async function fillOnce(part: QdrantPart): Promise<number> {
  const filter = { must: [{ key: 'kind', match: { any: ['image', 'caption'] } }, { is_empty: { key: 'words' } }] };
  let found = 0;
  for (let offset: string | number | undefined; ; ) {
    const request = { filter, limit: PAGE, offset, with_payload: [...READ_FIELDS, TAGS_MARK] };
    const page = await part.call('looking for words in', (client) => client.scroll(part.collection, request));
    found += page.points.length;
    const operations = page.points.map(({ id, payload }) => ({
      set_payload: { payload: wordsOfStored(payload ?? {}, part), filter: asRead(id, payload ?? {}) },
    }));
    if (operations.length > 0) {
      await part.call('setting words in', async (client) =>
        assertApplied(await client.batchUpdate(part.collection, { operations, ...part.writing })),
      );
    }
    if (page.next_page_offset == null) return found;
    offset = page.next_page_offset as string | number;
  }
}

function wordsOfStored(stored: StoredPayload, { prefixes }: QdrantPart): StoredPayload {
  const payload = readPayload(stored);
  const words = withBeginnings(ownWords(payload), prefixes);
  return { words, tagWords: withBeginnings(tagWords(payload.tags), prefixes) };
}

/** Matches the point only if neither it nor its tags have been written since. */
function asRead(id: string | number, stored: StoredPayload) {
  return { must: [{ has_id: [id] }, { is_empty: { key: 'words' } }, ...unchangedTags(stored)] };
}
