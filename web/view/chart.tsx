import { t } from '../i18n/translate.ts';

export interface Series {
  readonly name: string;
  /** One value per epoch of the chart. */
  readonly values: readonly number[];
}

export interface ChartProps {
  readonly title: string;
  readonly epochs: readonly number[];
  readonly series: readonly Series[];
  /** The epoch whose weights were kept. */
  readonly taken?: number;
  /** Epochs after which training was interrupted and resumed. */
  readonly resumedAfter?: readonly number[];
}

const width = 520;
const height = 240;
const edge = { left: 46, right: 14, top: 14, bottom: 28 };
/** More points than this would merge into one thick line. */
const maxPoints = 80;

/** Line chart over epochs. For screen readers, the numbers are in the table beside it. */
export function Chart({ title, epochs, series, taken, resumedAfter = [] }: ChartProps) {
  const all = series.flatMap(({ values }) => values);
  const ticks = ticksFor(Math.min(...all), Math.max(...all));
  const [low, high] = [ticks[0]!, ticks.at(-1)!];
  const [first, last] = [epochs[0]!, epochs.at(-1)!];
  const x = (epoch: number) =>
    edge.left + ((width - edge.left - edge.right) * (epoch - first)) / Math.max(1, last - first);
  const y = (value: number) =>
    height - edge.bottom - ((height - edge.top - edge.bottom) * (value - low)) / (high - low || 1);
  const every = Math.ceil(epochs.length / 10);
  const upright = (className: string, epoch: number, what: string) => (
    <line key={what} class={className} x1={x(epoch)} x2={x(epoch)} y1={edge.top} y2={height - edge.bottom}>
      <title>{what}</title>
    </line>
  );
  return (
    <figure class="chart">
      <figcaption>
        {title}
        <ul class="legend">
          {series.map(({ name }, i) => (
            <li key={name} class={`series-${i}`}>
              {name}
            </li>
          ))}
        </ul>
      </figcaption>
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={t('chart.label', { title })}>
        {ticks.map((tick) => (
          <g key={tick}>
            <line class="chart-grid" x1={edge.left} x2={width - edge.right} y1={y(tick)} y2={y(tick)} />
            <text class="chart-text" x={edge.left - 8} y={y(tick) + 4} text-anchor="end">
              {+tick.toPrecision(6)}
            </text>
          </g>
        ))}
        {epochs
          .filter((_, i) => i % every === 0)
          .map((epoch) => (
            <text key={epoch} class="chart-text" x={x(epoch)} y={height - 8} text-anchor="middle">
              {epoch}
            </text>
          ))}
        {taken === undefined ? null : upright('chart-mark', taken, t('chart.taken', { epoch: String(taken) }))}
        {resumedAfter.map((epoch) => upright('chart-break', epoch + 0.5, t('chart.resumed', { epoch: String(epoch) })))}
        {series.map(({ name, values }, i) => (
          <g key={name} class={`series-${i}`}>
            <Line name={name} values={values} epochs={epochs} x={x} y={y} />
          </g>
        ))}
      </svg>
    </figure>
  );
}

interface LineProps extends Series {
  readonly epochs: readonly number[];
  readonly x: (epoch: number) => number;
  readonly y: (value: number) => number;
}

function Line({ name, values, epochs, x, y }: LineProps) {
  return (
    <>
      <polyline class="chart-line" points={values.map((value, j) => `${x(epochs[j]!)},${y(value)}`).join(' ')} />
      {values.length > maxPoints
        ? null
        : values.map((value, j) => (
            <circle key={epochs[j]} class="chart-point" cx={x(epochs[j]!)} cy={y(value)} r="2.6">
              <title>
                {t('chart.point', { epoch: String(epochs[j]), name, value: String(+value.toPrecision(4)) })}
              </title>
            </circle>
          ))}
    </>
  );
}

/** About five round numbers that span the values. */
function ticksFor(low: number, high: number): number[] {
  const rough = (high - low || Math.abs(high) || 1) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((one) => one >= rough)!;
  const first = Math.floor(low / step);
  return Array.from({ length: Math.ceil(high / step) - first + 1 }, (_, i) => (first + i) * step);
}
