import type { ComponentChildren } from 'preact';
import { useId, useState } from 'preact/hooks';
import { report } from './judged.ts';

/** Components shared by several sections. */

export function Section(props: { id: string; title: string; about?: ComponentChildren; children: ComponentChildren }) {
  return (
    <section id={props.id} aria-labelledby={`${props.id}-title`}>
      <h2 id={`${props.id}-title`}>{props.title}</h2>
      {props.about && <p class="about">{props.about}</p>}
      {props.children}
    </section>
  );
}

/** A picture of the report by its number, or a box if it could not be read. */
export function Thumb({ index, alt }: { index: number; alt?: string }) {
  const { thumbnail, captions, image } = report.pictures[index]!;
  if (thumbnail === null) return <span class="no-thumb">{image}</span>;
  return (
    <img
      src={`data:image/webp;base64,${thumbnail}`}
      alt={alt ?? captions[0] ?? image}
      title={captions[0] ?? image}
      decoding="async"
    />
  );
}

export function Rank({ rank }: { rank: number }) {
  const level = rank === 1 ? 'first' : rank <= 5 ? 'near' : rank <= 10 ? 'ten' : 'far';
  return (
    <span class={`rank ${level}`} title={`rank ${rank}`}>
      #{rank}
    </span>
  );
}

/** Right or wrong, as a sign and as a word for screen readers. */
export function Mark({ right }: { right: boolean }) {
  return (
    <span class={right ? 'mark right' : 'mark wrong'} role="img" aria-label={right ? 'right' : 'wrong'}>
      {right ? '✓' : '✗'}
    </span>
  );
}

export function Select<T extends string>(props: {
  label: string;
  value: T;
  options: Readonly<Record<T, string>>;
  onChange: (value: T) => void;
}) {
  const id = useId();
  return (
    <span class="field">
      <label for={id}>{props.label}</label>
      <select id={id} value={props.value} onChange={(event) => props.onChange(event.currentTarget.value as T)}>
        {Object.entries<string>(props.options).map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </span>
  );
}

export function Search(props: { label: string; value: string; onChange: (value: string) => void }) {
  const id = useId();
  return (
    <span class="field grow">
      <label for={id}>{props.label}</label>
      <input
        id={id}
        type="search"
        value={props.value}
        placeholder="words that a caption must have"
        onInput={(event) => props.onChange(event.currentTarget.value)}
      />
    </span>
  );
}

/** Pages through items. Returns to the first page when `list` changes. */
export function Pages<T>(props: {
  list: readonly T[];
  size: number;
  noun: string;
  class: string;
  render: (item: T) => ComponentChildren;
}) {
  const { list, size } = props;
  const [at, setAt] = useState({ list, page: 0 });
  const page = at.list === list ? at.page : 0;
  const pages = Math.max(1, Math.ceil(list.length / size));
  const turn = (to: number) => setAt({ list, page: Math.min(pages - 1, Math.max(0, to)) });
  const last = Math.min(list.length, (page + 1) * size);
  const buttons = (
    <div class="pager">
      <button type="button" disabled={page === 0} onClick={() => turn(page - 1)}>
        Previous
      </button>
      <span aria-live="polite">
        {list.length === 0
          ? `no ${props.noun}`
          : `${page * size + 1} to ${last} of ${list.length.toLocaleString('en')} ${props.noun}`}
      </span>
      <button type="button" disabled={page >= pages - 1} onClick={() => turn(page + 1)}>
        Next
      </button>
    </div>
  );
  return (
    <>
      {buttons}
      <ol class={props.class}>{list.slice(page * size, (page + 1) * size).map(props.render)}</ol>
      {list.length > size && buttons}
    </>
  );
}
