import { type CaptionItem, type Item, isImage } from '../client.ts';
import { formatDuration } from '../format-values.ts';
import { isByDate } from '../grid/months.ts';
import { formatCount, t } from '../i18n/translate.ts';
import { filterCount, isBrowsing, type Query } from '../route.ts';
import { hasCaptions } from '../state/has-captions.ts';
import { showNew } from '../state/live-updates.ts';
import { changeQuery, query } from '../state/navigation.ts';
import {
  fault,
  listedItems,
  loadingMore,
  newCount,
  pictureCount,
  type Results,
  results,
  searching,
  tryAgain,
  visibleItems,
} from '../state/results.ts';
import { clearSelection, selecting, selectionMode } from '../state/selection.ts';
import { folders, indexing, serverStatus } from '../state/server-status.ts';
import { Button } from './button.tsx';
import { CaptionsEmpty, CollectionEmpty, NothingFound } from './empty.tsx';
import { FaultNote } from './error-note.tsx';
import { ActiveFilters, FiltersButton } from './filters.tsx';
import { Grid } from './grid.tsx';
import { Icon } from './icon.tsx';
import { ModelChange } from './model-change.tsx';
import { Outage } from './outage.tsx';
import { SpokenLanguage } from './query-language.tsx';
import { Segmented } from './segmented-control.tsx';
import { Select } from './select.tsx';
import { Start } from './starting-points.tsx';
import { CaptionTile } from './tile.tsx';
import { DidYouMean, UnderstoodChips } from './understood.tsx';

export function SearchView() {
  const items = visibleItems.value;
  const shown = results.value;
  const captions = shown?.captions ?? [];
  return (
    <div class="search-view">
      <Toolbar />
      <Indexing />
      <ModelChange />
      {isEverything(query.value) && (items.length > 0 || (!shown && !fault.value)) ? <Start /> : null}
      <Warnings />
      <DidYouMean />
      <HiddenPictures />
      {newCount.value > 0 ? (
        <Button class="new-pictures" label={t('results.new', { count: newCount.value })} onClick={showNew} />
      ) : null}
      {fault.value ? <FaultNote fault={fault.value} again={tryAgain} slim={items.length > 0} /> : null}
      <div class={classOfResults(searching.value && items.length > 0)}>
        {captions.length > 0 ? <CaptionsAbove captions={captions} /> : null}
        <Grid />
        {shown && items.length === 0 && !searching.value && !fault.value ? (
          <Nothing asked={shown.query} besideCaptions={captions.length > 0} />
        ) : null}
        {searching.value && items.length === 0 ? <Spinner /> : null}
      </div>
      <div class="results-end">{loadingMore.value ? <Spinner /> : null}</div>
    </div>
  );
}

function classOfResults(isOld: boolean): string {
  return `results ${isOld ? 'results-old' : ''} ${isByDate(query.value) ? 'by-date' : ''}`;
}

/** All pictures, in the order they were added. */
function isEverything(asked: Query): boolean {
  const { kind, sort = 'newest' } = asked;
  return isBrowsing(asked) && kind === 'image' && sort === 'newest' && filterCount(asked) === 0;
}

/** Warnings that the results may not be what was meant. */
function Warnings() {
  const shown = results.value;
  if (!shown || shown.query !== query.value) return null;
  return shown.warnings.map(({ code, text, message }) => (
    <p key={`${code} ${text}`} class="warning" role="status">
      <Icon name="alert" />
      <span>{message}</span>
    </p>
  ));
}

/** Pictures in unavailable folders, such as those on an unplugged drive. */
function HiddenPictures() {
  const count = serverStatus.value?.hidden ?? 0;
  if (count === 0) return null;
  const away = folders.value.filter(({ there }) => !there).map(({ name }) => name);
  return (
    <p class="warning" role="status">
      <Icon name="folder" />
      <span>
        {t('results.hidden', { count, away: t('results.away', { count: away.length, folders: away.join(', ') }) })}
      </span>
    </p>
  );
}

/** Indexing progress, and a hint that results are incomplete meanwhile. */
function Indexing() {
  const progress = indexing.value;
  const isEmpty = visibleItems.value.length === 0;
  const isAll = isBrowsing(query.value) && filterCount(query.value) === 0;
  if (progress === null || (isEmpty && isAll)) return null;
  const { done, total: all, secondsLeft } = progress;
  return (
    <section class="indexing" aria-label={t('indexing.title')}>
      <p>
        {secondsLeft === undefined
          ? t('indexing.done', { done, count: all })
          : t('indexing.doneLeft', { done, count: all, time: roughly(secondsLeft) })}{' '}
        {t(isBrowsing(query.value) || isEmpty ? 'indexing.others' : 'indexing.best')}
      </p>
      <Outage />
      <progress max={all} value={done} aria-label={t('indexing.bar')} />
    </section>
  );
}

/** Whole minutes, at least one: the estimate is not more precise. */
function roughly(seconds: number): string {
  return formatDuration(seconds < 60 ? seconds : Math.ceil(seconds / 60) * 60);
}

