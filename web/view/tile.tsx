import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { CaptionItem, ImageItem } from '../client.ts';
import { formatDay, formatScore, nameOf } from '../format-values.ts';
import { t } from '../i18n/translate.ts';
import { lessLike, moreLike } from '../state/actions.ts';
import { isFavourite, toggleFavourite } from '../state/favourites.ts';
import { recoveries } from '../state/live-updates.ts';
import { changeQuery, openPhoto, route, urlOf } from '../state/navigation.ts';
import { copiesOf, isOpenStack, toggleStack } from '../state/results.ts';
import { flying } from '../state/scroll.ts';
import { selected, selectionMode, toggle } from '../state/selection.ts';
import { thumbnailUrl } from '../state/server-urls.ts';
import { Icon, IconButton } from './icon.tsx';

/** Thumbnail sizes to request: few, so that the server makes and keeps few versions. */
const sizes = [256, 384, 512, 768, 1024] as const;

/** Thumbnail URL whose longer edge suits `edge` CSS pixels on this screen. */
export function smallVersion({ id }: ImageItem, edge: number): string {
  const wanted = edge * Math.min(2, devicePixelRatio || 1);
  return thumbnailUrl(id, sizes.find((one) => one >= wanted * 0.9) ?? sizes.at(-1)!);
}

/** Text label of a picture: its name says more than its id. */
export function describe(image: ImageItem): string {
  return nameOf(image.key)
    .replace(/\.\w+$/, '')
    .replaceAll(/[-_]+/g, ' ');
}

export function PictureTile({ image, edge }: { image: ImageItem; edge: number }) {
  const isSelected = selected.value.has(image.id);
  const name = describe(image);
  const { thumbnail, isLoading } = useThumbnail(image, edge);
  const open = (event: MouseEvent) => {
    const adds = event.ctrlKey || event.metaKey;
    if (event.button !== 0 && !adds) return;
    event.preventDefault();
    if (selectionMode.value || event.shiftKey || adds) toggle(image.id, event.shiftKey);
    else openPhoto(image.id);
  };
  return (
    <div class={isSelected ? 'tile tile-selected' : 'tile'}>
      <a
        class="tile-main"
        href={urlOf({ ...route.value, photo: image.id })}
        onClick={open}
        data-photo={image.id}
        aria-busy={isLoading}
      >
        {thumbnail}
        <Spoken image={image} name={name} />
      </a>
      <IconButton
        class="tile-check"
        icon="check"
        aria-pressed={isSelected}
        label={t('tile.select', { name })}
        onClick={(event) => toggle(image.id, event.shiftKey)}
      />
      <FavouriteMark image={image} name={name} />
      <CopiesMark id={image.id} name={name} />
      <Why image={image} />
      <TileBar image={image} name={name} />
    </div>
  );
}

/** The score of a picture, and what to search for next by it. */
function TileBar({ image, name }: { image: ImageItem; name: string }) {
  return (
    <div class="tile-bar">
      <span class="tile-score" aria-hidden="true">
        {image.score === undefined ? '' : formatScore(image.score)}
      </span>
      <IconButton
        class="tile-button"
        icon="plus"
        label={t('tile.more', { name })}
        title={t('do.moreLikeThis')}
        onClick={() => moreLike(image.id)}
      />
      <IconButton
        class="tile-button"
        icon="minus"
        label={t('tile.less', { name })}
        title={t('do.lessLikeThis')}
        onClick={() => lessLike(image.id)}
      />
    </div>
  );
}

/** Alt text of a picture. Always in English, whatever the language of the page. */
function Spoken({ image: { seen, takenAt }, name }: { image: ImageItem; name: string }) {
  return (
    <span class="visually-hidden">
      {seen.length === 0 ? null : (
        <>
          {t('picture.seen')} <span lang="en">{seen.join(', ')}</span>,{' '}
        </>
      )}
      {name}
      {takenAt === null ? null : `, ${formatDay(takenAt)}`}
    </span>
  );
}

/** The fields that contain query words, such as name or tags; nothing if the picture only matches by meaning. */
function Why({ image: { why = [] } }: { image: ImageItem }) {
  const names = why.filter((reason) => reason !== 'meaning');
  return names.length === 0 ? null : <small class="tile-why">{names.map((name) => t(`why.${name}`)).join(', ')}</small>;
}

function FavouriteMark({ image, name }: { image: ImageItem; name: string }) {
  return (
    <IconButton
      class="tile-heart"
      icon="heart"
      aria-pressed={isFavourite(image)}
      label={t('favourite.tile', { name })}
      title={t('favourite.title')}
      onClick={() => void toggleFavourite(image)}
    />
  );
}

/** Number of copies the picture represents; opens their stack. */
function CopiesMark({ id, name }: { id: string; name: string }) {
  const copies = copiesOf.value.get(id);
  if (!copies) return null;
  const count = copies.length + 1;
  return (
    <button
      type="button"
      class="tile-copies"
      aria-expanded={isOpenStack(id)}
      aria-label={t('tile.copies', { count, name })}
      title={t('tile.copiesTitle')}
      onClick={() => toggleStack(id)}
    >
      <Icon name="copy" />
      {t('copies', { count })}
    </button>
  );
}

/** Delays before a failed picture is requested again: a restarting server takes seconds. */
const retryMs = [1500, 6000, 20_000];

/**
 * A thumbnail, or what says that there is none. Not requested while scrolling fast: flicking past a thousand pictures
 * loads few.
 */
function useThumbnail(image: ImageItem, edge: number): { thumbnail: JSX.Element | false; isLoading: boolean } {
  const [state, setState] = useState<'waiting' | 'pausing' | 'shown' | 'failed'>('waiting');
  const wanted = useRef(false);
  const attempts = useRef(0);
  wanted.current ||= !flying.value;
  const recovered = recoveries.value;
  useEffect(() => {
    attempts.current = 0;
    setState((before) => (before === 'failed' ? 'waiting' : before));
  }, [recovered]);
  useEffect(() => {
    if (state !== 'pausing') return;
    const timer = setTimeout(() => setState('waiting'), retryMs[attempts.current++]);
    return () => clearTimeout(timer);
  }, [state]);
  if (state === 'failed') {
    const thumbnail = (
      <span class="tile-missing">
        <Icon name="alert" />
        {t('tile.missing')}
        <small>{nameOf(image.key)}</small>
      </span>
    );
    return { thumbnail, isLoading: false };
  }
  // Without an address there is no element: taking the address away leaves an empty one, which fails once more.
  const thumbnail = wanted.current && state !== 'pausing' && (
    <img
      class={state === 'shown' ? 'shown' : ''}
      src={smallVersion(image, edge)}
      alt=""
      decoding="async"
      draggable={false}
      onLoad={() => setState('shown')}
      onError={() => setState(attempts.current < retryMs.length ? 'pausing' : 'failed')}
    />
  );
  return { thumbnail, isLoading: state !== 'shown' };
}

export function CaptionTile({ caption }: { caption: CaptionItem }) {
  return (
    <button
      type="button"
      class="caption-tile tile-main"
      title={t('tile.caption')}
      onClick={() => changeQuery({ text: caption.caption, chips: [], kind: 'image' })}
    >
      <span>{caption.caption}</span>
      {caption.score === undefined ? null : <small>{formatScore(caption.score)}</small>}
    </button>
  );
}
