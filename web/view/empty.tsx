import { t } from '../i18n/translate.ts';
import { filterCount, hasPictureFilter, type Query } from '../route.ts';
import { changeQuery } from '../state/navigation.ts';
import { serverStatus } from '../state/server-status.ts';
import { Button } from './button.tsx';
import { Icon } from './icon.tsx';
import { Marked } from './inline-markup.tsx';
import { Outage } from './outage.tsx';

/** First start: there are no pictures, or none indexed yet. */
export function CollectionEmpty() {
  const waiting = serverStatus.value?.backlog ?? 0;
  if (waiting > 0) {
    return (
      <section class="empty">
        <Icon name="picture" />
        <h2>{t('empty.looking', { count: waiting })}</h2>
        <p>{t('empty.lookingDetail')}</p>
        <Outage />
      </section>
    );
  }
  return (
    <section class="empty">
      <Icon name="picture" />
      <h2>{t('noPictures')}</h2>
      <p>{t('empty.detail')}</p>
      <ol class="steps">
        <li>
          <Marked text={t('empty.add')} />
        </li>
        <li>
          <Marked text={t('empty.describe')} />
        </li>
        <li>
          <Marked text={t('empty.refine')} />
        </li>
      </ol>
    </section>
  );
}

export function CaptionsEmpty() {
  return (
    <section class="empty">
      <Icon name="text" />
      <h2>{t('empty.captions')}</h2>
      <p>
        <Marked text={t('empty.captionsDetail')} />
      </p>
      <Button label={t('empty.showPictures')} onClick={() => changeQuery({ kind: 'image' })} />
    </section>
  );
}

/** The query or the filters match nothing. */
export function NothingFound({ asked, besideCaptions }: { asked: Query; besideCaptions: boolean }) {
  const filters = filterCount(asked);
  const ofCaptions = asked.kind === 'caption';
  return (
    <section class="empty">
      <Icon name="search" />
      <h2>{t(ofCaptions ? 'empty.noCaptionsFit' : besideCaptions ? 'empty.noPicturesFit' : 'empty.nothingFits')}</h2>
      {filters > 0 ? (
        <>
          <p>
            {t('empty.filters')} {ofCaptions && hasPictureFilter(asked.filter) ? t('empty.captionFilters') : ''}
          </p>
          <Button label={t('do.clearFilters')} onClick={() => changeQuery({ filter: {}, minScore: undefined })} />
        </>
      ) : (
        <>
          <p>{t(ofCaptions ? 'empty.captionsNone' : 'empty.picturesNone')}</p>
          {ofCaptions ? (
            <Button label={t('empty.searchPictures')} onClick={() => changeQuery({ kind: 'image' })} />
          ) : null}
        </>
      )}
    </section>
  );
}
