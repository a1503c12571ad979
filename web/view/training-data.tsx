import { useState } from 'preact/hooks';
import { formatScore } from '../format-values.ts';
import { t } from '../i18n/translate.ts';
import { bestRank, type TrainingPicture, type TrainingReport, thumbnailOf } from '../state/training.ts';
import { Button } from './button.tsx';
import { Icon } from './icon.tsx';
import { Select } from './select.tsx';

type Order = 'worst' | 'best' | 'file';
const orders: readonly Order[] = ['worst', 'best', 'file'];
const pageSize = 40;

interface TrainingDataProps {
  readonly report: TrainingReport;
  /** Names of pictures selected on the map; empty means all. */
  readonly chosen: ReadonlySet<string>;
  readonly showAll: () => void;
}

/** Which pictures of the report are listed, and in which order. */
interface DataChoice {
  readonly split: string;
  readonly order: Order;
  readonly words: string;
}

/** The pictures a head was evaluated on and a few others, with their captions and those the head ranks best. */
export function TrainingData({ report, chosen, showAll }: TrainingDataProps) {
  const [choice, setChoice] = useState<DataChoice>({ split: report.split, order: 'worst', words: '' });
  const [count, setCount] = useState(pageSize);
  const isListed = (picture: TrainingPicture) =>
    (chosen.size > 0 ? chosen.has(picture.image) : picture.split === choice.split) && mentions(picture, choice.words);
  const found = sorted(report.pictures.filter(isListed), choice.order);
  const change = (part: Partial<DataChoice>) => {
    setChoice({ ...choice, ...part });
    setCount(pageSize);
  };
  return (
    <section aria-label={t('training.pictures')}>
      <div class="data-tools">
        <DataTools report={report} choice={choice} isFixed={chosen.size > 0} change={change} />
        {chosen.size > 0 ? (
          <button type="button" class="option" onClick={showAll}>
            {t('training.chosen', { count: chosen.size })}
            <Icon name="close" />
          </button>
        ) : null}
        <p class="hint" role="status">
          {t('pictures', { count: found.length })}
        </p>
      </div>
      <ul class="data">
        {found.slice(0, count).map((picture) => (
          <DataRow key={picture.image} picture={picture} report={report} />
        ))}
      </ul>
      {found.length > count ? <Button label={t('do.more')} onClick={() => setCount(count + pageSize)} /> : null}
    </section>
  );
}

interface DataToolsProps {
  readonly report: TrainingReport;
  readonly choice: DataChoice;
  /** The pictures are already selected, whatever their split. */
  readonly isFixed: boolean;
  readonly change: (part: Partial<DataChoice>) => void;
}

function DataTools({ report, choice, isFixed, change }: DataToolsProps) {
  const splits = [...new Set(report.pictures.map((picture) => picture.split))];
  return (
    <>
      <Select
        label={t('training.split')}
        options={splits.map((name) => [name, name])}
        chosen={choice.split}
        choose={(split) => change({ split })}
        disabled={isFixed}
      />
      <Select
        label={t('results.order')}
        options={orders.map((order) => [order, t(`training.${order}`)])}
        chosen={choice.order}
        choose={(order) => change({ order })}
      />
      <label class="field data-words">
        <span>{t('training.words')}</span>
        <input type="text" value={choice.words} onInput={(event) => change({ words: event.currentTarget.value })} />
      </label>
    </>
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
        <h3>{t('training.captions')}</h3>
        <ol>
          {captions.map((text, i) => (
            <li key={`${i} ${text}`}>
              <span>{text}</span>
              <small title={t('training.scoreTitle')}>
                {formatScore(scores[i] ?? 0)}
                {found ? ` · ${t('training.rank', { rank: found.pictureRanks[i] ?? 0 })}` : ''}
              </small>
            </li>
          ))}
        </ol>
      </div>
      {found && rank !== null ? (
        <div>
          <p class={rank <= 10 ? 'data-rank' : 'data-rank data-rank-bad'}>{t('training.rank', { rank })}</p>
          <h3>{t('training.found')}</h3>
          <ol>
            {found.topCaptions.map(([owner, caption, score]) => (
              <FoundCaption
                key={`${owner} ${caption}`}
                text={report.pictures[owner]?.captions[caption]}
                score={score}
                isRight={report.pictures[owner] === picture}
              />
            ))}
          </ol>
        </div>
      ) : null}
    </li>
  );
}

function FoundCaption({ text, score, isRight }: { text?: string; score: number; isRight: boolean }) {
  return (
    <li class={isRight ? 'right' : ''}>
      <span>
        {isRight ? <Icon name="check" /> : null}
        {isRight ? <span class="visually-hidden">{t('training.right')}</span> : null}
        {text}
      </span>
      <small>{formatScore(score)}</small>
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
  // Pictures without a rank come last, in either order.
  const value = (picture: TrainingPicture) => (bestRank(picture) ?? sign * Number.POSITIVE_INFINITY) * sign;
  return [...pictures].sort((a, b) => (value(a) === value(b) ? 0 : value(a) - value(b)));
}
