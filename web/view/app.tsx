import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { t } from '../i18n/translate.ts';
import { isBrowsing, type View } from '../route.ts';
import { query, route } from '../state/navigation.ts';
import { report } from '../state/notices.ts';
import { clearSelection, selectionMode } from '../state/selection.ts';
import { ConfirmDialog } from './confirm.tsx';
import { ConnectionNote } from './connection.tsx';
import { Detail } from './detail.tsx';
import { DropArea } from './drop-area.tsx';
import { Failures } from './failures.tsx';
import { FolderDialog } from './folders.tsx';
import { Header } from './header.tsx';
import { KeyDialog } from './key-dialog.tsx';
import { KeyboardHelp } from './keyboard-help.tsx';
import { Notices } from './notices.tsx';
import { SearchView } from './search-view.tsx';
import { SelectionBar } from './selection-bar.tsx';
import { StatusView } from './status.tsx';
import { TrashView } from './trash.tsx';
import { Uploads } from './uploads.tsx';

export function App() {
  useTitle();
  useEscape();
  return (
    <>
      <a class="skip-link" href="#content">
        {t('page.skip')}
      </a>
      <Header />
      <ConnectionNote />
      <main id="content" tabIndex={-1}>
        <Content view={route.value.view} />
      </main>
      <SelectionBar />
      <Uploads />
      <Detail />
      <KeyDialog />
      <FolderDialog />
      <ConfirmDialog />
      <KeyboardHelp />
      <DropArea />
      <Notices />
    </>
  );
}

function Content({ view }: { view: View }) {
  if (view === 'failures') return <Failures />;
  if (view === 'trash') return <TrashView />;
  if (view === 'map') return <Lazy key="map" load={loadMapView} />;
  if (view === 'copies') return <Lazy key="copies" load={loadCopiesView} />;
  if (view === 'training') return <Lazy key="training" load={loadTrainingView} />;
  if (view === 'status') return <StatusView />;
  return <SearchView />;
}

const loadMapView = () => import('./map.tsx').then(({ MapView }) => MapView);
const loadCopiesView = () => import('./copies.tsx').then(({ CopiesView }) => CopiesView);
const loadTrainingView = () => import('./training.tsx').then(({ TrainingView }) => TrainingView);

/** Rarely used views are loaded on demand. */
function Lazy({ load }: { load: () => Promise<ComponentType> }) {
  const [View, setView] = useState<ComponentType | null>(null);
  useEffect(() => {
    load().then(
      (loaded) => setView(() => loaded),
      (error) => report(error),
    );
  }, []);
  return View === null ? null : <View />;
}

function useTitle(): void {
  const { view } = route.value;
  const text = query.value.text.trim();
  const subject = view !== 'search' ? t(`view.${view}`) : isBrowsing(query.value) ? '' : text || t('page.search');
  useEffect(() => {
    document.title = subject === '' ? 'Sightline' : `${subject} · Sightline`;
  }, [subject]);
}

/** Escape ends the selection if nothing else handles it. */
function useEscape(): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== 'Escape' || event.defaultPrevented || !selectionMode.value) return;
      if (document.querySelector('dialog[open], [popover]:popover-open')) return;
      clearSelection();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
}
