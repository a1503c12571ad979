import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { t } from '../i18n/translate.ts';
import type { PagedList } from '../state/paged-list.ts';
import { Button } from './button.tsx';
import { FaultNote } from './error-note.tsx';
import { Icon, type IconName } from './icon.tsx';

interface ListPageProps<P> {
  readonly list: PagedList<P>;
  /** The list reloads from its start when this changes. */
  readonly turn: unknown;
  readonly title: string;
  /** Shown beside the title, such as the count. */
  readonly facts: string;
  /** Actions on the whole list. */
  readonly action?: ComponentChildren;
  readonly hint: string;
  /** Message for an empty list. */
  readonly none: { readonly icon: IconName; readonly text: string };
  readonly isEmpty: boolean;
  readonly isWide?: boolean;
  readonly class: string;
  /** Renders a row. */
  readonly rows: ComponentChildren;
  readonly children?: ComponentChildren;
}

/** A page with a single list: header, errors, rows, and loading more. */
export function ListPage<P extends { readonly next?: string }>(props: ListPageProps<P>) {
  const { list, turn, title, facts, action, hint, none, isEmpty, isWide, rows, children } = props;
  const next = list.page.value?.next;
  useEffect(() => {
    const controller = new AbortController();
    void list.load(undefined, controller.signal);
    return () => controller.abort();
  }, [turn]);
  return (
    <div class={isWide ? 'page page-wide' : 'page'}>
      <header class="page-head">
        <h1>
          {title} <small>{facts}</small>
        </h1>
        {action}
      </header>
      <p class="hint">{hint}</p>
      {list.fault.value ? <FaultNote fault={list.fault.value} again={() => void list.load()} /> : null}
      {isEmpty ? (
        <section class="empty">
          <Icon name={none.icon} />
          <h2>{none.text}</h2>
        </section>
      ) : null}
      <ul class={props.class}>{rows}</ul>
      {next === undefined ? null : <Button label={t('do.more')} onClick={() => void list.load(next)} />}
      {children}
    </div>
  );
}
