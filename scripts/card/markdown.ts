import { type HeadFile, headBytes, type TextSideFile } from '../../core/encode/head-file.ts';
import type { ImageEncoderEntry, ModelFile, TextEncoderEntry } from '../../core/encode/manifest-encoder.ts';
import type { EvaluatedHead } from '../../training/metrics/evaluate-head.ts';
import { CUTOFFS, type DirectionValues, type Values } from '../../training/metrics/retrieval-metrics.ts';
import { describeData } from './data-sets.ts';

/** A model card (Mitchell et al. 2019) as Markdown. */

export interface CardParts {
  readonly info: HeadFile;
  /** Name of the training data, if the head's file does not have it. */
  readonly trainedOn: string | null;
  readonly encoders: { readonly text: TextEncoderEntry; readonly image: ImageEncoderEntry };
  /** Results on each data set, of the twin where the head was trained on it. */
  readonly judged: readonly {
    readonly data: string;
    readonly split: string;
    readonly head: EvaluatedHead;
    readonly isTwin: boolean;
  }[];
}

export function modelCard({ info, trainedOn, encoders, judged }: CardParts): string {
  const names = judged.map(({ data }) => `--data ${data}`).join(' ');
  return `${[
    `# ${info.name}`,
    `<!-- Made by: npm run card -- ${names}. Not to be edited by hand. -->`,
    `Projects texts (${info.texts.map(({ encoder }) => encoder).join(', ')}) and pictures ` +
      `(${info.image.encoder}: ${info.image.inputs.join(', ')}) into one space of ` +
      `${info.dimension} dimensions, in which the cosine of a text and a picture says how well they fit. ` +
      `${(headBytes(info) / 1e6).toFixed(1)} MB; space \`${info.space}\`; SHA-256 of ${info.image.onnx.path} ` +
      `\`${info.image.onnx.sha256}\`. ` +
      'Apache-2.0, as everything here.',
    '## Data',
    [trainingData(info, trainedOn), ...judged.map(({ data, split, head }) => judgedOn(data, split, head))].join('\n'),
    '## Figures',
    ...judged.map(figures),
    'In percent but for ranks, which start at 1. In brackets 95 % intervals from resampled pictures; they say ' +
      'nothing of other data sets or other seeds. What counts as right is written down in `docs/evaluation.md`. ' +
      'Repeat them with `npm run evaluate -- --data DIR`.',
    ...info.texts.flatMap(textSide),
    '## Recipe',
    recipe(info),
    '## Encoders',
    encoderTable([
      [info.texts[0]!.encoder, encoders.text],
      [info.image.encoder, encoders.image],
    ]),
    '## Known limits',
    limits(info),
  ].join('\n\n')}\n`;
}

function trainingData({ training }: HeadFile, trainedOn: string | null): string {
  const pairs = training.pairs as { pictures: number; captions: number } | undefined;
  const splits = Array.isArray(training.splits) ? training.splits : ['train'];
  const count =
    pairs === undefined
      ? ''
      : `${whole(pairs.pictures)} pictures with ${whole(pairs.captions)} captions, split ${splits.join(' and ')}. `;
  const name = typeof training.data === 'string' ? training.data : trainedOn;
  const about = name === null ? 'The file of the head does not say of what.' : describeData(name);
  const chosen = splits.includes('val')
    ? 'It has as many epochs as were best for its twin, a head of the same recipe that was trained on split train ' +
      'alone.'
    : 'Epochs were chosen on split val of the same data.';
  return `- **Trained on** ${count}${about} ${chosen}`;
}

function judgedOn(data: string, split: string, { figures: { textToImage, imageToText } }: EvaluatedHead): string {
  const counts = `${whole(imageToText.queries)} pictures with ${whole(textToImage.queries)} captions`;
  return `- **Judged on** ${counts}, split ${split}. ${describeData(data)}`;
}

const ROWS: readonly (readonly [string, (values: DirectionValues) => number])[] = [
  ['Recall@1', ({ recall }) => recall[1]],
  ['Recall@5', ({ recall }) => recall[5]],
  ['Recall@10', ({ recall }) => recall[10]],
  ['Median rank', ({ medianRank }) => medianRank],
  ['MRR', ({ meanReciprocalRank }) => meanReciprocalRank],
  ['mAP', ({ meanAveragePrecision }) => meanAveragePrecision],
  ['NDCG@10', ({ ndcg }) => ndcg[10]],
];

function figures({ data, split, head, isTwin }: CardParts['judged'][number]): string {
  const cell = (of: (values: Values) => number) => {
    const { low, high } = head.interval;
    return `${of(head.figures).toFixed(1)} (${of(low).toFixed(1)} to ${of(high).toFixed(1)})`;
  };
  const rows = ROWS.map(
    ([name, of]) => `| ${name} | ${cell((all) => of(all.textToImage))} | ${cell((all) => of(all.imageToText))} |`,
  );
  const by = isTwin ? ', by the twin' : '';
  return [
    `**${data}, ${split}**${by}: sum of the six recalls ${cell(({ recallSum }) => recallSum)}`,
    '',
    '| | text to image | image to text |',
    '| --- | --- | --- |',
    ...rows,
  ].join('\n');
}

/** Results by language of a text side that was trained alone; empty for others. */
function textSide({ encoder, languages, onnx, training }: TextSideFile): string[] {
  const { validation, withValidation } = training as Partial<SideReport>;
  if (validation === undefined) return [];
  const cells = ({ recall }: { readonly recall: Readonly<Record<string, number>> }) =>
    CUTOFFS.map((k) => recall[k]!.toFixed(1)).join(' / ');
  const rows = Object.entries(validation).map(
    ([lang, { captions, pictures, textToImage, imageToText, recallSum }]) =>
      `| ${lang} | ${whole(captions)} | ${whole(pictures)} | ${cells(textToImage)} | ${cells(imageToText)} | ` +
      `${recallSum.toFixed(1)} |`,
  );
  return [
    `## Texts through ${encoder}`,
    `Trained into this space with its image side as it is, for queries in ${languages.join(', ')}; ` +
      `${(onnx.bytes / 1e6).toFixed(1)} MB, \`${onnx.path}\`, SHA-256 \`${onnx.sha256}\`. ` +
      'Recall at 1, 5 and 10 on the validation pictures, all of which are there to be found, by the language of the ' +
      `captions${withValidation ? ', of a twin that has not seen them; the side itself has, too' : ''}.`,
    [
      '| language | captions | pictures with some | text to image | image to text | sum |',
      '| --- | --- | --- | --- | --- | --- |',
      ...rows,
    ].join('\n'),
  ];
}

