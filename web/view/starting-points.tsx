import { useEffect } from 'preact/hooks';
import { formatMonth } from '../format-values.ts';
import { formatCount, t } from '../i18n/translate.ts';
import { emptyQuery, type Query } from '../route.ts';
import { favouriteTag } from '../state/favourites.ts';
import { firstShown } from '../state/first-pictures.ts';
import { go, urlOf } from '../state/navigation.ts';
import { indexing } from '../state/server-status.ts';
import { onThisDay, refreshStart, type StartFrom, start } from '../state/starting-points.ts';
import { tags } from '../state/suggestions.ts';
import { Icon, type IconName } from './icon.tsx';
import { inPlace } from './link-in-page.ts';

const tagsShown = 8;

interface Beginning {
  readonly icon: IconName;
  readonly label: string;
  readonly count?: number;
  readonly query: Partial<Query>;
}

/**
 * Starting points before a search: days, favourites, months and tags of the collection. Takes one row, also before they
 * load and without any, so that the pictures below do not move: in a frame in which their list grows, the browser does
 * not keep them in place.
 */
export function Start() {
  const isDone = indexing.value === null;
  useEffect(() => {
    if (!firstShown.value) return;
    const controller = new AbortController();
    void refreshStart(controller.signal);
    return () => controller.abort();
  }, [isDone, firstShown.value]);
  const all = start.value === null ? [] : beginnings(start.value);
  if (all.length === 0) return <div class="start" />;
  return (
    <nav class="start" aria-label={t('start.title')}>
      {all.map(({ icon, label, count, query }) => {
        const target = { view: 'search', query: { ...emptyQuery, ...query } } as const;
        return (
          <a key={`${icon} ${label}`} class="option" href={urlOf(target)} onClick={inPlace(() => go(target))}>
            <Icon name={icon} />
            {label}
            {count === undefined ? null : <small>{formatCount(count)}</small>}
          </a>
        );
      })}
    </nav>
  );
}

function beginnings({ months, onThisDay: count }: StartFrom): Beginning[] {
  const favourites = tags.value.find(({ tag }) => tag === favouriteTag);
  const others = tags.value.filter(({ tag }) => tag !== favouriteTag).slice(0, tagsShown);
  const all: (Beginning | false | undefined)[] = [
    count > 0 && { icon: 'undo', label: t('start.onThisDay'), count, query: { filter: onThisDay(), sort: '-taken' } },
    favourites && {
      icon: 'heart',
      label: t('favourite.all'),
      count: favourites.count,
      query: { filter: { tagsAll: [favouriteTag] } },
    },
    months.length > 0 && { icon: 'calendar', label: t('start.byDate'), query: { sort: '-taken' } },
    // There is only one month.
    ...(months.length > 1 ? months : []).map(
      ({ value, count }): Beginning => ({
        icon: 'calendar',
        label: formatMonth(value),
        count,
        query: { filter: { month: value }, sort: '-taken' },
      }),
    ),
    ...others.map(
      ({ tag, count }): Beginning => ({ icon: 'tag', label: tag, count, query: { filter: { tagsAll: [tag] } } }),
    ),
  ];
  return all.filter((one): one is Beginning => typeof one === 'object');
}
