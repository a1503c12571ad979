import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { ReportPicture } from '../report-data.ts';
import { FoundCaptions, FoundPictures } from './found.tsx';
import { judged, judgedCaptions, likeness, matcher, report } from './judged.ts';
import { Pages, Rank, Search, Section, Select, Thumb } from './parts.tsx';

/** The data browser: every picture with its captions, split and errors. */

interface Entry {
  readonly index: number;
  readonly picture: ReportPicture;
  /** Mean rank of the picture for its captions; infinite outside the split, to sort last. */
  readonly error: number;
}

const entries: readonly Entry[] = report.pictures.map((picture, index) => {
  const ranks = picture.found?.pictureRanks;
  const error = ranks === undefined ? Number.POSITIVE_INFINITY : ranks.reduce((a, b) => a + b, 0) / ranks.length;
  return { index, picture, error };
});

const ORDERS = {
  data: 'in the order of the data',
  worst: 'largest mean rank first',
  best: 'smallest mean rank first',
  unlike: 'least like its captions first',
  name: 'by file name',
};
type Order = keyof typeof ORDERS;

const last = (error: number) => (Number.isFinite(error) ? error : -1);
const BY: Readonly<Record<Order, (a: Entry, b: Entry) => number>> = {
  data: (a, b) => a.index - b.index,
  worst: (a, b) => last(b.error) - last(a.error) || a.index - b.index,
  best: (a, b) => (a.error === b.error ? a.index - b.index : a.error - b.error),
  unlike: (a, b) => likeness(a.picture) - likeness(b.picture),
  name: (a, b) => (a.picture.image < b.picture.image ? -1 : 1),
};

const splits = [...new Set(report.pictures.map(({ split }) => split))];
const SPLITS: Readonly<Record<string, string>> = {
  '': 'all',
  ...Object.fromEntries(
    splits.map((name) => [name, `${name} (${report.pictures.filter(({ split }) => split === name).length})`]),
  ),
};

export function BrowserSection() {
  const [order, setOrder] = useState<Order>('data');
  const [split, setSplit] = useState('');
  const [search, setSearch] = useState('');
  const [open, setOpen] = useState<number | null>(null);
  const list = useMemo(
    () =>
      entries
        .filter(({ picture }) => (split === '' || picture.split === split) && matcher(search)(picture))
        .sort(BY[order]),
    [order, split, search],
  );
  const at = list.findIndex(({ index }) => index === open);
  const step = (by: number) => setOpen(list[(at + by + list.length) % list.length]?.index ?? null);
  const others = splits.length > 1 ? ' and a sample of the others, which have no ranks' : '';
  return (
    <Section
      id="data-browser"
      title="The data"
      about={
        `The pictures of split ${report.split}${others}. The number is the mean rank of a picture for its captions. ` +
        'A picture opens with all that was found for it; the arrow keys go on from there.'
      }
    >
      <div class="controls">
        <Search label="Search in captions" value={search} onChange={setSearch} />
        <Select label="Split" value={split} options={SPLITS} onChange={setSplit} />
        <Select label="Order" value={order} options={ORDERS} onChange={setOrder} />
      </div>
      <Pages
        list={list}
        size={60}
        noun="pictures"
        class="wall"
        render={(entry: Entry) => <Tile key={entry.index} entry={entry} onOpen={setOpen} />}
      />
      {open !== null && <Details index={open} onStep={step} onClose={() => setOpen(null)} />}
    </Section>
  );
}

function Tile({ entry: { index, picture, error }, onOpen }: { entry: Entry; onOpen: (index: number) => void }) {
  const rank = Number.isFinite(error) ? Math.round(error) : null;
  const label = `Open ${picture.image}: ${picture.captions[0]} ${rank === null ? picture.split : `#${rank}`}`;
  return (
    <li>
      <button type="button" onClick={() => onOpen(index)} aria-label={label}>
        <Thumb index={index} alt="" />
        <span class="badge">{rank === null ? picture.split : <Rank rank={rank} />}</span>
      </button>
    </li>
  );
}

function Details({ index, onStep, onClose }: { index: number; onStep: (by: number) => void; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current!.showModal(), []);
  // Start a new picture at its top.
  useEffect(() => dialog.current!.scrollTo(0, 0), [index]);
  const picture = report.pictures[index]!;
  const own = judged.find((entry) => entry.index === index);
  return (
    <dialog
      ref={dialog}
      aria-label={picture.image}
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && dialog.current!.close()}
      onKeyDown={(event) => {
        if (event.key === 'ArrowRight') onStep(1);
        if (event.key === 'ArrowLeft') onStep(-1);
      }}
    >
      <header>
        <h3>
          {picture.image} <span class="hint">split {picture.split}</span>
        </h3>
        <span class="buttons">
          <button type="button" onClick={() => onStep(-1)} aria-label="Picture before">
            ←
          </button>
          <button type="button" onClick={() => onStep(1)} aria-label="Next picture">
            →
          </button>
          <button type="button" onClick={() => dialog.current!.close()}>
            Close
          </button>
        </span>
      </header>
      {own === undefined ? (
        <Alone index={index} />
      ) : (
        <>
          <ol class="stack">
            <FoundCaptions of={own} />
          </ol>
          <p class="over">Found by its captions</p>
          <ol class="stack">
            {judgedCaptions
              .filter(({ of }) => of === own)
              .map((query) => (
                <FoundPictures key={query.caption} query={query} />
              ))}
          </ol>
        </>
      )}
    </dialog>
  );
}

/** A picture outside the judged split, with its own captions. */
function Alone({ index }: { index: number }) {
  const picture = report.pictures[index]!;
  return (
    <figure class="alone">
      <Thumb index={index} />
      <ul>
        {picture.captions.map((text, i) => (
          <li key={i}>
            {text} <small>{picture.scores[i]!.toFixed(2)}</small>
          </li>
        ))}
      </ul>
    </figure>
  );
}
