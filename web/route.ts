import { COLOURS } from '../core/picture/colour-names.ts';
import type { Filter, Kind, Sort } from './client.ts';

/** Part of a query besides the text in the search field; a negative weight means "without". */
export type Chip = { readonly weight: number } & (
  | { readonly by: 'text'; readonly text: string }
  /** A stored picture. */
  | { readonly by: 'stored'; readonly id: string }
  /** A picture that was dropped, pasted or picked; `name` is its key in this browser. */
  | { readonly by: 'picture'; readonly ref: string }
);

export interface Query {
  readonly text: string;
  readonly chips: readonly Chip[];
  readonly kind: Kind | 'any';
  readonly filter: Filter;
  readonly minScore?: number;
  /** Language of the text; detected if absent. */
  readonly lang?: string;
  /** Order of pictures; if absent, best matches first, or most recently indexed first if nothing is searched for. */
  readonly sort?: Sort;
}

export type View = 'search' | 'map' | 'copies' | 'training' | 'failures' | 'trash' | 'status';

export type TrainingPart = 'data' | 'map';

/** Where the user is in the page. All of it is in the URL, so that back, reload and sharing work. */
export interface Route {
  readonly view: View;
  readonly query: Query;
  /** The picture that is open. */
  readonly photo?: string;
  /** The tab of the training view; the curves if absent. */
  readonly part?: TrainingPart;
}

export const emptyQuery: Query = { text: '', chips: [], kind: 'image', filter: {} };

export const weights = { min: -2, max: 2, step: 0.25 } as const;
/** The API takes 8 terms; the search field is one of them. */
export const maxChips = 7;
/** In characters; the API's limit. */
export const maxTextLength = 2000;
/** Negative terms count half: what people exclude is often close to what they want. */
export const withoutWeight = -0.5;

/** A picture id: a UUID. */
const isId = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;
const trainingParts: readonly TrainingPart[] = ['data', 'map'];
const views: readonly View[] = ['map', 'copies', 'training', 'failures', 'trash', 'status'];
const chipNames: Readonly<Record<string, Chip['by']>> = { with: 'text', like: 'stored', picture: 'picture' };
const orientations = ['landscape', 'portrait', 'square'] as const;
const sorts: readonly Sort[] = ['newest', 'taken', '-taken'];
/** Filters with plain text values, under their own names in the URL. */
const textFilters = ['bucket', 'folder', 'camera', 'lens', 'month', 'dayOfYear'] as const;
/** Parsers and writers of the other filters. */
const textForms: Partial<Record<(typeof textFilters)[number], RegExp>> = {
  month: /^\d{4}-(0[1-9]|1[0-2])$/,
  dayOfYear: /^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/,
};

/** True if there is nothing to search for: the collection is listed instead. */
export function isBrowsing(query: Query): boolean {
  return query.text.trim() === '' && query.chips.length === 0;
}

/** True if a filter applies only to pictures; captions can only be filtered by tags. */
export function hasPictureFilter({ tagsAll: _, tagsAny: __, ...rest }: Filter): boolean {
  return Object.values(rest).some((value) => value !== undefined);
}

/** A chip in the URL: `like=1:<id>`, `with=-1:people`. */
export function routeToParams(route: Route): URLSearchParams {
  const params = new URLSearchParams();
  const { query } = route;
  const set = (name: string, value: string | number | undefined) => {
    if (value !== undefined && value !== '') params.append(name, String(value));
  };
  if (route.view !== 'search') set('view', route.view);
  set('q', query.text);
  for (const chip of query.chips) {
    if (chip.by === 'text') set('with', `${chip.weight}:${chip.text}`);
    else if (chip.by === 'stored') set('like', `${chip.weight}:${chip.id}`);
    else set('picture', `${chip.weight}:${chip.ref}`);
  }
  if (query.kind !== 'image') set('kind', query.kind);
  for (const tag of query.filter.tagsAll ?? []) set('tag', tag);
  for (const type of query.filter.contentTypes ?? []) set('type', type);
  for (const colour of query.filter.colours ?? []) set('colour', colour);
  set('shape', query.filter.orientation);
  set('min', query.filter.minBytes);
  set('max', query.filter.maxBytes);
  set('after', query.filter.takenAfter);
  set('before', query.filter.takenBefore);
  for (const name of textFilters) set(name, query.filter[name]);
  set('score', query.minScore);
  set('lang', query.lang);
  set('sort', query.sort);
  set('photo', route.photo);
  set('part', route.part);
  return params;
}