export interface SideReport {
  readonly withValidation: boolean;
  readonly validation: Readonly<Record<string, SideFigures>>;
}

export interface SideFigures {
  readonly captions: number;
  readonly pictures: number;
  readonly textToImage: { readonly recall: Readonly<Record<string, number>> };
  readonly imageToText: { readonly recall: Readonly<Record<string, number>> };
  readonly recallSum: number;
}

function recipe({ recipe: name, training }: HeadFile): string {
  const facts = Object.entries({
    seed: 'seed',
    threads: 'threads',
    epoch: 'epoch',
    start: 'from the head of space',
  }).flatMap(([key, words]) => (training[key] === undefined ? [] : [`${words} ${training[key]}`]));
  const scratch = training.start === undefined ? ' --from-scratch' : '';
  const how = name === 'refit' ? '--refit HEAD' : `--recipe ${name}${scratch}`;
  const wholly = Array.isArray(training.splits) && training.splits.includes('val');
  const rows = [...leaves(training.recipe ?? {})].map(([path, value]) => `| ${path} | ${value} |`);
  const command = `\`npm run train -- --data DIR ${how}${wholly ? ' --with-validation' : ''}\``;
  const withFacts = facts.length === 0 ? '' : ` (${facts.join(', ')})`;
  const made =
    typeof training.how === 'string'
      ? `${training.how} ${command} makes one of the same recipe.`
      : `${command} makes it again${withFacts}, bit for bit on the same machine.`;
  return [
    `${made} All of its settings, as \`head.json\` has them:`,
    '',
    '| setting | value |',
    '| --- | --- |',
    ...rows,
  ].join('\n');
}

/** All values of a JSON tree with their paths; a list is one value. */
function* leaves(value: unknown, path = ''): Generator<readonly [string, string]> {
  if (Array.isArray(value)) yield [path, value.map(listed).join(', ')];
  else if (typeof value !== 'object' || value === null) yield [path, String(value)];
  else for (const [key, item] of Object.entries(value)) yield* leaves(item, path === '' ? key : `${path}.${key}`);
}

/** Names a list item, by its name or its values. */
function listed(item: unknown): string {
  if (typeof item !== 'object' || item === null) return String(item);
  return 'name' in item ? String(item.name) : Object.values(item).join(' ');
}

function encoderTable(entries: readonly (readonly [string, TextEncoderEntry | ImageEncoderEntry])[]): string {
  const rows = entries.flatMap(([name, entry]) => {
    const { others, ...named } = entry.files;
    const files: readonly ModelFile[] = [...Object.values(named), ...others];
    return files.map(
      ({ path, sha256, licence }) =>
        `| [${name}](${entry.source}) | ${path} | ${licence ?? entry.licence} | ` +
        `${sha256 === null ? 'not pinned' : `\`${sha256}\``} |`,
    );
  });
  return ['| encoder | file | licence | SHA-256 |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

function limits({ dimension, texts }: HeadFile): string {
  return [
    texts.length === 1
      ? '- English only: the text encoder knows little else.'
      : '- Languages without captions in training work by what their text encoder knows of them, and less well.',
    '- It knows what its training photos showed and what the classes of the image encoder name. Other subjects, such ' +
      'as charts, documents, drawings and medical pictures, were never looked at.',
    '- It finds scenes and things, not people by name, text in pictures, or counts; "left of" and "without" ' +
      'mean little to it.',
    '- Captions of photos on Flickr say who and what is seen in the eyes of their writers, with their habits and ' +
      'prejudices about people; a ranking repeats them. Not for judging people.',
    `- ${dimension} numbers a picture are made for searching among up to some millions of pictures, not for ` +
      `telling near-duplicates apart.`,
    '- Cosines are comparable within one query; there is no value from which on a picture is right.',
  ].join('\n');
}

function whole(count: number): string {
  return count.toLocaleString('en');
}
