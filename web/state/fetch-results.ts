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
import { client } from './server.ts';

/** What the page asks the API for a query. */

export interface ResultPage {
  readonly items: readonly Item[];
  readonly captions?: readonly CaptionItem[];
  readonly next?: string;
  /** Months of a list by date, instead of `next`. */
  readonly months?: readonly Month[];
  readonly space?: string;
  readonly total?: number;
  /** How well the best of a first page fits, where anybody can say. */
  readonly fit?: Fit;
  /** That the words were read in; null when nothing says. */
  readonly language?: string | null;
  /** What the words say beside what is looked for. */
  readonly understood?: Understood;
  /** The words that may have been meant, where nothing fits well. */
  readonly didYouMean?: string;
  /** Why the answer may not be what was meant. */
  readonly warnings?: readonly SearchWarning[];
}

const firstPage = 60;
/** Later pages are read ahead and may be large: the limit of the API. */
const laterPages = 200;
/** Captions shown above the pictures when both are wanted. */
const captionsAbove = 12;
/** More than a library has, and the limit of the API. */
const allMonths = 1000;

/**
 * One page of the query's answer. When both kinds are wanted they are two lists, each in its own order: cosines of two
 * texts lie far above those of a text and a picture that fit as well, so one list by score would begin with every
 * caption that shares a word with the query and bury the pictures (the other way round when the query is a picture).
 */
export async function fetchPage(wanted: Query, cursor: string | undefined, signal: AbortSignal): Promise<ResultPage> {
  const page = { limit: cursor === undefined ? firstPage : laterPages, cursor, signal };
  if (isByDate(wanted)) return fetchFirstByDate(wanted, page);
  if (wanted.kind === 'caption') return fetchKind(wanted, 'caption', page);
  if (wanted.kind === 'image' || cursor !== undefined) return fetchKind(wanted, 'image', page);
  const [pictures, { items }] = await Promise.all([
    fetchKind(wanted, 'image', page),
    // What points away from the query (a cosine below 0) does not fit it, and there is no more to come that might.
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

/** The list with what comes next in one of its months, and perhaps in those after it. */
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
  const { filter, minScore, lang, sort } = wanted;
  if (!isBrowsing(wanted)) {
    const { signal, ...size } = page;
    return client.search({ terms: await termsOf(wanted), kind, filter, minScore, lang, ...size }, signal);
  }
  if (kind === 'image') return client.listImages({ filter, sort, ...page });
  // As in a search: a caption has no shape, size or date, so that none fits.
  if (hasPictureFilter(filter)) return { items: [] };
  return client.listCaptions({ filter, ...page });
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
