import { COLOURS } from '../../core/picture/colour-names.ts';
import type { FacetCount } from '../client.ts';
import { formatBytes, formatDay, formatDayOfYear, formatMonth, formatScore, formatType } from '../format-values.ts';
import { formatCount, t } from '../i18n/translate.ts';
import { emptyQuery, filterCount, isBrowsing, type Query } from '../route.ts';
import { facets, refreshFacets } from '../state/facets.ts';
import { favouriteTag } from '../state/favourites.ts';
import { changeQuery, query } from '../state/navigation.ts';
import { folders } from '../state/server-status.ts';
import { tags } from '../state/suggestions.ts';
import { Button } from './button.tsx';
import { Icon } from './icon.tsx';
import { Select } from './select.tsx';

const shapes = ['landscape', 'portrait', 'square'] as const;
const sizes: readonly (readonly [min?: number, max?: number])[] = [
  [],
  [undefined, 500_000],
  [500_000, 5_000_000],
  [5_000_000],
];
const maxTagsShown = 40;

export function changeFilter(change: Partial<Query['filter']>): void {
  const filter = Object.fromEntries(
    Object.entries({ ...query.value.filter, ...change }).filter(
      ([, value]) => value !== undefined && value !== '' && !(Array.isArray(value) && value.length === 0),
    ),
  );
  changeQuery({ filter });
}

function without(list: readonly string[] | undefined, one: string): string[] {
  return (list ?? []).filter((item) => item !== one);
}

export function FiltersButton() {
  const count = filterCount(query.value);
  return (
    <>
      <button type="button" class="button button-quiet" popovertarget="filters">
        <Icon name="filter" />
        <span>{t('filter.title')}</span>
        {count === 0 ? null : <span class="badge">{count}</span>}
      </button>
      <div
        id="filters"
        popover="auto"
        class="popover filters"
        role="dialog"
        aria-label={t('filter.title')}
        onToggle={(event) => event.newState === 'open' && void refreshFacets()}
      >
        <FiltersPanel />
      </div>
    </>
  );
}

function FiltersPanel() {
  const { kind, minScore } = query.value;
  return (
    <>
      <TagChoices />
      {kind === 'caption' ? <p class="hint">{t('filter.captions')}</p> : <PictureFilters />}
      {isBrowsing(query.value) ? null : (
        <label class="slider">
          <span>{t('filter.score')}</span>
          <input
            type="range"
            min={-0.05}
            max={0.8}
            step={0.05}
            value={minScore ?? -0.05}
            onChange={(event) => {
              const value = event.currentTarget.valueAsNumber;
              changeQuery({ minScore: value < 0 ? undefined : value });
            }}
          />
          <output>{minScore === undefined ? t('filter.scoreAny') : formatScore(minScore)}</output>
        </label>
      )}
      <Button
        look="quiet"
        label={t('do.clearFilters')}
        disabled={filterCount(query.value) === 0}
        onClick={() => changeQuery({ filter: emptyQuery.filter, minScore: undefined })}
      />
    </>
  );
}

function PictureFilters() {
  const { orientation, colours = [], takenAfter, takenBefore } = query.value.filter;
  return (
    <>
      <Choices
        title={t('filter.shape')}
        options={shapes.map((shape) => ({ value: shape, label: t(`filter.${shape}`) }))}
        chosen={orientation === undefined ? [] : [orientation]}
        choose={(shape, on) => changeFilter({ orientation: on ? shape : undefined })}
      />
      <Choices
        title={t('filter.colour')}
        options={COLOURS.map((colour) => ({ value: colour, label: t(`colour.${colour}`) }))}
        chosen={colours}
        choose={(colour, on) =>
          changeFilter({ colours: COLOURS.filter((one) => (one === colour ? on : colours.includes(one))) })
        }
      />
      <TypeChoices />
      <div class="field-row">
        <LibraryField />
        <FacetField name="folder" values={facets.value.folder} />
        <FacetField name="camera" values={facets.value.camera} />
        <SizeField />
      </div>
      <div class="field-row">
        <DateField label={t('filter.takenFrom')} value={takenAfter} set={(day) => changeFilter({ takenAfter: day })} />
        <DateField
          label={t('filter.takenUntil')}
          value={takenBefore}
          set={(day) => changeFilter({ takenBefore: day })}
        />
      </div>
    </>
  );
}

