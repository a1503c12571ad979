import { COLOURS } from './picture/colour-names.ts';

/**
 * The fields of a picture, each declared once. Types, checks, the columns, payloads and indexes of both stores,
 * filters, differences between spaces and the schemas of the API follow from this. A new field needs an entry here, the
 * code that reads it from the file, and a higher version of the schema in `vectors/sqlite/schema.ts`. Fields are only
 * ever added: older points have the `absent` value.
 */

/**
 * Type of a value. `instant`: a moment as ISO 8601; `local-time`: the clock time where it happened, as ISO 8601
 * followed by the offset if known; `sequencer`: the logical time of an event.
 */
export type FieldType = 'text' | 'texts' | 'integer' | 'number' | 'instant' | 'local-time' | 'sequencer';

/**
 * Where it comes from: the object and its store, the file's content, a person, the index, other fields, or the image
 * encoder, whose output belongs to one space, as vectors do.
 */
export type FieldSource = 'object' | 'content' | 'user' | 'index' | 'derived' | 'encoder';

/**
 * How a filter compares. Points without a value match only `noneOf`. `below` is strict, `atLeast` and `atMost` are
 * inclusive; local times compare by clock time, ignoring their offsets.
 */
export type Comparison = 'equals' | 'oneOf' | 'noneOf' | 'prefix' | 'all' | 'any' | 'atLeast' | 'atMost' | 'below';

export interface PictureField {
  readonly type: FieldType;
  /** The only texts allowed; a field of several texts holds them in this order. */
  readonly values?: readonly string[];
  /** Format of a filter's text in the API. @default plain text */
  readonly format?: 'sha256' | 'mime-type';
  /** Maximum length of a filter's text, in UTF-16 units. @default 255 */
  readonly maxLength?: number;
  /** An empty text is a value, such as the top folder. */
  readonly mayBeEmpty?: true;
  readonly from: FieldSource;
  /** Derived fields only: computes the value; stored only as far as filters need it. */
  readonly derive?: (picture: DerivationSources) => string;
  /**
   * What stands for a missing value: null, 0 where it has to be a number, or no texts. Fields without `absent` are
   * required.
   */
  readonly absent?: null | 0 | readonly [];
  /** Its filters by name, and how each compares. */
  readonly filters?: Readonly<Record<string, Comparison>>;
  /**
   * List orders by this field, by name. Ties are ordered by id; points without a value come last.
   */
  readonly orders?: Readonly<Record<string, 'ascending' | 'descending'>>;
  /** It has a facet: its most frequent values with their counts. */
  readonly facet?: true;
  /** Few points share a value, so the embedded store uses an index instead of scanning all points. */
  readonly selective?: true;
  /** Its words are searched in addition to meaning; a hit found by them gives this name as the reason. */
  readonly named?: 'name' | 'folder' | 'tag' | 'camera' | 'keyword';
  /** Captions have it, too. */
  readonly ofCaptions?: true;
  /** Hidden from the API, as are its filters. */
  readonly internal?: true;
  /** Description for readers of the API. */
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

/** Sources of a picture's date, most trustworthy first. */
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
    doc: 'The object key: the path within the folder or bucket.',
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
    doc: 'The folder part of the key; empty at the top. As a filter: exactly this folder, without subfolders.',
    example: 'holidays',
  },
  contentType: {
    type: 'text',
    from: 'content',
    filters: { contentTypes: 'oneOf' },
    facet: true,
    format: 'mime-type',
    doc: 'MIME type detected from the content, whatever the file name says.',
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
    doc: 'Whether it is wider than it is high.',
  },
  bytes: { type: 'integer', from: 'object', filters: { minBytes: 'atLeast', maxBytes: 'atMost' }, doc: 'File size.' },
  etag: { type: 'text', from: 'object', internal: true, doc: "The object store's entity tag, without quotes." },
  sha256: {
    type: 'text',
    from: 'object',
    filters: { sha256: 'equals' },
    selective: true,
    format: 'sha256',
    doc: 'SHA-256 of the bytes. As a filter: exact copies.',
  },
  tags: {
    type: 'texts',
    from: 'user',
    named: 'tag',
    filters: { tagsAll: 'all', tagsAny: 'any' },
    facet: true,
    selective: true,
    ofCaptions: true,
    doc: 'Tags without duplicates, in the order they were given.',
  },
  takenAt: {
    type: 'local-time',
    from: 'content',
    absent: null,
    filters: { takenAfter: 'atLeast', takenBefore: 'atMost' },
    orders: { taken: 'ascending', '-taken': 'descending' },
    doc:
      'When it was taken, as local time at that place, with its offset from UTC where that is ' +
      'known. Null when unknown.',
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
    doc: 'Year and month of `takenAt`; empty when that is unknown.',
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
    doc: 'Month and day of `takenAt`, to find the same day in other years; empty when that is unknown.',
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
    doc: 'Keywords from IPTC, XMP and an `.xmp` file beside it; their words are searched.',
  },
  lens: { type: 'text', from: 'content', absent: null, filters: { lens: 'equals' }, doc: 'Lens model.' },
  exposureTime: { type: 'number', from: 'content', absent: null, doc: 'Seconds.', example: '0.004' },
  aperture: { type: 'number', from: 'content', absent: null, doc: 'The f-number.', example: '2.8' },
  iso: { type: 'integer', from: 'content', absent: null, doc: 'Sensitivity of film or sensor.', example: '400' },
  focalLength: {
    type: 'number',
    from: 'content',
    absent: null,
    doc: 'Focal length of the lens itself, in millimetres.',
  },
  latitude: { type: 'number', from: 'content', absent: null, doc: 'Where it was taken, in degrees: north above 0.' },
  longitude: { type: 'number', from: 'content', absent: null, doc: 'Degrees: east above 0.' },
  perceptualHash: {
    type: 'text',
    from: 'content',
    absent: null,
    doc:
      'Perceptual hash: 128 bits as hexadecimal digits. Copies that were resized or recompressed ' +
      'differ in at most 10 of them.',
    example: '0f1e3c78f0e1c3870f1e3c78f0e1c387',
  },
  colours: {
    type: 'texts',
    values: COLOURS,
    from: 'content',
    absent: [],
    filters: { colours: 'all' },
    doc: 'Its main colours, and `monochrome` when it has only shades of grey.',
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
    doc: 'Fingerprint of its sidecar files: it is read again when that changes. Null when it has none.',
  },
  readBy: {
    type: 'text',
    from: 'index',
    absent: null,
    ofCaptions: true,
    internal: true,
    doc: 'Of a caption: the language it was read in, and which version of which text side read it. Null when unknown.',
  },
  classes: {
    type: 'text',
    from: 'encoder',
    absent: null,
    internal: true,
    doc: 'Classes that the image encoder recognises, see `picture/classes.ts`. Null when its classes have no names.',
  },
  metadataVersion: {
    type: 'integer',
    from: 'content',
    absent: 0,
    filters: { metadataBelow: 'below' },
    internal: true,
    doc: 'Version of the code that read the metadata; pictures read by an older version can be read again.',
  },
  sequencer: {
    type: 'sequencer',
    from: 'index',
    ofCaptions: true,
    internal: true,
    doc: "Logical time of the event that wrote it, as S3 sends it: hexadecimal; '' when unknown, which is the oldest.",
  },
} as const satisfies Readonly<Record<string, PictureField>>;

