import type { DirectionValues, Values } from '../../../training/metrics/retrieval-metrics.ts';
import { percent, plural, report } from './judged.ts';
import { Section } from './parts.tsx';

const run = report.runs[0]!;
const { figures, interval } = run;

const TILES: readonly (readonly [string, string, (values: Values) => number])[] = [
  ['Sum of recalls', 'of 600', ({ recallSum }) => recallSum],
  ['Text to image, R@1', '%', ({ textToImage }) => textToImage.recall[1]],
  ['Text to image, R@10', '%', ({ textToImage }) => textToImage.recall[10]],
  ['Image to text, R@1', '%', ({ imageToText }) => imageToText.recall[1]],
  ['Image to text, R@10', '%', ({ imageToText }) => imageToText.recall[10]],
];

const ROWS: readonly (readonly [string, string, (values: DirectionValues) => number])[] = [
  ['Recall@1', 'queries with a right answer first', ({ recall }) => recall[1]],
  ['Recall@5', 'with one among the first five', ({ recall }) => recall[5]],
  ['Recall@10', 'with one among the first ten', ({ recall }) => recall[10]],
  ['Median rank', 'of the best right answer', ({ medianRank }) => medianRank],
  ['MRR', 'mean of 1 over the rank of the best right answer', ({ meanReciprocalRank }) => meanReciprocalRank],
  ['mAP', 'mean precision at the ranks of all right answers', ({ meanAveragePrecision }) => meanAveragePrecision],
  ['Precision@5', 'right answers among the first five', ({ precision }) => precision[5]],
  ['Precision@10', 'right answers among the first ten', ({ precision }) => precision[10]],
  ['NDCG@5', 'right answers, the earlier the better', ({ ndcg }) => ndcg[5]],
  ['NDCG@10', 'the same for the first ten', ({ ndcg }) => ndcg[10]],
];

const SIDES = [
  ['textToImage', 'Text to image'],
  ['imageToText', 'Image to text'],
] as const;

export function FiguresSection() {
  return (
    <Section
      id="figures"
      title="Figures"
      about={
        <>
          {plural(figures.textToImage.queries, 'caption')} looking for their pictures and{' '}
          {plural(figures.imageToText.queries, 'picture')} looking for their captions. In brackets{' '}
          {`${interval.level}\u00a0% `}
          intervals from {interval.resamples.toLocaleString('en')} resamples of the pictures. Ties count against the
          head.
        </>
      }
    >
      <Tiles />
      <div class="scroll">
        <table class="figures">
          <thead>
            <tr>
              <th scope="col">%, but for ranks</th>
              {SIDES.map(([side, name]) => (
                <th key={side} scope="col">
                  {name}
                </th>
              ))}
              <th scope="col" class="meaning">
                What it counts
              </th>
            </tr>
          </thead>
          <tbody>
            {ROWS.map(([name, meaning, of]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                {SIDES.map(([side]) => (
                  <td key={side}>
                    {percent(of(figures[side]))}{' '}
                    <small>
                      ({percent(of(interval.low[side]))} to {percent(of(interval.high[side]))})
                    </small>
                  </td>
                ))}
                <td class="meaning">{meaning}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {run.languages.length > 0 && <Languages />}
    </Section>
  );
}

function Tiles() {
  return (
    <dl class="tiles">
      {TILES.map(([name, unit, of]) => (
        <div class="tile" key={name}>
          <dt>{name}</dt>
          <dd>
            <strong>{percent(of(figures))}</strong> <small>{unit}</small>
            <br />
            <small>
              {percent(of(interval.low))} to {percent(of(interval.high))}
            </small>
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** Recall of the text sides for other languages, as their training found it. */
function Languages() {
  const { languages } = run;
  const recalls = ({ recall }: { readonly recall: Readonly<Record<string, number>> }) =>
    [1, 5, 10].map((k) => recall[k]!.toFixed(1)).join(' / ');
  return (
    <>
      <h3>By language</h3>
      <p>
        Recall at 1, 5 and 10 on the validation pictures, as training found it
        {languages.some(({ byTwin }) => byTwin) && ', of a twin of the text side that has not seen them'}.
      </p>
      <div class="scroll">
        <table class="figures">
          <thead>
            <tr>
              <th scope="col">Language</th>
              <th scope="col">Read by</th>
              <th scope="col">Captions</th>
              {SIDES.map(([side, name]) => (
                <th key={side} scope="col">
                  {name}
                </th>
              ))}
              <th scope="col">Sum of recalls</th>
            </tr>
          </thead>
          <tbody>
            {languages.map(({ lang, encoder, captions, recallSum, ...sides }) => (
              <tr key={`${encoder} ${lang}`}>
                <th scope="row">{lang}</th>
                <td>{encoder}</td>
                <td>{captions.toLocaleString('en')}</td>
                {SIDES.map(([side]) => (
                  <td key={side}>{recalls(sides[side])}</td>
                ))}
                <td>{recallSum.toFixed(1)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
