import { useMemo, useState } from 'preact/hooks';
import { FoundCaptions, FoundPictures } from './found.tsx';
import { Pages, Search, Section, Select } from './parts.tsx';
import {
  captionMargin,
  captionMatcher,
  type Judged,
  type JudgedCaption,
  judged,
  judgedCaptions,
  margin,
  matcher,
} from './store.ts';

/** Every query of the split with what was found, and the extremes of both kinds. */

const ORDERS = { data: 'in the order of the data', worst: 'worst first', best: 'best first' };
type Order = keyof typeof ORDERS;

function ordered<T extends { readonly rank: number }>(
  list: readonly T[],
  order: Order,
  by: (item: T) => number,
): readonly T[] {
  if (order === 'data') return list;
  const worst = list.toSorted((a, b) => b.rank - a.rank || by(a) - by(b));
  return order === 'worst' ? worst : worst.reverse();
}

export function PictureQueries() {
  const [order, setOrder] = useState<Order>('data');
  const [search, setSearch] = useState('');
  const list = useMemo(
    () => ordered(judged, order, margin).filter(({ picture }) => matcher(search)(picture)),
    [order, search],
  );
  return (
    <Section
      id="pictures"
      title="Picture to text"
      about="For every picture the five captions that the head puts first, among all captions of the split, beside its own with their ranks."
    >
      <div class="controls">
        <Search label="Search in captions" value={search} onChange={setSearch} />
        <Select label="Order" value={order} options={ORDERS} onChange={setOrder} />
      </div>
      <Pages
        list={list}
        size={8}
        noun="pictures"
        class="stack"
        render={(of: Judged) => <FoundCaptions key={of.index} of={of} />}
      />
    </Section>
  );
}

export function CaptionQueries() {
  const [order, setOrder] = useState<Order>('data');
  const [search, setSearch] = useState('');
  const list = useMemo(
    () => ordered(judgedCaptions, order, captionMargin).filter(({ text }) => captionMatcher(search)(text)),
    [order, search],
  );
  return (
    <Section
      id="captions"
      title="Text to picture"
      about="For every caption the five pictures that the head puts first. Where its own is not among them, it follows with its rank."
    >
      <div class="controls">
        <Search label="Search in captions" value={search} onChange={setSearch} />
        <Select label="Order" value={order} options={ORDERS} onChange={setOrder} />
      </div>
      <Pages
        list={list}
        size={10}
        noun="captions"
        class="stack"
        render={(query: JudgedCaption) => <FoundPictures key={`${query.of.index} ${query.caption}`} query={query} />}
      />
    </Section>
  );
}

/** Cases shown of each kind. */
const CASES = 3;

export function CasesSection() {
  const [worstPictures, bestPictures] = (['worst', 'best'] as const).map((order) =>
    ordered(judged, order, margin).slice(0, CASES),
  );
  const [worstCaptions, bestCaptions] = (['worst', 'best'] as const).map((order) =>
    ordered(judgedCaptions, order, captionMargin).slice(0, CASES),
  );
  return (
    <Section
      id="cases"
      title="Best and worst"
      about="By rank, then by how far the right answer is above the best wrong one, or below it."
    >
      <h3>Captions that find their picture best</h3>
      <ol class="stack">{bestCaptions!.map((query) => captionCase(query))}</ol>
      <h3>Captions that find it worst</h3>
      <ol class="stack">{worstCaptions!.map((query) => captionCase(query))}</ol>
      <h3>Pictures that find their captions best</h3>
      <ol class="stack">{bestPictures!.map((of) => pictureCase(of))}</ol>
      <h3>Pictures that find them worst</h3>
      <ol class="stack">{worstPictures!.map((of) => pictureCase(of))}</ol>
    </Section>
  );
}

function captionCase(query: JudgedCaption) {
  return <FoundPictures key={`${query.of.index} ${query.caption}`} query={query} />;
}

function pictureCase(of: Judged) {
  return <FoundCaptions key={of.index} of={of} />;
}
