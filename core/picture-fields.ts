import { COLOURS } from './picture/colour-names.ts';

/**
 * What a picture has, each field declared once. Types, checks, the columns and payloads of both stores with their
 * indexes, filters, differences between spaces and the schemas of the API follow from it. A new field takes its entry
 * here and the code that reads it from the file. Fields are only ever added: points that were written before have its
 * `absent` value.
 */

/**
 * What a value is: `instant` a moment as ISO 8601; `local-time` the time on the clock where it happened, as ISO 8601
 * with the offset behind it where that is known; `sequencer` the logical time of an event.
 */
export type FieldType = 'text' | 'texts' | 'integer' | 'number' | 'instant' | 'local-time' | 'sequencer';

/**
 * Who knows it: the object and its store, the file's content, a person, the index, other fields, or the image encoder,
 * whose answers belong to a space as the vectors do.
 */
export type FieldSource = 'object' | 'content' | 'user' | 'index' | 'derived' | 'encoder';

/**
 * How a filter compares. Points that have no value never match, except `noneOf`. `below` is strict, the bounds
 * `atLeast` and `atMost` are not; local times compare by their clocks, whatever their offsets.
 */
export type Comparison = 'equals' | 'oneOf' | 'noneOf' | 'prefix' | 'all' | 'any' | 'atLeast' | 'atMost' | 'below';

export interface PictureField {
  readonly type: FieldType;
  /** The only texts there can be; of several texts, in the order they have. */
  readonly values?: readonly string[];
  /** What texts of a filter look like at the API. @default plain text */
  readonly format?: 'sha256' | 'mime-type';
  /** UTF-16 units of a text in a filter. @default 255 */
  readonly maxLength?: number;
  /** An empty text is a value of its own, such as the folder at the top. */
  readonly mayBeEmpty?: true;
  readonly from: FieldSource;
  /** For derived fields only: makes it, and nothing else is stored of it than filters need. */
  readonly derive?: (picture: DerivationSources) => string;
  /**
   * The value of points that have none: null, 0 where it has to be a number, or no texts. Fields without must always be
   * given.
   */
  readonly absent?: null | 0 | readonly [];
  /** Names of filters, and how each compares. */
  readonly filters?: Readonly<Record<string, Comparison>>;
  /**
   * Names of orders that lists can have by it. Points with the same value are ordered by id, those without one come
   * last.
   */
  readonly orders?: Readonly<Record<string, 'ascending' | 'descending'>>;
  /** Its most frequent values can be asked for. */
  readonly facet?: true;
  /** A value of it leaves few points, so the embedded store looks it up instead of going through all of them. */
  readonly selective?: true;
  /** Its words are searched beside meaning; what is found by them says so by this name. */
  readonly named?: 'name' | 'folder' | 'tag' | 'camera' | 'keyword';
  /** Captions have it, too. */
  readonly ofCaptions?: true;
  /** Not in answers of the API, and neither are its filters. */
  readonly internal?: true;
  /** What it is, for readers of the API. */
  readonly doc: string;
  readonly example?: string;
}

/** What derived fields are made from. */
export interface DerivationSources {
  readonly key: string;
  readonly width: number;
  readonly height: number;
  readonly takenAt: string | null;
}

/** Where the date of a picture comes from, from the most to the least trustworthy. */
export const DATE_SOURCES = ['exif', 'xmp', 'iptc', 'gps', 'png', 'tiff', 'sidecar', 'name', 'file'] as const;

