/**
 * Parses dates as programs and cameras write them into one form: local time where the picture was taken, ISO 8601 with
 * milliseconds, and the offset if known, as in `2019-07-05T23:30:00.000+02:00`, or without one
 * `2019-07-05T23:30:00.000`. An instant without a known local time, as from satellites and servers, is given in UTC:
 * `+00:00`.
 */

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
/** Year of the oldest surviving photograph. */
const FIRST_YEAR = 1826;
/** Clock epochs of cameras and computers (Macintosh, Unix). A date on such a day counts as unknown. */
const CLOCK_STARTS = ['1904-01-01', '1970-01-01'];
/** Epoch of FAT, which zip files write when the date is unknown: midnight only. */
const FAT_START = '1980-01-01T00:00:00';

/** Old cameras write a blank instead of a leading zero. */
const DATE = /^\s*(\d{4})(?:[:\-/.](\d{1,2}| \d)(?:[:\-/.](\d{1,2}| \d))?)?(?!\d)/;
const TIME = /^[T ]\s{0,3}(\d{1,2}| \d):(\d{1,2}| \d)(?::(\d{1,2}| \d))?(?:[.,](\d{1,9}))?\s?([+-]\d.{0,4}|Z)?/i;
/** `05 Jul 2019 23:30:00 +0200` */
const WRITTEN =
  /(\d\d?)[ -]([A-Z]{3})[a-z]{0,6}[ -](\d{4})(?: (\d\d):(\d\d)(?::(\d\d))?(?: ?([+-]\d{4}|GMT|UTC|Z))?)?/i;

/**
 * A date as in EXIF and XMP: `2019:07:05 23:30:00`, also with dashes, slashes, dots, a `T`, without seconds, time or
 * day, followed by a fraction and an offset. Null when it is not a date, does not exist (`0000:00:00`, month 13) or is
 * a clock's epoch.
 * @param offset from a separate field: `+02:00`, `+0200`, `+2`, `Z`. An offset in `text` takes precedence.
 * @param fraction digits of a second from a separate field
 */
export function parseDate(text: string, offset = '', fraction = ''): string | null {
  const match = DATE.exec(text);
  if (match === null) return null;
  const [whole, year, month = '1', day = '1'] = match;
  const [, hour, minute, second, ownFraction, ownOffset] = TIME.exec(text.slice(whole.length)) ?? [];
  return localDate([year, month, day, hour, minute, second], ownFraction ?? fraction, ownOffset ?? offset);
}

/** `19990705` with `233000+0200`, as in IPTC. Zeros mean unknown. Null as in {@link parseDate}. */
export function parseCompactDate(date: string, time = ''): string | null {
  const day = /^(\d{4})(\d\d)(\d\d)$/.exec(date);
  if (day === null) return null;
  const [, hour, minute, second, offset] = /^(\d\d)(\d\d)(\d\d)?([+-]\d{4})?/.exec(time) ?? [];
  const known = day.slice(1).map((part, i) => (i > 0 && part === '00' ? '1' : part));
  return localDate([...known, hour, minute, second], '', offset ?? '');
}

/** `Fri, 05 Jul 2019 23:30:00 +0200` (RFC 1123), or any form of {@link parseDate}. */
export function parseWrittenDate(text: string): string | null {
  const match = WRITTEN.exec(text.slice(0, 100));
  if (match === null) return parseDate(text);
  const [, day, name, year, hour, minute, second, zone = ''] = match;
  const month = MONTHS.indexOf(name!.toLowerCase()) + 1;
  return localDate([year, `${month}`, day, hour, minute, second], '', /^[a-z]/i.test(zone) ? 'Z' : zone);
}

/** An instant in UTC, in the form of {@link parseDate}; null when no picture can have that date. */
export function instantDate(instant: Date): string | null {
  return Number.isNaN(instant.getTime()) ? null : parseDate(instant.toISOString());
}

/** An instant in this machine's time zone: the likeliest one for its files. */
export function machineDate(instant: Date): string | null {
  if (Number.isNaN(instant.getTime())) return null;
  const minutes = -instant.getTimezoneOffset();
  const local = new Date(instant.getTime() + minutes * 60_000).toISOString().slice(0, -1);
  return parseDate(local, writeOffset(minutes));
}

/** Year, month, day, hour, minute, second as digits; the time may be absent. */
function localDate(parts: readonly (string | undefined)[], fraction: string, offset: string): string | null {
  const [year, month, day, hour, minute, second] = parts.map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const milliseconds = Number(fraction.replace(/\D.*/, '').slice(0, 3).padEnd(3, '0'));
  // Treat a leap second as the second before it.
  const time = Date.UTC(year, month - 1, day, hour, minute, second === 60 ? 59 : second, milliseconds);
  if (!(year >= FIRST_YEAR && year <= new Date().getUTCFullYear() + 1) || minute > 59 || second > 60) return null;
  const local = new Date(time).toISOString().slice(0, -1);
  // 24:00 is the start of the next day (ISO 8601).
  const isMidnight = hour === 24 && minute === 0 && second === 0;
  const noon = new Date(Date.UTC(year, month - 1, day, 12)).toISOString();
  const exists = noon.startsWith(`${year}-${pad(month)}-${pad(day)}T`) && (hour < 24 || isMidnight);
  if (!exists || CLOCK_STARTS.includes(local.slice(0, 10)) || local.startsWith(FAT_START)) return null;
  return local + (parts[3] === undefined ? '' : readOffset(offset));
}

/** `+02:00`, `+0200`, `+02`, `+2`, `+2:30` and `Z` to the form `+02:00`; '' when it is not an offset. */
function readOffset(text: string): string {
  const offset = text.trim();
  if (/^Z$/i.test(offset)) return '+00:00';
  const match = /^([+-])(\d{1,2})(?::?(\d\d))?(?!\d)/.exec(offset);
  if (match === null) return '';
  const minutes = Number(match[2]) * 60 + Number(match[3] ?? 0);
  return minutes > 14 * 60 || Number(match[3] ?? 0) > 59 ? '' : writeOffset(match[1] === '-' ? -minutes : minutes);
}

function writeOffset(minutes: number): string {
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${pad(Math.floor(size / 60))}:${pad(size % 60)}`;
}

const pad = (number: number) => `${number}`.padStart(2, '0');
