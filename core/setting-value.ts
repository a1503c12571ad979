import { editDistance } from './util/edit-distance.ts';

/**
 * A value given as a command-line flag or an environment variable: how it is parsed and described. T is the parsed
 * type, with undefined where it may be left out.
 */
export interface Option<T> {
  /** Its purpose, for usage texts and tables: no full stop. */
  readonly text: string;
  /** What a value must be, a noun with its bounds: "a whole number from 1 to 64". Shown in errors and tables. */
  readonly expects: string;
  /** Placeholder of the value in usage texts, such as N or DIR; null for a switch, which takes none. */
  readonly unit: string | null;
  /** Used when no value is given. */
  readonly default: T;
  /** The default as people write it; undefined when there is none to show. */
  readonly shown: string | undefined;
  /** Whether it may be given more than once: T is then a list. */
  readonly many: boolean;
  /** Separates the items of a list in an environment variable. */
  readonly separator?: string;
  /** @throws {Expected} when the items of a list do not fit each other */
  readonly check?: (items: readonly never[]) => void;
  /** Never shown in a message. */
  readonly secret: boolean;
  /**
   * Parses one value.
   * @param resolvePath makes a path as the user typed it absolute
   * @throws {Expected} when it is not one
   */
  readonly parse: (given: string, resolvePath: (path: string) => string) => unknown;
}

/** Thrown by `parse`: the message is a noun for what was expected, such as "a number". */
export class Expected extends Error {}

interface About<D> {
  readonly text: string;
  readonly unit?: string;
  readonly default?: D;
  /** Shown instead of the default when that is only known at run time. */
  readonly shown?: string;
  readonly secret?: boolean;
}

function option<V, D extends V | undefined>(
  about: About<D>,
  unit: string,
  expects: string,
  parse: (given: string, resolvePath: (path: string) => string) => V | null,
): Option<V | D> {
  const { text, secret = false } = about;
  const shown = about.shown ?? (about.default === undefined ? undefined : String(about.default));
  return {
    text,
    expects,
    unit: about.unit ?? unit,
    default: about.default as D,
    shown,
    many: false,
    secret,
    parse(given, resolvePath) {
      const value = parse(given, resolvePath);
      if (value === null) throw new Expected(expects);
      return value;
    },
  };
}

/** Any text but an empty one, or one that fits `pattern`, which `expected` describes. */
export function text<D extends string | undefined = undefined>(
  about: About<D> & { readonly pattern?: RegExp; readonly expected?: string },
): Option<string | D> {
  const { pattern = /\S/, expected = 'some text' } = about;
  return option(about, 'TEXT', expected, (given) => (pattern.test(given) ? given : null));
}

/** A whole number between bounds. */
export function whole<D extends number | undefined = undefined>(
  about: About<D> & { readonly min?: number; readonly max?: number },
): Option<number | D> {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = about;
  const bounds = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  return option(about, 'N', `a whole number ${bounds}`, (given) => {
    const value = numeric(given);
    return Number.isInteger(value) && value >= min && value <= max ? value : null;
  });
}

/** A number between bounds; `above` leaves out the lower one. */
export function decimal<D extends number | undefined = undefined>(
  about: About<D> & { readonly min?: number; readonly above?: number; readonly max?: number },
): Option<number | D> {
  const { min = about.above ?? -Infinity, above, max = Infinity } = about;
  const expects = above === undefined ? `a number from ${min} to ${max}` : `a number above ${above}`;
  return option(about, 'N', expects, (given) => {
    const value = numeric(given);
    return value >= min && value <= max && value !== above ? value : null;
  });
}

function numeric(given: string): number {
  const value = given.trim() === '' ? Number.NaN : Number(given);
  if (!Number.isFinite(value)) throw new Expected('a number');
  return value;
}

const BYTES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
};

