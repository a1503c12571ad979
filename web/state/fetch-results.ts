import { ApiFault } from '../api-error.ts';
import {
  type CaptionItem,
  type Fit,
  type Item,
  isCaption,
  pictureTerm,
  type SearchTerm,
  type SearchWarning,
  type Understood,
} from '../client.ts';
import { type DatedList, datedList, isByDate, type Month, readingFrom, withPage } from '../grid/months.ts';
import { t } from '../i18n/translate.ts';
import { type Chip, hasPictureFilter, isBrowsing, type Query } from '../route.ts';
import { heldPicture, recallPicture } from './query-pictures.ts';
import { client } from './server-urls.ts';

/** The API requests for a query. */

export interface ResultPage {
  readonly items: readonly Item[];
  readonly captions?: readonly CaptionItem[];
  readonly next?: string;
  /** The months of a list sorted by date; replaces `next`. */
  readonly months?: readonly Month[];
  readonly space?: string;
  readonly total?: number;
  /** How well the best match of the first page fits, if known. */
  readonly fit?: Fit;
  /** Language the query text was read in; null if unknown. */
  readonly language?: string | null;
  /** Filters and other meanings found in the query text. */
  readonly understood?: Understood;
  /** Suggested correction, if nothing fits well. */
  readonly didYouMean?: string;
  /** Warnings that the results may not be what was meant. */
  readonly warnings?: readonly SearchWarning[];
}

const firstPage = 60;
/** Later pages are prefetched and may be large: the API's limit. */
const laterPages = 200;
/** Captions shown above the pictures when both kinds are requested. */
const captionsAbove = 12;
/** More months than any library has; the API's limit. */
const allMonths = 1000;

/**
 * Fetches one page of results. Pictures and captions are separate lists, each in its own order: two texts have much
 * higher cosines than a text and a picture that match equally well. In one list by score, every caption that shares a
 * word with the query would come before all pictures (and the reverse for a picture query).
 */
export async function fetchPage(wanted: Query, cursor: string | undefined, signal: AbortSignal): Promise<ResultPage> {
  const page = { limit: cursor === undefined ? firstPage : laterPages, cursor, signal };
  if (isByDate(wanted)) return fetchFirstByDate(wanted, page);
  if (wanted.kind === 'caption') return fetchKind(wanted, 'caption', page);
  if (wanted.kind === 'image' || cursor !== undefined) return fetchKind(wanted, 'image', page);
  const [pictures, { items }] = await Promise.all([
    fetchKind(wanted, 'image', page),
    // A cosine below 0 points away from the query; everything after it does too.
    fetchKind({ ...wanted, minScore: Math.max(0, wanted.minScore ?? 0) }, 'caption', { limit: captionsAbove, signal }),
  ]);
  return { ...pictures, captions: items.filter(isCaption) };
}

/** All months with their counts, and the first pictures. */
async function fetchFirstByDate(wanted: Query, page: PageWanted): Promise<ResultPage> {
  const { filter, sort } = wanted;
  const [first, counts] = await Promise.all([
    client.listImages({ filter, sort, ...page }),
    client.facet('month', { filter, limit: allMonths, signal: page.signal }),
  ]);
  const list = datedList(counts, first.items, sort);
  const [begin, end] = [list.months[0], list.months.at(-1)];
  const { items, months } = begin && end ? withPage(list, first, begin.value, { filter, until: end.value }) : list;
  return { total: first.total, items, months };
}

/** Adds the next pictures of one month, and perhaps of later months. */
export async function fetchMonth(asked: Query, list: DatedList, month: Month, signal: AbortSignal): Promise<DatedList> {
  const { until, ...reading } = month.next ?? readingFrom(month.value, list.months, laterPages, asked);
  const page = await client.listImages({ ...reading, sort: asked.sort, limit: laterPages, signal });
  return withPage(list, page, month.value, { ...reading, until });
}

interface PageWanted {
  readonly limit: number;
  readonly cursor?: string;
  readonly signal: AbortSignal;
}

async function fetchKind(wanted: Query, kind: Item['kind'], page: PageWanted): Promise<ResultPage> {
  const { filter, minScore, lang } = wanted;
  const sort = wanted.kind === 'image' ? wanted.sort : undefined;
  if (!isBrowsing(wanted)) {
    const { signal, ...size } = page;
    const request = { terms: await termsOf(wanted), kind, filter, minScore, lang, ...size };
    if (sort === undefined) return client.search(request, signal);
    return onlyFitting(await client.search({ ...request, sort, limit: laterPages }, signal));
  }
  if (kind === 'image') return client.listImages({ filter, sort, ...page });
  // As in a search: captions have no shape, size or date, so none match.
  if (hasPictureFilter(filter)) return { items: [] };
  return client.listCaptions({ filter, ...page });
}

/**
 * Matches in another order are one page: the best ones, without those that fit poorly if others fit. A second page
 * would hold worse ones, from anywhere in that order.
 */
function onlyFitting({ next: _, ...found }: ResultPage): ResultPage {
  const fits = (item: Item) => isCaption(item) || item.fit !== 'poor' || item.why?.some((why) => why !== 'meaning');
  const items = found.items.filter(fits);
  return { ...found, items: items.length > 0 ? items : found.items };
}

async function termsOf(wanted: Query): Promise<SearchTerm[]> {
  const text = wanted.text.trim();
  const chips = await Promise.all(wanted.chips.map(termOf));
  return [...(text === '' ? [] : [{ text, weight: 1 }]), ...chips];
}

async function termOf(chip: Chip): Promise<SearchTerm> {
  const { weight } = chip;
  if (chip.by === 'text') return { text: chip.text, weight };
  if (chip.by === 'stored') return { imageId: chip.id, weight };
  if (!(await recallPicture(chip.ref))) {
    throw new ApiFault('refused', t('fault.pictureElsewhere'), { status: 404 });
  }
  return pictureTerm(heldPicture(chip.ref)!.blob, weight);
}