/** Parses any URL and ignores the parts that make no sense. */
export function routeFromParams(params: URLSearchParams): Route {
  const kind = params.get('kind');
  const photo = params.get('photo');
  const view = views.find((one) => one === params.get('view')) ?? 'search';
  const part = view === 'training' ? trainingParts.find((one) => one === params.get('part')) : undefined;
  return {
    view,
    query: {
      text: (params.get('q') ?? '').slice(0, maxTextLength),
      chips: chipsOf(params),
      kind: kind === 'caption' || kind === 'any' ? kind : 'image',
      filter: filterOf(params),
      minScore: number(params.get('score'), -1, 1),
      lang: /^[a-z]{2,3}$/.exec(params.get('lang') ?? '')?.[0],
      sort: sorts.find((one) => one === params.get('sort')),
    },
    ...(photo && isId.test(photo) ? { photo } : {}),
    ...(part ? { part } : {}),
  };
}

function chipsOf(params: URLSearchParams): Chip[] {
  const chips: Chip[] = [];
  for (const [name, value] of params) {
    const by = Object.hasOwn(chipNames, name) ? chipNames[name] : undefined;
    const [, amount, rest] = /^(-?\d(?:\.\d+)?):(.+)$/s.exec(value) ?? [];
    if (by === undefined || amount === undefined || rest === undefined) continue;
    const weight = Number(amount);
    if (weight === 0 || weight < weights.min || weight > weights.max || chips.length === maxChips) continue;
    if (by === 'text') chips.push({ by, text: rest.slice(0, maxTextLength), weight });
    else if (by === 'stored') chips.push({ by, id: rest, weight });
    else chips.push({ by, ref: rest, weight });
  }
  return chips;
}

function filterOf(params: URLSearchParams): Filter {
  const tagsAll = params.getAll('tag').filter((tag) => tag !== '');
  const contentTypes = params.getAll('type').filter((type) => type !== '');
  const ofColours = COLOURS.filter((colour) => params.getAll('colour').includes(colour));
  const filter = {
    colours: ofColours.length > 0 ? ofColours : undefined,
    tagsAll: tagsAll.length > 0 ? tagsAll : undefined,
    contentTypes: contentTypes.length > 0 ? contentTypes : undefined,
    orientation: orientations.find((one) => one === params.get('shape')),
    minBytes: number(params.get('min'), 0, Number.MAX_SAFE_INTEGER),
    maxBytes: number(params.get('max'), 0, Number.MAX_SAFE_INTEGER),
    takenAfter: date(params.get('after')),
    takenBefore: date(params.get('before')),
    ...Object.fromEntries(textFilters.map((name) => [name, textOf(name, params.get(name))])),
  };
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}

function textOf(name: (typeof textFilters)[number], value: string | null): string | undefined {
  return value && (textForms[name]?.test(value) ?? true) ? value : undefined;
}

function number(value: string | null, least: number, most: number): number | undefined {
  if (value === null || value.trim() === '') return;
  const parsed = Number(value);
  return Number.isFinite(parsed) && parsed >= least && parsed <= most ? parsed : undefined;
}

function date(value: string | null): string | undefined {
  return value !== null && /^\d{4}-\d\d-\d\d/.test(value) && !Number.isNaN(Date.parse(value)) ? value : undefined;
}

/** Number of active filters, not counting the kind. */
export function filterCount(query: Query): number {
  const { tagsAll = [], contentTypes = [], colours = [], ...rest } = query.filter;
  const dates = rest.takenAfter !== undefined || rest.takenBefore !== undefined ? 1 : 0;
  const sizes = rest.minBytes !== undefined || rest.maxBytes !== undefined ? 1 : 0;
  const texts = textFilters.filter((name) => rest[name] !== undefined).length;
  const others = texts + (rest.orientation ? 1 : 0) + (query.minScore === undefined ? 0 : 1);
  return tagsAll.length + contentTypes.length + colours.length + dates + sizes + others;
}
