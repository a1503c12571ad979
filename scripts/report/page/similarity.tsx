import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { judged, report, unpack } from './judged.ts';
import { Section, Select, Thumb } from './parts.tsx';

/** Cosines of first captions (rows) and pictures (columns): right pairs are on the diagonal. */

const { dimension } = report.vectors;
const images = unpack(report.vectors.images);
const texts = unpack(report.vectors.texts);

/** With more, pictures beside the matrix would be too small. */
const WITH_PICTURES = 16;

const sizes = [WITH_PICTURES, 50, 200, 1000, judged.length]
  .filter((size, i, all) => size <= judged.length && all.indexOf(size) === i)
  .sort((a, b) => a - b);
if (sizes.length === 0) sizes.push(judged.length);
const SIZES: Readonly<Record<string, string>> = Object.fromEntries(
  sizes.map((size) => [`${size}`, size === judged.length ? `all ${size}` : `${size}`]),
);

export function SimilaritySection() {
  const [size, setSize] = useState(`${sizes[0]}`);
  const [at, setAt] = useState<readonly [number, number]>([0, 0]);
  const order = useMemo(() => spread(judged.length, Number(size)), [size]);
  const scores = useMemo(() => cosines(order), [order]);
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => paint(canvas.current!, scores, order.length), [scores]);
  const few = order.length <= WITH_PICTURES;
  const limited = (cell: number) => Math.min(order.length - 1, Math.max(0, Math.floor(cell)));
  const inspect = (event: MouseEvent) => {
    const box = canvas.current!.getBoundingClientRect();
    const share = (offset: number, length: number) => limited((offset / length) * order.length);
    setAt([share(event.clientY - box.top, box.height), share(event.clientX - box.left, box.width)]);
  };
  const move = (event: KeyboardEvent) => {
    const step = STEPS[event.key];
    if (step === undefined) return;
    event.preventDefault();
    setAt([limited(at[0] + step[0]), limited(at[1] + step[1])]);
  };
  const share = (cell: number) => `${(100 * cell) / order.length}%`;
  return (
    <Section
      id="similarity"
      title="Similarity"
      about={
        'Each row is the first caption of a picture, each column a picture; the right pairs are the diagonal. The ' +
        'brighter, the more alike. Point at a cell, or move with the arrow keys, to see the pair.'
      }
    >
      <div class="controls">
        <Select
          label="Pairs"
          value={size}
          options={SIZES}
          onChange={(value) => {
            setSize(value);
            setAt([0, 0]);
          }}
        />
      </div>
      <div class="similarity">
        <div class={few ? 'matrix few' : 'matrix'} style={{ '--count': order.length }}>
          {few && <Axes order={order} />}
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys do here what the mouse does */}
          <div class="field-of-cells" role="application" tabIndex={0} aria-label="Cells of the matrix" onKeyDown={move}>
            <canvas
              ref={canvas}
              role="img"
              aria-label={`${order.length} captions against as many pictures: ${diagonal(scores, order.length)}`}
              onMouseMove={inspect}
            />
            <span class="cell" style={{ top: share(at[0]), left: share(at[1]) }} />
          </div>
        </div>
        <Pair order={order} at={at} scores={scores} />
      </div>
    </Section>
  );
}

/** The pictures above the matrix, and their captions beside it. */
function Axes({ order }: { order: readonly number[] }) {
  return (
    <>
      <div class="axis" aria-hidden="true">
        {order.map((index) => (
          <Thumb key={index} index={index} alt="" />
        ))}
      </div>
      <ul class="rows" aria-hidden="true">
        {order.map((index) => (
          <li key={index} title={report.pictures[index]!.captions[0]}>
            {report.pictures[index]!.captions[0]}
          </li>
        ))}
      </ul>
    </>
  );
}

function Pair(props: { order: readonly number[]; at: readonly [number, number]; scores: Float32Array }) {
  const { order, scores } = props;
  const [row, column] = props.at;
  const caption = report.pictures[order[row]!]!.captions[0];
  const [lowest, highest] = useMemo(() => extremes(scores), [scores]);
  return (
    <div class="pair" aria-live="polite">
      <p class="hint">
        {diagonal(scores, order.length)}; colours from {lowest.toFixed(2)} to {highest.toFixed(2)}
      </p>
      <Thumb index={order[column]!} />
      <p>{caption}</p>
      <p>
        <strong>{scores[row * order.length + column]!.toFixed(2)}</strong>{' '}
        <span class="hint">{row === column ? 'a right pair' : 'a wrong pair'}</span>
      </p>
    </div>
  );
}

const STEPS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** `count` evenly spread numbers below `total`. */
function spread(total: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.floor((i * total) / count));
}

function cosines(order: readonly number[]): Float32Array {
  const scores = new Float32Array(order.length ** 2);
  let at = 0;
  for (const row of order) {
    for (const column of order) {
      let sum = 0;
      for (let i = 0; i < dimension; i++) sum += texts[row * dimension + i]! * images[column * dimension + i]!;
      scores[at++] = sum;
    }
  }
  return scores;
}

/** Mean cosine of right pairs and of wrong ones. */
function diagonal(scores: Float32Array, count: number): string {
  let [right, wrong] = [0, 0];
  for (const [i, score] of scores.entries()) {
    if (i % (count + 1) === 0) right += score;
    else wrong += score;
  }
  const others = Math.max(1, count * (count - 1));
  return `right pairs ${(right / count).toFixed(2)} on average, wrong ones ${(wrong / others).toFixed(2)}`;
}

/** What the ends of the colours stand for: heads differ in how far apart their cosines are. */
function extremes(scores: Float32Array): [lowest: number, highest: number] {
  let [lowest, highest] = [1, -1];
  for (const score of scores) {
    lowest = Math.min(lowest, score);
    highest = Math.max(highest, score);
  }
  return [lowest, highest];
}

/** Dark blue over green to light yellow: corner points of viridis (van der Walt and Smith 2015). */
const COLOURS = [
  [68, 1, 84],
  [59, 82, 139],
  [33, 145, 140],
  [94, 201, 98],
  [253, 231, 37],
] as const;

function paint(canvas: HTMLCanvasElement, scores: Float32Array, count: number): void {
  canvas.width = count;
  canvas.height = count;
  const context = canvas.getContext('2d')!;
  const pixels = context.createImageData(count, count);
  const [lowest, highest] = extremes(scores);
  for (const [i, score] of scores.entries()) {
    const level = ((score - lowest) / (highest - lowest || 1)) * (COLOURS.length - 1);
    const below = Math.min(COLOURS.length - 2, Math.floor(level));
    for (let channel = 0; channel < 3; channel++) {
      const [from, to] = [COLOURS[below]![channel]!, COLOURS[below + 1]![channel]!];
      pixels.data[i * 4 + channel] = from + (to - from) * (level - below);
    }
    pixels.data[i * 4 + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
}
