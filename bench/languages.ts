// npx node bench/languages.ts [--data DIR] [--limit N]
// How often the language of a text, and so its text side, is detected correctly: on captions in DIR/captions.jsonl
// (English) and DIR/captions.LANG.jsonl, and on the short queries in test/fixtures/short-queries.json; without
// knowledge of the caller, and with the languages that a browser in that language sends. Then the time for reading an
// English and a German query, and for loading the side for other languages with the first German one; and for asking a
// server such queries over HTTP, whose index has the sample photos.
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { guessLanguage } from '../core/encode/detect-language.ts';
import { loadEmbedder } from '../core/encode/embedder.ts';
import { loadEncoders } from '../core/encode/encoder-pair.ts';
import { ANY_LANGUAGE } from '../core/ports.ts';
import { eventually, startServer } from '../test/support/start-server.ts';
import { tempFolder } from '../test/support/temp-folder.ts';
import { interleaved, median } from './support/measuring.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
type Texts = Readonly<Record<string, readonly string[]>>;

export async function run(args: readonly string[] = []): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { data: { type: 'string' }, limit: { type: 'string', default: '2000' } },
  });
  const { text, close } = await loadEncoders({ modelDirs: [join(root, 'models')] });
  const englishShare = async (words: readonly string[]) => {
    const own = await Promise.all(words.map((word) => text.hasWord(word)));
    return own.filter(Boolean).length / Math.max(1, words.length);
  };
  const judge = async (language: string, texts: readonly string[], preferred: readonly string[]) => {
    const guesses = await Promise.all(texts.map((one) => guessLanguage(one, { preferred, englishShare })));
    const share = (isRight: (guess: string | null) => boolean) =>
      (100 * guesses.filter((guess) => isRight(guess.language)).length) / texts.length;
    return {
      texts: texts.length,
      // Text in an undetected language also goes to the English side.
      'side %': share((guess) => ((guess ?? 'en') === 'en') === (language === 'en')).toFixed(1),
      'language %': share((guess) => guess === language).toFixed(1),
    };
  };
  const short = JSON.parse(readFileSync(join(root, 'test/fixtures/short-queries.json'), 'utf8')) as Texts;
  const captions = values.data === undefined ? {} : readCaptions(values.data, Number(values.limit));
  for (const [what, all] of Object.entries({ captions, 'one or two words': short })) {
    const rows: Record<string, object> = {};
    for (const [language, texts] of Object.entries(all)) {
      rows[language] = await judge(language, texts, []);
      rows[`${language}, by a browser`] = await judge(language, texts, [...new Set([language, 'en'])]);
    }
    console.log(what);
    console.table(rows);
  }
  await close();
  await time();
}

/** Queries of similar token counts, in turn; each has its own number, because repeated texts are cached. */
const QUERIES = { en: 'a dog runs over a green meadow', de: 'ein Hund rennt über eine grüne Wiese' };
const RUNS = 60;

async function time(): Promise<void> {
  for (const threads of [1, 2]) {
    const embedder = await loadEmbedder({ modelDirs: [join(root, 'models')], profile: 'compact', threads });
    const ms = async (text: string, lang: string | null = null) => {
      const start = performance.now();
      await embedder.readTexts([text], { ...ANY_LANGUAGE, lang });
      return performance.now() - start;
    };
    await ms(QUERIES.en);
    const load = await ms(QUERIES.de, 'de');
    const detector = await ms(`${QUERIES.de}!`);
    const taken = await interleaved(RUNS, {
      en: (i) => ms(`${QUERIES.en} ${i}`),
      de: (i) => ms(`${QUERIES.de} ${i}`),
    });
    const first = `the first of its side ${load.toFixed(0)} ms, the first that is detected ${detector.toFixed(0)}`;
    console.log(`threads ${threads}: ${compared(taken)}, ${first}`);
    await embedder.close();
  }
  await overHttp();
}

async function overHttp(): Promise<void> {
  await using server = await startServer(['--data', tempFolder()], { SIGHTLINE_RATE_LIMIT: '0' });
  await eventually('the photos', 120_000, async () => {
    const { pictures, backlog } = await server.get<{ pictures: number; backlog: number }>('/status');
    return pictures > 0 && backlog === 0 ? true : null;
  });
  const ask = (words: string) => server.get(`/search?q=${encodeURIComponent(words)}`);
  for (const words of Object.values(QUERIES)) await ask(words);
  const taken = await interleaved(RUNS, {
    en: (i) => ask(`${QUERIES.en} ${i}`),
    de: (i) => ask(`${QUERIES.de} ${i}`),
  });
  console.log(`over HTTP, threads ${availableParallelism()}: ${compared(taken)}`);
}

function compared(taken: Readonly<Record<'en' | 'de', readonly number[]>>): string {
  const [en, de] = [median(taken.en), median(taken.de)];
  return `English ${en.toFixed(1)} ms, German ${de.toFixed(1)} (${(de / en).toFixed(2)} times)`;
}

/** Captions by language, at most `limit` of each, spread over the file. */
function readCaptions(dir: string, limit: number): Texts {
  const files = readdirSync(dir).flatMap((file) => {
    const [, language = 'en'] = /^captions(?:\.(\w+))?\.jsonl$/.exec(file) ?? [null];
    return /^captions(\.\w+)?\.jsonl$/.test(file) ? [[language, join(dir, file)] as const] : [];
  });
  return Object.fromEntries(
    files.map(([language, file]) => {
      const lines = readFileSync(file, 'utf8').trim().split('\n');
      const all = lines.flatMap((line) => (JSON.parse(line) as { captions: string[] }).captions);
      const step = Math.max(1, Math.floor(all.length / limit));
      return [language, all.filter((_, i) => i % step === 0)];
    }),
  );
}

if (import.meta.main) await run(process.argv.slice(2));
