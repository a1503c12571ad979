import { useState } from 'preact/hooks';
import { countOf, formatCount, formatScore } from '../format.ts';
import { bestRank, type TrainingPicture, type TrainingReport, thumbnailOf } from '../state/training.ts';
import { Icon } from './icon.tsx';

type Order = 'worst' | 'best' | 'file';
const orders: readonly (readonly [Order, string])[] = [
  ['worst', 'Worst rank first'],
  ['best', 'Best rank first'],
  ['file', 'As in the file'],
];
const pageSize = 40;

interface TrainingDataProps {
  readonly report: TrainingReport;
  /** Names of the pictures that were chosen on the map; all when empty. */
  readonly chosen: ReadonlySet<string>;
  readonly showAll: () => void;
}

/** The pictures a head was judged on and a few of the others: what they are called, and what the head calls them. */
export function TrainingData({ report, chosen, showAll }: TrainingDataProps) {
  const [split, setSplit] = useState(report.split);
  const [order, setOrder] = useState<Order>('worst');
  const [words, setWords] = useState('');
  const [count, setCount] = useState(pageSize);
  const splits = [...new Set(report.pictures.map((picture) => picture.split))];
  const found = sorted(
    report.pictures.filter(
      (picture) => (chosen.size > 0 ? chosen.has(picture.image) : picture.split === split) && mentions(picture, words),
    ),
    order,
  );
  const change = <T,>(set: (value: T) => void) => {
    return (value: T) => {
      set(value);
      setCount(pageSize);
    };
  };
  return (
    <section aria-label="Pictures of the report">
      <div class="data-tools">
        <label class="field">
          <span>Split</span>
          <select
            value={split}
            disabled={chosen.size > 0}
            onChange={(event) => change(setSplit)(event.currentTarget.value)}
          >
            {splits.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <label class="field">
          <span>Order</span>
          <select value={order} onChange={(event) => change(setOrder)(event.currentTarget.value as Order)}>
            {orders.map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        </label>
        <label class="field data-words">
          <span>Words in captions</span>
          <input type="text" value={words} onInput={(event) => change(setWords)(event.currentTarget.value)} />
        </label>
        {chosen.size > 0 ? (
          <button type="button" class="option" onClick={showAll}>
            {countOf(chosen.size, 'picture')} of the map
            <Icon name="close" />
          </button>
        ) : null}
        <p class="hint" role="status">
          {countOf(found.length, 'picture')}
        </p>
      </div>
      <ul class="data">
        {found.slice(0, count).map((picture) => (
          <DataRow key={picture.image} picture={picture} report={report} />
        ))}
      </ul>
      {found.length > count ? (
        <button type="button" class="button" onClick={() => setCount(count + pageSize)}>
          More
        </button>
      ) : null}
    </section>
  );
}

function DataRow({ picture, report }: { picture: TrainingPicture; report: TrainingReport }) {
  const { image, split, captions, scores, found } = picture;
  const rank = bestRank(picture);
  const thumbnail = thumbnailOf(picture);
  return (
    <li class="data-row">
      {thumbnail ? <img src={thumbnail} alt={image} loading="lazy" /> : <span class="data-missing">{image}</span>}
      <div>
        <h2>
          {image} <small>{split}</small>
        </h2>
        <h3>Its captions</h3>
        <ol>
          {captions.map((text, i) => (
            <li key={`${i} ${text}`}>
              <span>{text}</span>
              <small title="Cosine of caption and picture; rank of the picture when the caption is the query">
                {formatScore(scores[i] ?? 0)}
                {found ? ` · rank ${formatCount(found.pictureRanks[i] ?? 0)}` : ''}
              </small>
            </li>
          ))}
        </ol>
      </div>
      {found && rank !== null ? (
        <div>
          <p class={rank <= 10 ? 'data-rank' : 'data-rank data-rank-bad'}>rank {formatCount(rank)}</p>
          <h3>Captions found for it</h3>
          <ol>
            {found.topCaptions.map(([owner, caption, score]) => {
              const right = report.pictures[owner] === picture;
              return (
                <li key={`${owner} ${caption}`} class={right ? 'right' : ''}>
                  <span>
                    {right ? <Icon name="check" /> : null}
                    {right ? <span class="visually-hidden">right: </span> : null}
                    {report.pictures[owner]?.captions[caption]}
                  </span>
                  <small>{formatScore(score)}</small>
                </li>
              );
            })}
          </ol>
        </div>
      ) : null}
    </li>
  );
}

function mentions({ captions, image }: TrainingPicture, words: string): boolean {
  const wanted = words.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const text = [image, ...captions].join(' ').toLocaleLowerCase();
  return wanted.every((word) => text.includes(word));
}

function sorted(pictures: readonly TrainingPicture[], order: Order): readonly TrainingPicture[] {
  if (order === 'file') return pictures;
  const sign = order === 'best' ? 1 : -1;
  // What has no rank comes last, in either order.
  const value = (picture: TrainingPicture) => (bestRank(picture) ?? sign * Number.POSITIVE_INFINITY) * sign;
  return [...pictures].sort((a, b) => (value(a) === value(b) ? 0 : value(a) - value(b)));
}
