import { basename } from 'node:path/posix';
import { instantDate, parseDate } from './parse-date.ts';

/** `20190704`, `2019-07-04`, `2019_07_04`, `2019.07.04`; not within a longer number, except before a time. */
const DAY = /(?<!\d)(\d{4})([-_.]?)([01]\d)\2([0-3]\d)(?!\d(?!\d{5}))/g;
/** After a day: `_123005`, `-12-30-05`, ` 12.30.05`, ` at 1.30.05 PM`, `T12:30:05`, `123005`, perhaps milliseconds. */
const TIME = /^(?:[ _-]|T|, )?(?:\p{L}{1,4} )?([0-2]?\d)([-_.:h]?)([0-5]\d)\2([0-5]\d)(\d{3})?(?!\d)(\s?[AP]M)?/iu;
/** Milliseconds since 1970, after the prefixes of messengers or alone, as phones save them: from 2001 on. */
const INSTANT = /^(?:(?:FB_IMG|IMG|Image|mmexport|wx_camera)[_-]?)?(1\d{12})(?!\d)/i;
/** Cameras have written dates in digits only since then; an older one is a number that looks like a date. */
const FIRST_COMPACT_YEAR = 1990;

/**
 * The date in a file name, as cameras, phones and messengers write it: `IMG_20190704_123005.jpg`,
 * `2019-07-04 12.30.05.jpg`, `IMG-20190704-WA0001.jpg`, `Screenshot_20190704-123005.png`,
 * `PXL_20190704_103005123.jpg`, `FB_IMG_1562236205123.jpg`. Null when there is none. Folder names do not count.
 */
export function dateOfName(key: string): string | null {
  const name = basename(key).slice(0, 255);
  for (const { index, 0: whole, 1: year, 2: separator, 3: month, 4: day } of name.matchAll(DAY)) {
    if (separator === '' && Number(year) < FIRST_COMPACT_YEAR) continue;
    const rest = name.slice(index + whole.length);
    const [, hour = '', gap, minute, second, milliseconds, half] = TIME.exec(rest) ?? [];
    const date = `${year}-${month}-${day}`;
    // Pixel phones use UTC in names.
    const zone = name.startsWith('PXL_') ? 'Z' : '';
    // A single digit without a separator after it would be a counter.
    const timed = hour.length === 2 || gap !== '';
    const time = timed ? parseDate(`${date} ${hourOfDay(hour, half)}:${minute}:${second}`, zone, milliseconds) : null;
    const found = time ?? (/^\d/.test(rest) ? null : parseDate(date));
    if (found !== null) return found;
  }
  const instant = INSTANT.exec(name)?.[1];
  return instant === undefined ? null : instantDate(new Date(Number(instant)));
}

function hourOfDay(hour: string, half: string | undefined): string {
  const shown = half === undefined ? Number(hour) : (Number(hour) % 12) + (/p/i.test(half) ? 12 : 0);
  return `${shown}`.padStart(2, '0');
}
