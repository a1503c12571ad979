import type { Context } from 'hono';
import type { LanguageHint } from '../../core/ports.ts';

/**
 * What a request says about the language of its texts.
 * @param lang the parameter; `auto` decides by the text and by `Accept-Language`, and adds `Vary`
 */
export function languageOf(c: Context, lang: string, settled: string | null = null): LanguageHint {
  if (lang !== 'auto') return { lang, preferred: [], settled };
  c.header('Vary', 'Accept-Language', { append: true });
  return { lang: null, preferred: preferredLanguages(c.req.header('accept-language')), settled };
}

/** Nobody reads more languages; the rest of the header is ignored. */
const MOST_LANGUAGES = 10;

/** ISO 639-1 codes of an Accept-Language header (RFC 9110, 12.5.4), best first, without duplicates. */
export function preferredLanguages(header = ''): string[] {
  const ranges = header
    .split(',')
    .slice(0, MOST_LANGUAGES)
    .flatMap((range) => {
      const [, tag, quality = '1'] = /^\s*([a-z]{2,3})(?:-[\w-]*)?\s*(?:;\s*q=([\d.]+)\s*)?$/i.exec(range) ?? [];
      return tag === undefined || Number(quality) === 0
        ? []
        : [{ language: tag.toLowerCase(), quality: Number(quality) }];
    });
  return [...new Set(ranges.sort((a, b) => b.quality - a.quality).map(({ language }) => language))];
}