function Spinner() {
  return <span class="spinner" role="img" aria-label={t('loading')} />;
}

function Nothing({ asked, besideCaptions }: { asked: Query; besideCaptions: boolean }) {
  if (isBrowsing(asked) && filterCount(asked) === 0 && !besideCaptions) {
    return asked.kind === 'caption' ? <CaptionsEmpty /> : <CollectionEmpty />;
  }
  return <NothingFound asked={asked} besideCaptions={besideCaptions} />;
}

/** Pictures and captions are separate lists: their scores do not compare, see state/fetch-results.ts. */
function CaptionsAbove({ captions }: { captions: readonly CaptionItem[] }) {
  return (
    <section class="captions-above" aria-labelledby="captions-above">
      <header>
        <h2 id="captions-above">{t('results.captions')}</h2>
        <Button look="quiet" label={t('results.allCaptions')} onClick={() => changeQuery({ kind: 'caption' })} />
      </header>
      <ul>
        {captions.map((caption) => (
          <li key={caption.id}>
            <CaptionTile caption={caption} />
          </li>
        ))}
      </ul>
      <h2>{t('view.search')}</h2>
    </section>
  );
}

function Toolbar() {
  const { kind } = query.value;
  return (
    <div class="toolbar">
      <h1 class="toolbar-title">{titleOf()}</h1>
      <UnderstoodChips />
      <ActiveFilters />
      <div class="toolbar-actions">
        <SpokenLanguage />
        {kind === 'image' && !hasCaptions.value ? null : <KindChoice />}
        {kind === 'image' ? <SortField /> : null}
        <FiltersButton />
        {kind === 'caption' ? null : <SelectButton />}
      </div>
    </div>
  );
}

function KindChoice() {
  const kinds = [
    ['image', t('view.search')],
    ['caption', t('results.captions')],
    ['any', t('results.both')],
  ] as const;
  const { kind } = query.value;
  return (
    <Segmented label={t('results.kind')} options={kinds} chosen={kind} choose={(one) => changeQuery({ kind: one })} />
  );
}

/** Orders of pictures, with their labels as a choice. */
const orders = {
  relevance: 'results.best',
  newest: 'results.orderNewest',
  '-taken': 'results.takenLast',
  taken: 'results.takenFirst',
} as const;
const ordersOfList = ['newest', '-taken', 'taken'] as const;
const ordersOfSearch = ['relevance', '-taken', 'taken', 'newest'] as const;

function SortField() {
  const offered = isBrowsing(query.value) ? ordersOfList : ordersOfSearch;
  const [usual] = offered;
  return (
    <Select
      isQuiet
      label={t('results.order')}
      options={offered.map((order) => [order, t(orders[order])])}
      chosen={query.value.sort ?? usual}
      choose={(chosen) => changeQuery({ sort: chosen === usual || chosen === 'relevance' ? undefined : chosen })}
    />
  );
}

function SelectButton() {
  return (
    <Button
      look="quiet"
      icon="select"
      label={t('results.select')}
      aria-pressed={selectionMode.value}
      onClick={() => {
        if (selectionMode.value) clearSelection();
        else selecting.value = true;
      }}
    />
  );
}

function titleOf() {
  const { kind, sort = 'newest' } = query.value;
  if (isBrowsing(query.value)) {
    const count = kind === 'caption' ? t('results.captionsTitle') : undefined;
    return (
      <>
        {t(kind !== 'image' || sort === 'newest' ? 'results.newest' : orders[sort])}{' '}
        <small>{count ?? (pictureCount.value === undefined ? '' : t('pictures', { count: pictureCount.value }))}</small>
      </>
    );
  }
  const found = results.value;
  // Until the response arrives, the shown results belong to the previous query.
  if (found?.query !== query.value || searching.value) return t('results.best');
  if (found.fit === 'poor') return t('results.nothingFits');
  return (
    <>
      {t('results.best')} <small>{countOfFound(found)}</small>
    </>
  );
}

/**
 * What is known about the number of matches: the count of name matches. For matches by meaning there is no cut-off,
 * since they rank every picture, so they are not counted. If the server makes no claim, or they are sorted by date, the
 * total once everything is loaded.
 */
function countOfFound({ next, fit, query: { kind, sort } }: Results): string {
  const items = listedItems.value;
  const hasMore = next !== undefined;
  const isSorted = kind === 'image' && sort !== undefined;
  if (fit === undefined || isSorted) return hasMore || items.length === 0 ? '' : formatCount(items.length);
  const isNamed = (item: Item) => isImage(item) && item.why?.some((reason) => reason !== 'meaning') === true;
  // Name matches come first, or alternate with matches by meaning: two of those in a row mean there are no more.
  const areAllRead = !hasMore || !items.slice(-2).some(isNamed);
  const count = items.filter(isNamed).length;
  return count === 0 || !areAllRead ? '' : t('results.named', { count });
}
