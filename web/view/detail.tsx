import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Filter, ImageItem } from '../client.ts';
import { explain } from '../explain-error.ts';
import {
  formatAge,
  formatBytes,
  formatDate,
  formatExposure,
  formatNumber,
  formatScore,
  formatTaken,
  formatType,
  nameOf,
  offsetOf,
} from '../format-values.ts';
import { t } from '../i18n/translate.ts';
import { emptyQuery } from '../route.ts';
import { copyLink, deletePictures, lessLike, moreLike } from '../state/actions.ts';
import { copyPaths, pathOf } from '../state/download.ts';
import { isFavourite, toggleFavourite } from '../state/favourites.ts';
import { changeQuery, closePhoto, openPhoto, route } from '../state/navigation.ts';
import { captions, neighbours, photo, photoFault, placeInList, step } from '../state/open-picture.ts';
import { copiesOf } from '../state/results.ts';
import { isInBucket, isReadOnly } from '../state/server-status.ts';
import { contentUrl } from '../state/server-urls.ts';
import { Button } from './button.tsx';
import { Icon, IconButton } from './icon.tsx';
import { SmallPicture } from './small-picture.tsx';
import { TagEditor } from './tag-editor.tsx';
import { describe, smallVersion } from './tile.tsx';
import { isTyping } from './use-shortcut.ts';
import { ZoomablePicture } from './zoom.tsx';

/** One picture, large, on top of the results. */
export function Detail() {
  const id = route.value.photo;
  return id === undefined ? null : <OpenDetail />;
}

function OpenDetail() {
  const dialog = useRef<HTMLDialogElement>(null);
  useModal(dialog);
  const image = photo.value;
  return (
    <dialog
      ref={dialog}
      class="detail"
      tabIndex={-1}
      aria-label={image ? describe(image) : t('detail.picture')}
      onCancel={(event) => {
        event.preventDefault();
        closePhoto();
      }}
      onKeyDown={onKeyDown}
    >
      <div class="detail-picture">
        {image ? <ZoomablePicture image={image} /> : null}
        {photoFault.value && !image ? <Missing /> : null}
        <IconButton
          icon="close"
          class="icon-button detail-close"
          label={t('do.close')}
          title={t('detail.closeTitle')}
          onClick={closePhoto}
        />
        <Neighbouring />
      </div>
      {image ? <About image={image} /> : null}
    </dialog>
  );
}

/** Opens the dialog; on closing, the tile of the last picture shown gets the focus. */
function useModal(dialog: { current: HTMLDialogElement | null }): void {
  const last = useRef<string>(undefined);
  last.current = route.value.photo ?? last.current;
  useEffect(() => {
    const before = document.activeElement;
    dialog.current!.showModal();
    // The picture comes first: no button shows a focus ring until the keyboard is used.
    dialog.current!.focus();
    return () => {
      const tile = document.querySelector<HTMLElement>(`.tile-main[data-photo="${last.current}"]`);
      (tile ?? (before as HTMLElement | null))?.focus({ preventScroll: true });
    };
  }, []);
}

function onKeyDown(event: KeyboardEvent): void {
  if (isTyping(event)) return;
  if (event.key === 'ArrowRight') void step(1);
  else if (event.key === 'ArrowLeft') void step(-1);
  else if (event.key === 'Delete' && photo.value) void deletePictures([photo.value.id]);
  else if (event.key === 'f' && photo.value && !event.ctrlKey && !event.metaKey) void toggleFavourite(photo.value);
  else return;
  event.preventDefault();
}

/** Previous and next buttons, and the picture's number in the results. */
function Neighbouring() {
  const place = placeInList.value;
  if (place === null) return null;
  return (
    <>
      {place.hasPrevious ? (
        <IconButton
          icon="left"
          class="icon-button detail-left"
          label={t('detail.previous')}
          title={t('detail.previousTitle')}
          onClick={() => void step(-1)}
        />
      ) : null}
      {place.count === undefined ? null : (
        <p class="detail-position">{t('number.of', { done: place.number, all: place.count })}</p>
      )}
      {place.hasNext ? (
        <IconButton
          icon="right"
          class="icon-button detail-right"
          label={t('detail.next')}
          title={t('detail.nextTitle')}
          onClick={() => void step(1)}
        />
      ) : null}
    </>
  );
}