/** Picture types in the collection; hidden if there is only one. */
function TypeChoices() {
  const chosen = query.value.filter.contentTypes ?? [];
  const counts = new Map(facets.value.contentType.map(({ value, count }) => [value, count]));
  const types = [...new Set([...chosen, ...counts.keys()])].sort();
  if (types.length < 2 && chosen.length === 0) return null;
  return (
    <Choices
      title={t('filter.type')}
      options={types.map((type) => ({ value: type, label: formatType(type), count: counts.get(type) }))}
      chosen={chosen}
      choose={(type, on) => changeFilter({ contentTypes: on ? [...chosen, type] : without(chosen, type) })}
    />
  );
}

/** Selects one of several folders served together. */
function LibraryField() {
  const chosen = query.value.filter.bucket ?? '';
  if (folders.value.length < 2 && chosen === '') return null;
  const options = folders.value.map(({ name, pictures }) => [name, `${name} (${formatCount(pictures)})`] as const);
  return (
    <Select
      label={t('filter.library')}
      options={[['', t('filter.libraryAny')], ...options]}
      chosen={chosen}
      choose={(bucket) => changeFilter({ bucket })}
    />
  );
}

interface FacetFieldProps {
  readonly name: 'folder' | 'camera';
  readonly values: readonly FacetCount[];
}

/** Selects one of the values in the collection; hidden if there is only one. */
function FacetField({ name, values }: FacetFieldProps) {
  const chosen = query.value.filter[name] ?? '';
  const isListed = chosen === '' || values.some(({ value }) => value === chosen);
  const known = values.map(({ value, count }) => [value, `${value} (${formatCount(count)})`] as const);
  const options = isListed ? known : [[chosen, chosen] as const, ...known];
  if (options.length === 0) return null;
  return (
    <Select
      label={t(`filter.${name}`)}
      options={[['', t(`filter.${name}Any`)], ...options]}
      chosen={chosen}
      choose={(value) => changeFilter({ [name]: value })}
    />
  );
}

function SizeField() {
  const { minBytes, maxBytes } = query.value.filter;
  const chosen = sizes.findIndex(([min, max]) => min === minBytes && max === maxBytes);
  return (
    <Select
      label={t('filter.size')}
      options={sizes.map(([min, max], i) => [String(i), sizeOption(min, max)])}
      chosen={String(Math.max(0, chosen))}
      choose={(which) => {
        const [min, max] = sizes[Number(which)]!;
        changeFilter({ minBytes: min, maxBytes: max });
      }}
    />
  );
}

function TagChoices() {
  const chosen = query.value.filter.tagsAll ?? [];
  const known = tags.value.slice(0, maxTagsShown);
  const all = [
    ...chosen.filter((tag) => !known.some((one) => one.tag === tag)).map((tag) => ({ tag, count: undefined })),
    ...known,
  ];
  return (
    <Choices
      title={t('filter.tags')}
      options={all.map(({ tag, count }) => ({ value: tag, label: tagLabel(tag), count }))}
      none={t('filter.tagsNone')}
      chosen={chosen}
      choose={(tag, on) => changeFilter({ tagsAll: on ? [...chosen, tag] : without(chosen, tag) })}
    />
  );
}

function tagLabel(tag: string): string {
  return tag === favouriteTag ? t('favourite.all') : tag;
}

interface ChoicesProps<V extends string> {
  readonly title: string;
  readonly options: readonly { readonly value: V; readonly label: string; readonly count?: number }[];
  /** Message if there are no options. */
  readonly none?: string;
  readonly chosen: readonly V[];
  readonly choose: (value: V, on: boolean) => void;
}