type Fields = typeof PICTURE_FIELDS;
export type FieldName = keyof Fields;

/** The value of a declared field: `string`, one of its `values`, a number or texts; null only if it may be absent. */
type Value<F extends PictureField> = Given<F> | (F['absent'] extends null ? null : never);
type Given<F extends PictureField> = F['type'] extends 'integer' | 'number'
  ? number
  : F['type'] extends 'texts'
    ? readonly string[]
    : F['values'] extends readonly string[]
      ? F['values'][number]
      : string;

/** The fields whose declaration meets a condition, with their values. */
type ValuesWhere<Condition> = {
  readonly [Name in FieldName as Fields[Name] extends Condition ? Name : never]: Value<Fields[Name]>;
};

/** Fields with a facet. */
export type FacetName = keyof ValuesWhere<{ facet: true }>;

/** Orders of a list, see {@link PictureField.orders}. */
export type OrderName = {
  [Name in FieldName]: Fields[Name] extends { orders: infer Orders } ? keyof Orders : never;
}[FieldName];

/** What is stored of a picture. */
export type PictureValues = ValuesWhere<{ from: Exclude<FieldSource, 'derived'> }>;
/** What a picture's pixels and metadata say. */
export type ContentValues = ValuesWhere<{ from: 'content' }>;
/** The fields that pictures and captions share. */
export type SharedValues = ValuesWhere<{ ofCaptions: true }>;
/** The fields in answers of the API. */
export type ShownValues = Omit<ValuesWhere<PictureField>, keyof ValuesWhere<{ internal: true }>>;

/** Every filter with its field, as a union. */
type DeclaredFilter = {
  [Name in FieldName]: Fields[Name] extends { filters: infer Filters }
    ? { [Filter in keyof Filters]: { name: Filter; of: Fields[Name]; comparison: Filters[Filter] } }[keyof Filters]
    : never;
}[FieldName];

type FilterValue<F extends DeclaredFilter> = F['comparison'] extends 'oneOf' | 'noneOf' | 'all' | 'any'
  ? readonly string[]
  : Given<F['of']>;

/** Filters on fields. All given conditions must hold. */
export type PictureFilter = { readonly [F in DeclaredFilter as F['name']]?: FilterValue<F> };
export type FilterName = keyof PictureFilter;

export interface NamedField extends PictureField {
  readonly name: FieldName;
}

/** Every declared field with its name, in order of declaration. */
export const FIELDS: readonly NamedField[] = Object.entries<PictureField>(PICTURE_FIELDS).map(([name, field]) => ({
  name: name as FieldName,
  ...field,
}));

/** Fields that are stored as given; the others are derived from them. */
export const STORED_FIELDS = FIELDS.filter(({ from }) => from !== 'derived');
/** Fields that a store has to hold: the stored ones, and derived ones with filters. */
export const HELD_FIELDS = FIELDS.filter(({ from, filters }) => from !== 'derived' || filters !== undefined);

/** Fields in answers of the API. */
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

/** Names of the fields with a facet. */
export const FACETS = FIELDS.filter(({ facet }) => facet).map(({ name }) => name as FacetName);

/** The value of a field, also of a derived one; {@link PictureField.absent} when it is missing. */
export function fieldValue(picture: PictureValues | SharedValues, field: NamedField): unknown {
  if (field.derive !== undefined) return field.derive(picture as PictureValues);
  return (picture as Partial<Record<FieldName, unknown>>)[field.name] ?? field.absent ?? null;
}

/** The values of some fields, derived ones included. */
export function fieldValues(picture: PictureValues | SharedValues, fields: readonly NamedField[]) {
  return Object.fromEntries(fields.map((field) => [field.name, fieldValue(picture, field)]));
}

/** Every optional field with its absent value. */
export const NOTHING_KNOWN = Object.fromEntries(
  FIELDS.filter(({ absent }) => absent !== undefined).map(({ name, absent }) => [name, absent]),
) as unknown as Readonly<ValuesWhere<{ absent: null | 0 | readonly [] }>>;