function Missing() {
  const { title, advice } = explain(photoFault.value);
  return (
    <div class="detail-missing">
      <h2>{title}</h2>
      <p>{advice}</p>
      <Button label={t('detail.back')} onClick={closePhoto} />
    </div>
  );
}

function About({ image }: { image: ImageItem }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and Safari focuses no scroller (WCAG 2.1.1)
    <section class="detail-facts" tabIndex={0} aria-label={t('detail.about')}>
      <Head image={image} />
      <div class="detail-actions">
        <Button look="primary" icon="plus" label={t('do.moreLikeThis')} onClick={() => moreLike(image.id)} />
        <Button icon="minus" label={t('detail.less')} onClick={() => lessLike(image.id)} />
      </div>
      <Facts image={image} />
      <TagEditor key={image.id} image={image} />
      <Captions />
      <Neighbours />
    </section>
  );
}

/** The picture's name and the actions on its file. */
function Head({ image }: { image: ImageItem }) {
  const name = nameOf(image.key);
  return (
    <header class="detail-head">
      <h2>{name}</h2>
      <IconButton
        icon="heart"
        class="icon-button detail-heart"
        aria-pressed={isFavourite(image)}
        label={t('favourite.title')}
        title={t('favourite.keyTitle')}
        onClick={() => void toggleFavourite(image)}
      />
      {pathOf(image) === undefined ? null : (
        <IconButton
          icon="copy"
          label={t('detail.copyPath')}
          title={t('detail.copyPath')}
          onClick={() => void copyPaths([image])}
        />
      )}
      <IconButton
        icon="link"
        label={t('detail.copyLink')}
        title={t('detail.copyLink')}
        onClick={() => void copyLink()}
      />
      <a
        class="icon-button"
        href={contentUrl(image.id)}
        download={name}
        aria-label={t('do.download')}
        title={t('do.download')}
      >
        <Icon name="download" />
      </a>
      {isReadOnly.value ? null : (
        <IconButton
          icon="trash"
          label={t('detail.delete')}
          title={t('detail.deleteTitle')}
          onClick={() => void deletePictures([image.id])}
        />
      )}
    </header>
  );
}

function Facts({ image }: { image: ImageItem }) {
  const { folder, camera, lens, width, height } = image;
  return (
    <dl class="facts">
      <Seen words={image.seen} />
      <Taken image={image} />
      {camera && <FilterFact name={t('filter.camera')} value={camera} filter={{ camera }} />}
      {lens && <FilterFact name={t('detail.lens')} value={lens} filter={{ lens }} />}
      <Exposure image={image} />
      <Place image={image} />
      {folder && <FilterFact name={t('filter.folder')} value={folder} filter={{ folder }} />}
      {isInBucket.value ? (
        <>
          <Fact name={t('detail.bucket')}>{image.bucket}</Fact>
          <Fact name={t('detail.key')}>{image.key}</Fact>
        </>
      ) : null}
      <Fact name={t('detail.size')}>
        {width} × {height}, {formatBytes(image.bytes)}, {formatType(image.contentType)}
      </Fact>
      <Copies image={image} />
      <Fact name={t('detail.added')} title={formatDate(image.indexedAt)}>
        {formatAge(image.indexedAt)}
      </Fact>
      {image.score === undefined ? null : <Fact name={t('detail.score')}>{formatScore(image.score)}</Fact>}
    </dl>
  );
}

