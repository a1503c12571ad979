import { formatCount } from '../format.ts';

export interface Series {
  readonly name: string;
  readonly values: readonly number[];
}

const width = 520;
const height = 240;
const edge = { left: 46, right: 14, top: 14, bottom: 28 };

/** Lines over epochs. `marked` is the epoch that was taken, from 1. The numbers are in the table beside it, for who cannot see it. */
export function Chart({ title, series, marked }: { title: string; series: readonly Series[]; marked?: number }) {
  const all = series.flatMap(({ values }) => values);
  const count = Math.max(...series.map(({ values }) => values.length));
  const ticks = ticksFor(Math.min(...all), Math.max(...all));
  const [low, high] = [ticks[0]!, ticks.at(-1)!];
  const x = (i: number) => edge.left + ((width - edge.left - edge.right) * i) / Math.max(1, count - 1);
  const y = (value: number) =>
    height - edge.bottom - ((height - edge.top - edge.bottom) * (value - low)) / (high - low || 1);
  const every = Math.ceil(count / 10);
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
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={`${title} by epoch`}>
        {ticks.map((tick) => (
          <g key={tick}>
            <line class="chart-grid" x1={edge.left} x2={width - edge.right} y1={y(tick)} y2={y(tick)} />
            <text class="chart-text" x={edge.left - 8} y={y(tick) + 4} text-anchor="end">
              {formatCount(tick)}
            </text>
          </g>
        ))}
        {Array.from({ length: count }, (_, i) => i)
          .filter((i) => i % every === 0)
          .map((i) => (
            <text key={i} class="chart-text" x={x(i)} y={height - 8} text-anchor="middle">
              {i + 1}
            </text>
          ))}
        {marked === undefined ? null : (
          <line class="chart-mark" x1={x(marked - 1)} x2={x(marked - 1)} y1={edge.top} y2={height - edge.bottom} />
        )}
        {series.map(({ name, values }, i) => (
          <polyline
            key={name}
            class={`chart-line series-${i}`}
            points={values.map((value, j) => `${x(j)},${y(value)}`).join(' ')}
          />
        ))}
      </svg>
    </figure>
  );
}

/** About five round numbers that enclose the values. */
function ticksFor(low: number, high: number): number[] {
  const rough = (high - low || Math.abs(high) || 1) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((one) => one >= rough)!;
  const first = Math.floor(low / step);
  return Array.from({ length: Math.ceil(high / step) - first + 1 }, (_, i) => (first + i) * step);
}