/** Toggle buttons for the values of a filter. */
function Choices<V extends string>({ title, options, none, chosen, choose }: ChoicesProps<V>) {
  return (
    <fieldset>
      <legend>{title}</legend>
      {none && options.length === 0 ? <p class="hint">{none}</p> : null}
      <div class="options">
        {options.map(({ value, label, count }) => {
          const isChosen = chosen.includes(value);
          return (
            <button
              key={value}
              type="button"
              class="option"
              aria-pressed={isChosen}
              onClick={() => choose(value, !isChosen)}
            >
              {label}
              {count === undefined ? null : <small>{formatCount(count)}</small>}
            </button>
          );
        })}
      </div>
    </fieldset>
  );
}

function DateField({ label, value, set }: { label: string; value?: string; set: (value?: string) => void }) {
  return (
    <label class="field">
      <span>{label}</span>
      <input
        type="date"
        value={value?.slice(0, 10) ?? ''}
        onChange={(event) => set(event.currentTarget.value || undefined)}
      />
    </label>
  );
}

/** Active filters; a click removes one. */
export function ActiveFilters() {
  const active = activeFilters(query.value);
  if (active.length === 0) return null;
  return (
    <ul class="active-filters" aria-label={t('filter.active')}>
      {active.map(([label, clear]) => (
        <li key={label}>
          <button type="button" class="option" aria-label={t('filter.remove', { label })} onClick={clear}>
            {label}
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  );
}

/** Active filters, with labels and functions that remove them. */
function activeFilters({ filter, minScore }: Query): (readonly [label: string, clear: () => void])[] {
  const {
    tagsAll = [],
    contentTypes = [],
    colours = [],
    orientation,
    takenAfter,
    takenBefore,
    bucket,
    folder,
    camera,
    lens,
    month,
    dayOfYear,
    minBytes,
    maxBytes,
  } = filter;
  const hasSize = minBytes !== undefined || maxBytes !== undefined;
  const set: readonly (readonly [string | undefined, Partial<Query['filter']>])[] = [
    ...tagsAll.map((tag) => {
      const label = tag === favouriteTag ? tagLabel(tag) : `#${tag}`;
      return [label, { tagsAll: without(tagsAll, tag) }] as const;
    }),
    ...colours.map((colour) => {
      return [t(`colour.${colour}`), { colours: colours.filter((one) => one !== colour) }] as const;
    }),
    ...contentTypes.map((type) => [formatType(type), { contentTypes: without(contentTypes, type) }] as const),
    [orientation && t(`filter.${orientation}`), { orientation: undefined }],
    [bucket && t('filter.libraryFrom', { library: bucket }), { bucket: undefined }],
    [folder && t('filter.folderIn', { folder }), { folder: undefined }],
    [camera, { camera: undefined }],
    [lens, { lens: undefined }],
    [month && formatMonth(month), { month: undefined }],
    [dayOfYear && formatDayOfYear(dayOfYear), { dayOfYear: undefined }],
    [hasSize ? sizeOption(minBytes, maxBytes) : undefined, { minBytes: undefined, maxBytes: undefined }],
    [takenAfter && t('filter.from', { day: formatDay(takenAfter) }), { takenAfter: undefined }],
    [takenBefore && t('filter.until', { day: formatDay(takenBefore) }), { takenBefore: undefined }],
  ];
  const active = set.flatMap(([label, rest]) =>
    label === undefined ? [] : [[label, () => changeFilter(rest)] as const],
  );
  if (minScore === undefined) return active;
  const label = t('filter.scoreSet', { score: formatScore(minScore) });
  return [...active, [label, () => changeQuery({ minScore: undefined })]];
}

function sizeOption(min?: number, max?: number): string {
  if (max === undefined)
    return min === undefined ? t('filter.sizeAny') : t('filter.sizeFrom', { least: formatBytes(min) });
  const most = formatBytes(max);
  return min === undefined
    ? t('filter.sizeUpTo', { most })
    : t('filter.sizeBetween', { least: formatBytes(min), most });
}