/** Guesses at the content, in English; each one links to a search. */
function Seen({ words }: { words: readonly string[] }) {
  if (words.length === 0) return null;
  return (
    <Fact name={t('picture.seen')}>
      {words.map((word, i) => (
        <span key={word} lang="en">
          {i === 0 ? '' : ', '}
          <button type="button" class="link" onClick={() => changeQuery({ ...emptyQuery, text: word })}>
            {word}
          </button>
        </span>
      ))}
    </Fact>
  );
}

function Taken({ image: { takenAt, takenFrom } }: { image: ImageItem }) {
  if (takenAt === null) return null;
  const more = [offsetOf(takenAt), takenFrom && t(`taken.${takenFrom}`)].filter(Boolean);
  return (
    // A file's modification time is only a guess at when the picture was taken.
    <Fact name={t(takenFrom === 'file' ? 'detail.fileDate' : 'detail.taken')}>
      {formatTaken(takenAt)} <small>{more.join(', ')}</small>
    </Fact>
  );
}

function Exposure({ image: { exposureTime, aperture, iso, focalLength } }: { image: ImageItem }) {
  const parts = [
    exposureTime === null ? undefined : formatExposure(exposureTime),
    aperture === null ? undefined : `f/${formatNumber(aperture)}`,
    iso === null ? undefined : `ISO ${formatNumber(iso)}`,
    focalLength === null ? undefined : `${formatNumber(focalLength)} mm`,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? null : <Fact name={t('detail.exposure')}>{parts.join(', ')}</Fact>;
}

/** The location is sent to the map service only if the user follows the link. */
function Place({ image: { latitude, longitude } }: { image: ImageItem }) {
  if (latitude === null || longitude === null) return null;
  const at = `mlat=${latitude}&mlon=${longitude}#map=15/${latitude}/${longitude}`;
  return (
    <Fact name={t('detail.place')}>
      <a
        href={`https://www.openstreetmap.org/?${at}`}
        target="_blank"
        rel="noreferrer noopener"
        title={t('detail.placeTitle')}
      >
        {formatNumber(latitude, 5)}, {formatNumber(longitude, 5)}
      </a>
    </Fact>
  );
}

/** The locations of the copies that the picture represents. */
function Copies({ image: { id } }: { image: ImageItem }) {
  const copies = copiesOf.value.get(id);
  if (!copies) return null;
  return (
    <Fact name={t('view.copies')}>
      {copies.map((copy) => (
        <div key={copy.id}>
          <button type="button" class="link" onClick={() => openPhoto(copy.id)}>
            {copy.key}
          </button>
        </div>
      ))}
    </Fact>
  );
}

/** A fact that links to all pictures that share it. */
function FilterFact({ name, value, filter }: { name: string; value: string; filter: Filter }) {
  return (
    <Fact name={name}>
      <button type="button" class="link" onClick={() => changeQuery({ ...emptyQuery, filter })}>
        {value}
      </button>
    </Fact>
  );
}

function Fact({ name, title, children }: { name: string; title?: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd title={title}>{children}</dd>
    </div>
  );
}

function Captions() {
  if (captions.value.length === 0) return null;
  return (
    <section aria-label={t('results.captions')}>
      <h3>{t('detail.captionsTitle')}</h3>
      <ul class="caption-list">
        {captions.value.map(({ id, caption, score }) => (
          <li key={id}>
            <button type="button" title={t('tile.caption')} onClick={() => changeQuery({ text: caption, chips: [] })}>
              {caption}
            </button>
            {score === undefined ? null : <small>{formatScore(score)}</small>}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Neighbours() {
  if (neighbours.value.length === 0) return null;
  return (
    <section aria-label={t('detail.similar')}>
      <h3>{t('detail.similarTitle')}</h3>
      <ul class="neighbours">
        {neighbours.value.map((image) => (
          <li key={image.id}>
            <button
              type="button"
              aria-label={t('detail.show', { name: describe(image) })}
              onClick={() => openPhoto(image.id)}
            >
              <SmallPicture src={smallVersion(image, 128)} />
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