export const PICTURE_FIELDS = {
  bucket: {
    type: 'text',
    from: 'object',
    filters: { bucket: 'equals', exceptBuckets: 'noneOf' },
    doc: 'Name of the bucket or folder.',
  },
  key: {
    type: 'text',
    from: 'object',
    filters: { keyPrefix: 'prefix' },
    selective: true,
    maxLength: 1024,
    doc: 'The object key, such as the path in the folder.',
    example: 'holidays/beach.jpg',
  },
  name: {
    type: 'text',
    from: 'derived',
    derive: ({ key }) => key.slice(key.lastIndexOf('/') + 1),
    named: 'name',
    doc: 'The file name: the key without its folder.',
    example: 'beach.jpg',
  },
  folder: {
    type: 'text',
    from: 'derived',
    derive: ({ key }) => key.slice(0, Math.max(0, key.lastIndexOf('/'))),
    named: 'folder',
    filters: { folder: 'equals' },
    facet: true,
    selective: true,
    maxLength: 1024,
    mayBeEmpty: true,
    doc: 'The key without the file name; empty at the top. As a filter: pictures right in this folder.',
    example: 'holidays',
  },
  contentType: {
    type: 'text',
    from: 'content',
    filters: { contentTypes: 'oneOf' },
    facet: true,
    format: 'mime-type',
    doc: 'MIME type by the content, whatever the file name says.',
    example: 'image/jpeg',
  },
  width: { type: 'integer', from: 'content', doc: 'Pixels, after EXIF orientation.' },
  height: { type: 'integer', from: 'content', doc: 'Pixels, after EXIF orientation.' },
  orientation: {
    type: 'text',
    values: ['landscape', 'portrait', 'square'],
    from: 'derived',
    derive: ({ width, height }) => (width > height ? 'landscape' : width < height ? 'portrait' : 'square'),
    filters: { orientation: 'equals' },
    doc: 'Whether it is wider than high.',
  },
  bytes: { type: 'integer', from: 'object', filters: { minBytes: 'atLeast', maxBytes: 'atMost' }, doc: 'File size.' },
  etag: { type: 'text', from: 'object', internal: true, doc: "The object store's entity tag, without quotes." },
  sha256: {
    type: 'text',
    from: 'object',
    filters: { sha256: 'equals' },
    selective: true,
    format: 'sha256',
    doc: 'SHA-256 of the bytes; finds copies through the filter of this name.',
  },
  tags: {
    type: 'texts',
    from: 'user',
    named: 'tag',
    filters: { tagsAll: 'all', tagsAny: 'any' },
    facet: true,
    selective: true,
    ofCaptions: true,
    doc: 'Each once, in the order they were given.',
  },
  takenAt: {
    type: 'local-time',
    from: 'content',
    absent: null,
    filters: { takenAfter: 'atLeast', takenBefore: 'atMost' },
    orders: { taken: 'ascending', '-taken': 'descending' },
    doc:
      'When it was taken, by the clock of the place where it was taken; with its offset from UTC where that is ' +
      'known. Null when nothing says.',
    example: '2019-07-05T23:30:00.000+02:00',
  },
  month: {
    type: 'text',
    from: 'derived',
    derive: ({ takenAt }) => takenAt?.slice(0, 7) ?? '',
    filters: { month: 'equals' },
    facet: true,
    selective: true,
    maxLength: 7,
    mayBeEmpty: true,
    doc: 'Year and month of `takenAt`; empty when it has none.',
    example: '2019-07',
  },
  dayOfYear: {
    type: 'text',
    from: 'derived',
    derive: ({ takenAt }) => takenAt?.slice(5, 10) ?? '',
    filters: { dayOfYear: 'equals' },
    facet: true,
    selective: true,
    maxLength: 5,
    mayBeEmpty: true,
    doc: 'Month and day of `takenAt`, for the same day of other years; empty when it has none.',
    example: '07-05',
  },
  takenFrom: {
    type: 'text',
    values: DATE_SOURCES,
    from: 'content',
    absent: null,
    doc: 'Which source `takenAt` is from.',
  },
  camera: {
    type: 'text',
    from: 'content',
    absent: null,
    named: 'camera',
    filters: { camera: 'equals' },
    facet: true,
    doc: 'Maker and model of the camera.',
    example: 'Canon EOS 5D',
  },
  keywords: {
    type: 'texts',
    from: 'content',
    absent: [],
    named: 'keyword',
    doc: 'What IPTC, XMP and an `.xmp` file beside it call it; a search finds it by their words.',
  },
  lens: { type: 'text', from: 'content', absent: null, filters: { lens: 'equals' }, doc: 'Model of the lens.' },
  exposureTime: { type: 'number', from: 'content', absent: null, doc: 'Seconds.', example: '0.004' },
  aperture: { type: 'number', from: 'content', absent: null, doc: 'The f-number.', example: '2.8' },
  iso: { type: 'integer', from: 'content', absent: null, doc: 'Sensitivity of film or sensor.', example: '400' },
  focalLength: { type: 'number', from: 'content', absent: null, doc: 'Millimetres, of the lens itself.' },
  latitude: { type: 'number', from: 'content', absent: null, doc: 'Where it was taken, in degrees: north above 0.' },
  longitude: { type: 'number', from: 'content', absent: null, doc: 'Degrees: east above 0.' },
  perceptualHash: {
    type: 'text',
    from: 'content',
    absent: null,
    doc:
      'What it looks like, as 128 bits in hexadecimal digits: copies that were made smaller or compressed again ' +
      'differ in at most 10 of them.',
    example: '0f1e3c78f0e1c3870f1e3c78f0e1c387',
  },
  colours: {
    type: 'texts',
    values: COLOURS,
    from: 'content',
    absent: [],
    filters: { colours: 'all' },
    doc: 'Its main colours, and `monochrome` when it has none but shades of grey.',
  },
  indexedAt: {
    type: 'instant',
    from: 'index',
    filters: { indexedAfter: 'atLeast', indexedBefore: 'atMost' },
    orders: { newest: 'descending' },
    ofCaptions: true,
    doc: 'When it was indexed.',
  },
  sidecars: {
    type: 'text',
    from: 'object',
    absent: null,
    internal: true,
    doc: 'Mark of the files beside it that describe it: it is read again when theirs is another. Null without any.',
  },
  readBy: {
    type: 'text',
    from: 'index',
    absent: null,
    ofCaptions: true,
    internal: true,
    doc: 'Of a caption: as which language, and which version of which text side read it. Null when nothing says.',
  },
  classes: {
    type: 'text',
    from: 'encoder',
    absent: null,
    internal: true,
    doc: 'What the image encoder takes it for, see `picture/classes.ts`. Null when its classes have no names.',
  },
  metadataVersion: {
    type: 'integer',
    from: 'content',
    absent: 0,
    filters: { metadataBelow: 'below' },
    internal: true,
    doc: 'Version of the code that read all this from the file; pictures read by an older one can be read again.',
  },
  sequencer: {
    type: 'sequencer',
    from: 'index',
    ofCaptions: true,
    internal: true,
    doc: "Logical time of the event that wrote it, as S3 sends it: hexadecimal, '' when unknown (the oldest).",
  },
} as const satisfies Readonly<Record<string, PictureField>>;

