import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';
import { formatCount, t } from '../i18n/translate.ts';
import type { View } from '../route.ts';
import { openView, query, route, urlOf } from '../state/navigation.ts';
import { failureCount, isReadOnly } from '../state/server-status.ts';
import { addUploads } from '../state/upload-queue.ts';
import { Button } from './button.tsx';
import { FileInput } from './file-input.tsx';
import { Logo } from './icon.tsx';
import { inPlace } from './link-in-page.ts';
import { Menu, pages } from './menu.tsx';
import { SearchBar } from './search-bar.tsx';

export function Header() {
  return (
    <header class="header">
      <PageLink view="search" class="brand" label={t('header.home')}>
        <Logo />
        <span>Sightline</span>
      </PageLink>
      <Pages />
      <SearchBar />
      <nav class="header-actions" aria-label={t('header.actions')}>
        {isReadOnly.value ? null : <AddButton />}
        <Menu />
      </nav>
    </header>
  );
}

function AddButton() {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <Button
        look="primary"
        class="add-button"
        icon="upload"
        label={t('header.add')}
        title={t('header.addTitle')}
        onClick={() => input.current?.click()}
      />
      <FileInput
        input={input}
        label={t('header.addLabel')}
        several
        pick={(files) => addUploads(files.map((file) => ({ file, name: file.name })))}
      />
    </>
  );
}

const inSight: readonly View[] = ['map', 'training', 'status'];

/** Navigation links shown if there is room; the menu always has them. */
function Pages() {
  return (
    <nav class="pages" aria-label={t('header.pages')}>
      {pages
        .filter(({ view }) => inSight.includes(view) || (view === 'failures' && failureCount.value > 0))
        .map(({ view }) => (
          <PageLink key={view} view={view}>
            {t(`view.${view}`)}
            {view === 'failures' ? <span class="badge badge-bad">{formatCount(failureCount.value)}</span> : null}
          </PageLink>
        ))}
    </nav>
  );
}

interface PageLinkProps {
  readonly view: View;
  readonly class?: string;
  readonly label?: string;
  readonly children: ComponentChildren;
}

/** A link that opens its page in place, or in a new tab with the usual modifier keys. */
function PageLink({ view, label, children, ...rest }: PageLinkProps) {
  return (
    <a
      class={rest.class}
      href={view === 'search' ? './' : urlOf({ view, query: query.value })}
      aria-label={label}
      aria-current={view !== 'search' && route.value.view === view ? 'page' : undefined}
      onClick={inPlace(() => openView(view))}
    >
      {children}
    </a>
  );
}
