import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LANGUAGE_TAG, languageOfTag, UNNAMED } from '../core/encode/detect-language.ts';
import { SightlineError } from '../core/errors.ts';
import type { Reason } from '../core/search/lexical-terms.ts';
import {
  aboutLanguage,
  aboutOtherLanguage,
  aboutUnderstood,
  aboutUnknownText,
  type SearchHit,
  type SearchResult,
  search,
} from '../core/search/search.ts';
import type { SearchTerm } from '../core/search/search-term.ts';
import { decimal, path, text, toggle, whole } from '../core/setting-value.ts';
import { closing } from '../core/util/async-disposable.ts';
import { createLogger, expectIndex, openRuntime } from '../server/composition-root.ts';
import { ownLanguages, readConfig } from '../server/environment.ts';
import { hideAbsent } from '../server/folders/hidden-folders.ts';
import { command, EXIT, UsageError } from './cli/command.ts';
import { INDEX, JSON_OUTPUT } from './cli/options.ts';

export default command({
  usage: '[WORDS] [options]',
  about:
    'Prints the best matching pictures of the index, best first: score, then path. Matches by name, which say where, ' +
    'come before matches by meaning.',
  words: { min: 0, max: 100, rows: { WORDS: 'what to look for, such as "a dog on the beach"' } },
  options: {
    image: path({ unit: 'FILE', text: 'a picture to search by, alone or together with words' }),
    minus: text({ unit: 'WORDS', text: 'what the pictures should not show' }),
    literal: toggle({ text: 'take the words literally: "without people" is then about people' }),
    lang: text({
      pattern: LANGUAGE_TAG,
      expected: 'auto or a language such as de',
      unit: 'LANG',
      default: 'auto',
      text: 'language of the words, such as de',
    }),
    limit: whole({ min: 1, max: 1000, default: 10, text: 'number of pictures to print, 1 to 1000' }),
    'min-score': decimal({ min: -1, max: 1, text: 'minimum cosine, -1 to 1' }),
    paths: toggle({ text: 'print only the paths, one per line, for other programs' }),
    json: JSON_OUTPUT,
    ...INDEX,
  },
  run: async (flags, words) => {
    const text = words.join(' ');
    if (text.trim() === '' && flags.image === undefined && flags.minus === undefined)
      throw new UsageError('expected words, --image FILE or --minus WORDS, got none of them');
    const { limit, 'min-score': minScore } = flags;
    const lang = languageOfTag(flags.lang);

    const { data, bucket, qdrant: qdrantUrl } = flags;
    const config = expectIndex(readConfig({ data, bucket, qdrantUrl, logLevel: 'error' }));
    const terms: SearchTerm[] = [];
    if (text.trim() !== '') terms.push({ text, weight: 1 });
    if (flags.image !== undefined) terms.push({ image: await readPicture(flags.image), weight: 1 });
    if (flags.minus !== undefined) terms.push({ text: flags.minus, weight: -0.5 });

    await using runtime = closing(await openRuntime(config, createLogger(config), { upkeep: false }));

    const language = { lang: lang === 'auto' ? null : lang, preferred: ownLanguages(), settled: null };
    const request = { terms, filter: { kind: 'image' }, limit, minScore, language, literal: flags.literal } as const;
    const known = runtime.folders.list();
    const absent = runtime.folders.absent().filter((bucket) => known.some((folder) => folder.bucket === bucket));
    const bucketOf = (name: string) => runtime.folders.bucketOf(name);
    const [result, space] = await runtime.live.read(async ({ embedder, vectors }) => {
      const visible = hideAbsent(vectors, { absent: () => absent, bucketOf });
      return [await search({ embedder, vectors: visible }, request), embedder.space] as const;
    });
    const { items, fit, read, understood, didYouMean } = result;
    for (const note of notesOn(result, lang)) console.error(note);
    for (const { bucket, path } of known) {
      if (absent.includes(bucket))
        console.error(`${path} is not there or not mounted; its pictures are hidden until it is back`);
    }
    const folders = new Map(known.map(({ bucket, path }) => [bucket, path]));
    const found = items.flatMap((hit) => foundPicture(hit, folders));
    if (flags.json)
      console.log(
        JSON.stringify(
          {
            space,
            language: read?.language,
            side: read?.side,
            fit,
            understood: understood ?? undefined,
            didYouMean: didYouMean ?? undefined,
            items: found,
          },
          null,
          2,
        ),
      );
    else if (flags.paths) for (const { path } of found) console.log(path);
    else for (const { score, path, why } of found) console.log(`${score.toFixed(3)}  ${path}${aboutNames(why)}`);
    if (found.length === 0 && !flags.json) {
      const all = await runtime.vectors.count({ kind: 'image' });
      console.error(all === 0 ? 'the index is empty: npm run index -- FOLDER' : 'nothing fits');
    }
    return EXIT.done;
  },
});

/** A hit as it is printed; nothing for a caption. */
function foundPicture({ id, score, why, fit, payload }: SearchHit, folders: ReadonlyMap<string, string>) {
  if (payload.kind !== 'image') return [];
  const { bucket, key, width, height, contentType, tags } = payload;
  const path = pictureLocation(folders.get(bucket), bucket, key);
  return [{ id, score, why, fit, path, bucket, key, width, height, contentType, tags }];
}

/** The path of a picture in a folder, or the address of one in a bucket of S3. */
function pictureLocation(folder: string | undefined, bucket: string, key: string): string {
  return folder === undefined ? `s3://${bucket}/${key}` : join(folder, key);
}

/** Where the words of the query stand, of what is called so. */
function aboutNames(why: readonly Reason[]): string {
  const names = why.filter((reason) => reason !== 'meaning');
  return names.length === 0 ? '' : `  (by ${names.join(', ')})`;
}

/** Sentences for people about an answer. */
function notesOn(
  { fit, unknownTexts, foreignTexts, read, understood, didYouMean }: SearchResult,
  lang: string,
): string[] {
  const language = read?.language ?? UNNAMED;
  const isGuess = lang === 'auto' && language !== 'en' && language !== UNNAMED;
  return [
    ...(understood === null ? [] : [`${aboutUnderstood(understood)}; --literal takes the words as they are`]),
    ...(isGuess ? [`${aboutLanguage(language)}; --lang says otherwise`] : []),
    ...(fit === 'poor' ? ['nothing fits well; these are the nearest'] : []),
    ...(didYouMean === null ? [] : [`did you mean: ${didYouMean}`]),
    ...unknownTexts.map((text) => `warning: ${aboutUnknownText(text)}`),
    ...foreignTexts.map(({ text, language }) => `warning: ${aboutOtherLanguage(text, language)}`),
  ];
}

async function readPicture(path: string): Promise<Uint8Array> {
  const file = path;
  try {
    return await readFile(file);
  } catch (error) {
    throw new SightlineError('invalid-input', `--image: cannot read ${file}: ${(error as Error).message}`);
  }
}