type Fields = typeof PICTURE_FIELDS;
export type FieldName = keyof Fields;

/** The value of a declared field: `string`, one of its `values`, a number or texts; or null where it may be absent. */
type Value<F extends PictureField> = Given<F> | (F['absent'] extends null ? null : never);
type Given<F extends PictureField> = F['type'] extends 'integer' | 'number'
  ? number
  : F['type'] extends 'texts'
    ? readonly string[]
    : F['values'] extends readonly string[]
      ? F['values'][number]
      : string;

/** The fields that a condition on their declaration picks out, with their values. */
type ValuesWhere<Condition> = {
  readonly [Name in FieldName as Fields[Name] extends Condition ? Name : never]: Value<Fields[Name]>;
};

/** Fields whose most frequent values can be asked for. */
export type FacetName = keyof ValuesWhere<{ facet: true }>;

/** Orders of a list, see {@link PictureField.orders}. */
export type OrderName = {
  [Name in FieldName]: Fields[Name] extends { orders: infer Orders } ? keyof Orders : never;
}[FieldName];

/** What is stored of a picture. */
export type PictureValues = ValuesWhere<{ from: Exclude<FieldSource, 'derived'> }>;
/** What decoding a picture and reading its metadata tells. */
export type ContentValues = ValuesWhere<{ from: 'content' }>;
/** What pictures and captions have in common. */
export type SharedValues = ValuesWhere<{ ofCaptions: true }>;
/** What answers of the API show. */
export type ShownValues = Omit<ValuesWhere<PictureField>, keyof ValuesWhere<{ internal: true }>>;

