import { judged, judgedCaptions, percent } from './judged.ts';
import { Section } from './parts.tsx';

/** Upper ends of the bars; the last has everything beyond. */
const ENDS = [1, 2, 3, 5, 10, 20, 50, 100, 200, 500, Number.POSITIVE_INFINITY];

/** Histogram of the ranks of right answers. */
export function RanksSection() {
  return (
    <Section
      id="ranks"
      title="Ranks"
      about={
        'Where the right answer stands: the picture of a caption among all pictures, and the best caption ' +
        'of a picture among all captions.'
      }
    >
      <div class="charts">
        <Histogram title="Text to image" ranks={judgedCaptions.map(({ rank }) => rank)} />
        <Histogram title="Image to text" ranks={judged.map(({ rank }) => rank)} />
      </div>
    </Section>
  );
}

function Histogram({ title, ranks }: { title: string; ranks: readonly number[] }) {
  const largest = Math.max(...ranks);
  const bars = ENDS.flatMap((end, i) => {
    const start = i === 0 ? 1 : ENDS[i - 1]! + 1;
    if (start > largest) return [];
    const count = ranks.filter((rank) => rank >= start && rank <= end).length;
    const name = end === start ? `${start}` : Number.isFinite(end) ? `${start} to ${end}` : `over ${start - 1}`;
    return [{ name, count, share: (100 * count) / ranks.length }];
  });
  const highest = Math.max(...bars.map(({ share }) => share));
  return (
    <table class="histogram">
      <caption>{title}</caption>
      <thead class="visually-hidden">
        <tr>
          <th scope="col">Rank</th>
          <th scope="col">Share of queries</th>
        </tr>
      </thead>
      <tbody>
        {bars.map(({ name, count, share }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td title={`${count} of ${ranks.length} queries`}>
              <span class="bar" style={{ width: `${(78 * share) / highest}%` }} />
              <span>{percent(share)} %</span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
