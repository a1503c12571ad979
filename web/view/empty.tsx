import { countOf } from '../format.ts';
import { filterCount, hasPictureFilter, type Query } from '../route.ts';
import { changeQuery } from '../state/navigation.ts';
import { serverStatus } from '../state/server-status.ts';
import { Icon } from './icon.tsx';

/** The first start without pictures, or with pictures that are still to be looked at. */
export function CollectionEmpty() {
  const waiting = serverStatus.value?.backlog ?? 0;
  if (waiting > 0) {
    return (
      <section class="empty">
        <Icon name="picture" />
        <h2>Looking at {countOf(waiting, 'picture')}</h2>
        <p>They appear here by themselves, the first ones in a moment.</p>
      </section>
    );
  }
  return (
    <section class="empty">
      <Icon name="picture" />
      <h2>No pictures yet</h2>
      <p>
        Drop pictures or a folder anywhere on this page, or copy them into the folder that the server watches. Each can
        be found a moment later.
      </p>
      <ol class="steps">
        <li>
          <strong>Add</strong> JPEG, PNG, WebP, GIF, AVIF or TIFF files.
        </li>
        <li>
          <strong>Describe</strong> what you look for, such as “a dog on the beach”. Nobody has to tag anything.
        </li>
        <li>
          <strong>Refine</strong> with a picture: more like this, less like that.
        </li>
      </ol>
    </section>
  );
}

export function CaptionsEmpty() {
  return (
    <section class="empty">
      <Icon name="text" />
      <h2>No captions yet</h2>
      <p>
        Captions are texts that pictures find: open a picture, or drop one on this page, to see which fit. They come in
        through the API, <code>POST /captions</code>.
      </p>
      <button type="button" class="button" onClick={() => changeQuery({ kind: 'image' })}>
        Show pictures
      </button>
    </section>
  );
}

/** A query or filters that leave nothing over. */
export function NothingFound({ asked, besideCaptions }: { asked: Query; besideCaptions: boolean }) {
  const filters = filterCount(asked);
  const ofCaptions = asked.kind === 'caption';
  return (
    <section class="empty">
      <Icon name="search" />
      <h2>{ofCaptions ? 'No captions fit' : besideCaptions ? 'No pictures fit' : 'Nothing fits'}</h2>
      {filters > 0 ? (
        <>
          <p>
            The filters leave nothing over.
            {ofCaptions && hasPictureFilter(asked.filter)
              ? ' Captions have tags, but no shape, type, size or date.'
              : ''}
          </p>
          <button type="button" class="button" onClick={() => changeQuery({ filter: {}, minScore: undefined })}>
            Clear filters
          </button>
        </>
      ) : (
        <>
          <p>
            {ofCaptions
              ? 'The collection holds no captions. They come in through the API, POST /captions.'
              : 'The collection holds no pictures yet. Drop some on this page.'}
          </p>
          {ofCaptions ? (
            <button type="button" class="button" onClick={() => changeQuery({ kind: 'image' })}>
              Search pictures
            </button>
          ) : null}
        </>
      )}
    </section>
  );
}