/** Every filter with the field it is of, as a union. */
type DeclaredFilter = {
  [Name in FieldName]: Fields[Name] extends { filters: infer Filters }
    ? { [Filter in keyof Filters]: { name: Filter; of: Fields[Name]; comparison: Filters[Filter] } }[keyof Filters]
    : never;
}[FieldName];

type FilterValue<F extends DeclaredFilter> = F['comparison'] extends 'oneOf' | 'noneOf' | 'all' | 'any'
  ? readonly string[]
  : Given<F['of']>;

/** The filters over fields. All given conditions must hold. */
export type PictureFilter = { readonly [F in DeclaredFilter as F['name']]?: FilterValue<F> };
export type FilterName = keyof PictureFilter;

export interface NamedField extends PictureField {
  readonly name: FieldName;
}

/** Every declared field with its name, in the order of the declaration. */
export const FIELDS: readonly NamedField[] = Object.entries<PictureField>(PICTURE_FIELDS).map(([name, field]) => ({
  name: name as FieldName,
  ...field,
}));

/** Fields that are kept as they are given; the others are derived from them. */
export const STORED_FIELDS = FIELDS.filter(({ from }) => from !== 'derived');
/** Fields that a store has to hold: the stored ones, and the derived ones that filters ask for. */
export const HELD_FIELDS = FIELDS.filter(({ from, filters }) => from !== 'derived' || filters !== undefined);

/** Fields that answers of the API show. */
export const SHOWN_FIELDS = FIELDS.filter(({ internal }) => !internal);

/** Fields that are the same in every space. */
export const SHARED_FIELDS = STORED_FIELDS.filter(({ from }) => from !== 'encoder');

/** Every filter with its field. */
export const FILTERS: readonly { name: FilterName; comparison: Comparison; field: NamedField }[] = FIELDS.flatMap(
  (field) =>
    Object.entries(field.filters ?? {}).map(([name, comparison]) => ({
      name: name as FilterName,
      comparison,
      field,
    })),
);

export interface Order {
  readonly name: OrderName;
  readonly field: NamedField;
  readonly direction: 'ascending' | 'descending';
}

/** Every order with its field. */
export const ORDERS: ReadonlyMap<string, Order> = new Map(
  FIELDS.flatMap((field) =>
    Object.entries(field.orders ?? {}).map(([name, direction]) => [
      name,
      { name: name as OrderName, field, direction },
    ]),
  ),
);

/** Names of the fields whose most frequent values can be asked for. */
export const FACETS = FIELDS.filter(({ facet }) => facet).map(({ name }) => name as FacetName);

/** A value of a picture by its field, derived ones included; {@link PictureField.absent} where there is none. */
export function fieldValue(picture: PictureValues | SharedValues, field: NamedField): unknown {
  if (field.derive !== undefined) return field.derive(picture as PictureValues);
  return (picture as Partial<Record<FieldName, unknown>>)[field.name] ?? field.absent ?? null;
}

/** The values of some fields, derived ones included. */
export function fieldValues(picture: PictureValues | SharedValues, fields: readonly NamedField[]) {
  return Object.fromEntries(fields.map((field) => [field.name, fieldValue(picture, field)]));
}

/** What a picture has of which nothing is known but what it must have: every field with an absent value, with that. */
export const NOTHING_KNOWN = Object.fromEntries(
  FIELDS.filter(({ absent }) => absent !== undefined).map(({ name, absent }) => [name, absent]),
) as unknown as Readonly<ValuesWhere<{ absent: null | 0 | readonly [] }>>;
