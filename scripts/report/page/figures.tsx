import type { DirectionValues, Values } from '../../../training/metrics/metrics.ts';
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
    </Section>
  );
}
