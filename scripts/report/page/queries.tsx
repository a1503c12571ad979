import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { FoundCaptions, FoundPictures } from './found.tsx';
import {
  captionMargin,
  captionMatcher,
  type Judged,
  type JudgedCaption,
  judged,
  judgedCaptions,
  margin,
  matcher,
} from './judged.ts';
import { Pages, Search, Section, Select } from './parts.tsx';

/** All queries of the split with their results, and the extremes of both kinds. */

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

interface QueriesProps<T extends { readonly rank: number }> {
  readonly id: string;
  readonly title: string;
  readonly about: string;
  readonly noun: string;
  readonly size: number;
  readonly queries: readonly T[];
  /** Margin of the right answer over the best wrong one. */
  readonly by: (query: T) => number;
  readonly matching: (search: string) => (query: T) => boolean;
  readonly render: (query: T) => JSX.Element;
}

function Queries<T extends { readonly rank: number }>(props: QueriesProps<T>) {
  const { id, title, about, noun, size, queries, by, matching, render } = props;
  const [order, setOrder] = useState<Order>('data');
  const [search, setSearch] = useState('');
  const list = useMemo(() => ordered(queries, order, by).filter(matching(search)), [order, search]);
  return (
    <Section id={id} title={title} about={about}>
      <div class="controls">
        <Search label="Search in captions" value={search} onChange={setSearch} />
        <Select label="Order" value={order} options={ORDERS} onChange={setOrder} />
      </div>
      <Pages list={list} size={size} noun={noun} class="stack" render={render} />
    </Section>
  );
}

export function PictureQueries() {
  const matching = (search: string) => {
    const matches = matcher(search);
    return ({ picture }: Judged) => matches(picture);
  };
  return (
    <Queries
      id="pictures"
      title="Picture to text"
      about={
        'For every picture the five captions that the head puts first, among all captions of the split, ' +
        'beside its own with their ranks.'
      }
      noun="pictures"
      size={8}
      queries={judged}
      by={margin}
      matching={matching}
      render={pictureCase}
    />
  );
}

export function CaptionQueries() {
  const matching = (search: string) => {
    const matches = captionMatcher(search);
    return ({ text }: JudgedCaption) => matches(text);
  };
  return (
    <Queries
      id="captions"
      title="Text to picture"
      about={
        'For every caption the five pictures that the head puts first. Where its own is not among them, ' +
        'it follows with its rank.'
      }
      noun="captions"
      size={10}
      queries={judgedCaptions}
      by={captionMargin}
      matching={matching}
      render={captionCase}
    />
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
