import { ownWords, tagWords } from '../../search/lexical-terms.ts';
import { assertApplied } from './errors.ts';
import { unchangedTags } from './filter.ts';
import { READ_FIELDS, readPayload, type StoredPayload, TAGS_MARK, withBeginnings } from './payload.ts';
import type { QdrantPart } from './points.ts';

/** Points read and written in one request each. */
const PAGE = 250;

/**
 * Gives their words to the points that were written before points had any, and makes names be searched from then on. It
 * may end at any moment: the next call goes on with what is left, and so do several at once.
 */
export async function fillWords(part: QdrantPart): Promise<void> {
  for (let left = Number.POSITIVE_INFINITY; ; ) {
    const found = await fillOnce(part);
    // Those that remain have no words, or changed between two requests.
    if (found === 0 || found >= left) break;
    left = found;
  }
  await part.indexWords();
}

/** Goes through all that have none once; answers how many. */
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

/** That point, as long as nobody has written it again or changed its tags. */
function asRead(id: string | number, stored: StoredPayload) {
  return { must: [{ has_id: [id] }, { is_empty: { key: 'words' } }, ...unchangedTags(stored)] };
}
