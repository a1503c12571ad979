import type { EpochFigures } from '../../../core/train/trainer.ts';
import type { Run } from '../data.ts';
import { Section } from './parts.tsx';
import { report } from './store.ts';

/** Losses and recalls by epoch, for every head that brought them. */

interface Series {
  readonly name: string;
  readonly class: string;
  readonly of: (figures: EpochFigures) => number;
}

const LOSSES: readonly Series[] = [
  { name: 'training', class: 'series-a', of: ({ trainLoss }) => trainLoss },
  { name: 'validation', class: 'series-b', of: ({ validationLoss }) => validationLoss },
];
const RECALLS: readonly Series[] = [
  { name: 'sum of recalls, validation', class: 'series-c', of: ({ recallSum }) => recallSum },
];

export function CurvesSection() {
  const runs = report.runs.filter(({ curves }) => curves.length > 0);
  return (
    <Section
      id="training"
      title="Training"
      about="Losses by epoch, with dropout in training and without it in validation, which is why the first may be above the second. The dashed line is the epoch that the head was taken from; a dotted one is where training was stopped and gone on with."
    >
      {runs.length === 0 && <p>The file of this head says nothing of its training.</p>}
      {runs.map((run) => (
        <figure class="curves" key={report.runs.indexOf(run)}>
          <figcaption>
            <strong>{run.recipe}</strong> <span class="quiet">{describe(run)}</span>
          </figcaption>
          <div class="charts">
            <Chart run={run} title="Loss" series={LOSSES} digits={2} />
            <Chart run={run} title="Recall" series={RECALLS} digits={0} />
          </div>
          <CurveTable run={run} />
        </figure>
      ))}
    </Section>
  );
}

function describe({ encoders, trainedOn, curves, epoch, resumedAfter }: Run): string {
  const pairs = trainedOn && `${trainedOn.pictures.toLocaleString('en')} pictures`;
  const resumed = resumedAfter.length > 0 && `gone on with after epoch ${resumedAfter.join(', ')}`;
  return [
    `${encoders.text} + ${encoders.image}`,
    pairs,
    `${curves.length} epochs`,
    epoch !== null && `epoch ${epoch} taken`,
    resumed,
  ]
    .filter(Boolean)
    .join(' · ');
}

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [520, 240, 44, 12, 12, 30];

function Chart({ run, title, series, digits }: { run: Run; title: string; series: readonly Series[]; digits: number }) {
  const { curves, epoch, resumedAfter } = run;
  const values = series.flatMap(({ of }) => curves.map(of));
  const ticks = niceTicks(Math.min(...values), Math.max(...values));
  const [low, high] = [ticks[0]!, ticks.at(-1)!];
  const last = curves.at(-1)!.epoch;
  const x = (at: number) => LEFT + ((WIDTH - LEFT - RIGHT) * (at - 1)) / Math.max(1, last - 1);
  const y = (value: number) => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * (value - low)) / (high - low);
  const step = Math.ceil(last / 10);
  return (
    <div class="chart">
      <ul class="legend">
        {series.map(({ name, class: color }) => (
          <li class={color} key={name}>
            {name}
          </li>
        ))}
      </ul>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={`${title} by epoch; the table below has the numbers`}
      >
        {ticks.map((value) => (
          <g key={value}>
            <line class="grid" x1={LEFT} x2={WIDTH - RIGHT} y1={y(value)} y2={y(value)} />
            <text x={LEFT - 6} y={y(value) + 4} text-anchor="end">
              {+value.toFixed(3)}
            </text>
          </g>
        ))}
        {curves.map(({ epoch: at }) =>
          at === 1 || at % step === 0 || at === last ? (
            <text key={at} x={x(at)} y={HEIGHT - 10} text-anchor="middle">
              {at}
            </text>
          ) : null,
        )}
        {epoch !== null && <line class="taken" x1={x(epoch)} x2={x(epoch)} y1={TOP} y2={HEIGHT - BOTTOM} />}
        {resumedAfter.map((at) => (
          <line key={at} class="resumed" x1={x(at + 0.5)} x2={x(at + 0.5)} y1={TOP} y2={HEIGHT - BOTTOM}>
            <title>stopped after epoch {at} and gone on with</title>
          </line>
        ))}
        {series.map(({ name, class: color, of }) => (
          <g class={color} key={name}>
            <polyline points={curves.map((figures) => `${x(figures.epoch)},${y(of(figures))}`).join(' ')} />
            {curves.map((figures) => (
              <circle key={figures.epoch} cx={x(figures.epoch)} cy={y(of(figures))} r="3.5">
                <title>
                  epoch {figures.epoch}, {name}: {of(figures).toFixed(digits + 1)}
                </title>
              </circle>
            ))}
          </g>
        ))}
      </svg>
    </div>
  );
}

function CurveTable({ run: { curves } }: { run: Run }) {
  return (
    <details>
      <summary>As numbers</summary>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              {['Epoch', 'Training loss', 'Validation loss', 'Sum of recalls'].map((name) => (
                <th scope="col" key={name}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {curves.map(({ epoch, trainLoss, validationLoss, recallSum }) => (
              <tr key={epoch}>
                <th scope="row">{epoch}</th>
                <td>{trainLoss.toFixed(4)}</td>
                <td>{validationLoss.toFixed(4)}</td>
                <td>{recallSum.toFixed(1)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

/** Four to eight round numbers from below the lowest value to above the highest. */
function niceTicks(low: number, high: number): number[] {
  const rough = Math.max(high - low, 1e-6) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.floor(low / step) * step;
  const ticks = [first];
  while (ticks.at(-1)! < high - step * 1e-9 || ticks.length < 2) ticks.push(first + ticks.length * step);
  return ticks;
}
