import { filterCount, type Query } from '../place.ts';
import { changeQuery } from '../state/navigation.ts';
import { Icon } from './icon.tsx';

/** The first start without pictures. */
export function CollectionEmpty() {
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

export function NothingFound({ asked }: { asked: Query }) {
  const filters = filterCount(asked);
  return (
    <section class="empty">
      <Icon name="search" />
      <h2>{asked.kind === 'caption' ? 'No captions fit' : 'Nothing fits'}</h2>
      {filters > 0 ? (
        <>
          <p>The filters leave nothing over.</p>
          <button type="button" class="button" onClick={() => changeQuery({ filter: {}, minScore: undefined })}>
            Clear filters
          </button>
        </>
      ) : (
        <p>
          {asked.kind === 'caption'
            ? 'The collection holds no captions. They are added through the API, POST /captions.'
            : 'The collection holds nothing of this kind yet.'}
        </p>
      )}
    </section>
  );
}