/** A size in bytes, written with or without a unit: 52428800, 50MiB, 50 MB. */
export function bytes<D extends number | undefined = undefined>(
  about: About<D> & { readonly min: number; readonly max: number },
): Option<number | D> {
  const expects = `a size from ${sizeText(about.min)} to ${sizeText(about.max)}`;
  return option(about, 'SIZE', expects, (given) => {
    const [, number = '', unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(given) ?? [];
    const value = Math.floor(Number(number) * (BYTES[unit.toLowerCase()] ?? Number.NaN));
    if (number === '' || Number.isNaN(value)) throw new Expected('a size such as 50MiB or 50MB, or a number of bytes');
    return value >= about.min && value <= about.max ? value : null;
  });
}

/** The shortest text for a size that `bytes` can parse. */
export function sizeText(size: number): string {
  for (const [unit, factor] of [
    ['GiB', 1024 ** 3],
    ['MiB', 1024 ** 2],
    ['KiB', 1024],
  ] as const) {
    if (size >= factor && size % factor === 0) return `${size / factor}${unit}`;
  }
  return String(size);
}

/** One of some words, upper or lower case. */
export function choice<const C extends string>(
  values: readonly C[],
  about: About<NoInfer<C>> & { readonly default: NoInfer<C> },
): Option<C>;
export function choice<const C extends string>(values: readonly C[], about: About<undefined>): Option<C | undefined>;
export function choice<const C extends string>(values: readonly C[], about: About<C | undefined>) {
  return option<C, C | undefined>(about, 'NAME', listed(values), (given) => {
    return values.find((value) => value.toLowerCase() === given.trim().toLowerCase()) ?? null;
  });
}

/** An address with a scheme. */
export function url<D extends string | undefined = undefined>(about: About<D>): Option<string | D> {
  return option(about, 'URL', 'a URL such as https://example.com', (given) => (URL.canParse(given) ? given : null));
}

/** A file or folder, made absolute. */
export function path<D extends string | undefined = undefined>(about: About<D>): Option<string | D> {
  const expects = `a ${about.unit === 'FILE' ? 'file' : 'folder'}`;
  return option(about, 'DIR', expects, (given, resolvePath) => (given.trim() === '' ? null : resolvePath(given)));
}

/** A switch: a flag without a value; as a variable, on or off, true or false, 1 or 0. */
export function toggle(about: Omit<About<boolean>, 'unit'>): Option<boolean> {
  const made = option<boolean, boolean>({ shown: '', default: false, ...about }, '', 'on or off', (given) => {
    if (/^(on|true|yes|1)$/i.test(given.trim())) return true;
    return /^(off|false|no|0)$/i.test(given.trim()) ? false : null;
  });
  return { ...made, unit: null, shown: about.shown };
}

/** Any number of values; `separator` separates them in an environment variable. */
export function many<T>(
  one: Option<T>,
  how: { readonly separator?: string; readonly check?: (items: readonly NonNullable<T>[]) => void } = {},
): Option<readonly NonNullable<T>[]> {
  return { ...one, default: [], many: true, separator: how.separator ?? ',', check: how.check };
}

/** The given value or the default; or what is wrong with it, a sentence that begins with its name. */
export function readOption<T>(
  one: Option<T>,
  name: string,
  given: string | readonly string[] | undefined,
  resolvePath: (path: string) => string,
): { readonly value: T } | { readonly problem: string } {
  if (given === undefined) return { value: one.default };
  let current: string | readonly string[] = given;
  try {
    if (typeof given === 'string') return { value: one.parse(given, resolvePath) as T };
    const values = given.map((item) => {
      current = item;
      return one.parse(item, resolvePath);
    });
    current = given;
    one.check?.(values as never);
    return { value: values as T };
  } catch (error) {
    if (!(error instanceof Expected)) throw error;
    const came = one.secret ? 'something else' : JSON.stringify(current);
    return { problem: `${name}: expected ${error.message}, got ${came}` };
  }
}

/** "a, b or c". */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** The word of `known` that `given` was probably meant to be, or null when none is close. */
export function nearest(given: string, known: Iterable<string>): string | null {
  let best: string | null = null;
  let least = Math.max(2, Math.floor(given.length / 2)) + 1;
  for (const word of known) {
    const distance = editDistance(given, word);
    if (distance < least) [best, least] = [word, distance];
  }
  return best;
}
