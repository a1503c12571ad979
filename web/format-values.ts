import { computed } from '@preact/signals';
import { locale, t } from './i18n/translate.ts';

/** Formats numbers, sizes and dates for the page's language. */

const formats = computed(() => {
  const tag = locale.value;
  return {
    scores: new Intl.NumberFormat(tag, { minimumFractionDigits: 2, maximumFractionDigits: 2 }),
    months: new Intl.DateTimeFormat(tag, { month: 'long', year: 'numeric', timeZone: 'UTC' }),
    daysOfYear: new Intl.DateTimeFormat(tag, { day: 'numeric', month: 'long', timeZone: 'UTC' }),
    dates: new Intl.DateTimeFormat(tag, { dateStyle: 'medium', timeStyle: 'short' }),
    // The local time of another place is formatted as it is, without conversion.
    clockDays: new Intl.DateTimeFormat(tag, { dateStyle: 'medium', timeZone: 'UTC' }),
    clockTimes: new Intl.DateTimeFormat(tag, { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' }),
    ages: new Intl.RelativeTimeFormat(tag, { numeric: 'auto' }),
  };
});

/** Decimal units, as in file managers: 1,234,567 bytes are 1.2 MB. */
export function formatBytes(bytes: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  // Intl spells out "bytes".
  if (unit === 0) return t('number.bytes', { count: bytes });
  const digits = value < 9.95 ? 1 : 0;
  const style = {
    style: 'unit',
    unit: units[unit],
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  } as const;
  return new Intl.NumberFormat(locale.value, style).format(value);
}

/** Converts file sizes in API messages to familiar units: "at most 52 MB, got 60 MB". */
export function withSizes(message: string): string {
  return message.replace(
    /(\d{5,}) bytes, got (\d+)/,
    (_, most: string, got: string) => `${formatBytes(Number(most))}, got ${formatBytes(Number(got))}`,
  );
}

export function formatDate(iso: string): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? iso : formats.value.dates.format(date);
}

/**
 * When a picture was taken, in local time where it was taken: "5 Jul 2019, 23:30", wherever the reader is. `iso` may
 * end with a UTC offset.
 */
export function formatTaken(iso: string): string {
  return atItsClock(iso, formats.value.clockTimes);
}

/** The day of such a time, or of a date alone. */
export function formatDay(iso: string): string {
  return atItsClock(iso, formats.value.clockDays);
}

/** `2019-07`: "July 2019". */
export function formatMonth(month: string): string {
  return atItsClock(`${month}-01`, formats.value.months);
}

/** `07-05`: "July 5", in any year. */
export function formatDayOfYear(day: string): string {
  return atItsClock(`2000-${day}`, formats.value.daysOfYear);
}

/** The UTC offset of such a time: "UTC+02:00"; undefined if unknown. */
export function offsetOf(iso: string): string | undefined {
  const [, offset] = /T.*(Z|[+-]\d\d:\d\d)$/.exec(iso) ?? [];
  return offset === undefined ? undefined : offset === 'Z' ? 'UTC' : `UTC${offset.replace('-', '\u2212')}`;
}

function atItsClock(iso: string, format: Intl.DateTimeFormat): string {
  const [, day, time = '00:00'] = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d))?/.exec(iso) ?? [];
  const clock = new Date(`${day}T${time}Z`);
  return Number.isNaN(clock.getTime()) ? iso : format.format(clock);
}

/** "3 minutes ago", "in 30 days". */
export function formatAge(iso: string, now = Date.now()): string {
  const seconds = Math.round((Date.parse(iso) - now) / 1000);
  if (Number.isNaN(seconds)) return iso;
  const steps = [
    ['day', 86_400],
    ['hour', 3600],
    ['minute', 60],
  ] as const;
  for (const [unit, size] of steps) {
    if (Math.abs(seconds) >= size) return formats.value.ages.format(Math.ceil(seconds / size), unit);
  }
  return formats.value.ages.format(seconds, 'second');
}

/** The two largest units: "3 d 4 h", "12 min", "40 s". */
export function formatDuration(seconds: number): string {
  const units = [
    ['time.days', 86_400],
    ['time.hours', 3600],
    ['time.minutes', 60],
    ['time.seconds', 1],
  ] as const;
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first < 0) return t('time.seconds', { count: 0 });
  let left = Math.floor(seconds);
  const parts: string[] = [];
  for (const [unit, size] of units.slice(first, first + 2)) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) parts.push(t(unit, { count }));
  }
  return parts.join(' ');
}

export function formatNumber(value: number, digits = 1): string {
  return new Intl.NumberFormat(locale.value, { maximumFractionDigits: digits, useGrouping: false }).format(value);
}

/** An exposure time as photographers write it: "1/250 s", "2.5 s". */
export function formatExposure(seconds: number): string {
  return seconds >= 0.3 ? `${formatNumber(seconds)} s` : `1/${formatNumber(1 / seconds, 0)} s`;
}

/** Cosines with two decimals, a real minus sign, and no -0.00. */
export function formatScore(score: number): string {
  const text = formats.value.scores.format(Math.abs(score));
  return score < 0 && Math.abs(score) >= 0.005 ? `\u2212${text}` : text;
}

/** Last segment of an object key. */
export function nameOf(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

const typeNames: Readonly<Record<string, string>> = {
  'image/jpeg': 'JPEG',
  'image/png': 'PNG',
  'image/webp': 'WebP',
  'image/gif': 'GIF',
  'image/avif': 'AVIF',
  'image/tiff': 'TIFF',
  'image/heic': 'HEIC',
  'image/svg+xml': 'SVG',
  'image/x-dcraw': 'RAW',
};

/** "JPEG"; for camera raw formats the file extension, such as "CR2". */
export function formatType(contentType: string): string {
  const [, raw] = /^image\/x-\w+-(\w+)$/.exec(contentType) ?? [];
  return typeNames[contentType] ?? raw?.toUpperCase() ?? contentType;
}
