import { t } from '../i18n/translate.ts';
import { serverStatus } from '../state/server-status.ts';

/** Progress of a model change in the background, and what it is waiting for. */
export function ModelChange() {
  const change = serverStatus.value?.change ?? null;
  if (change === null) return null;
  const { profile, done, total, partial, problem } = change;
  return (
    <section class="indexing" aria-label={t('change.title')}>
      <p>
        {total === null ? t('change.begins', { profile }) : t('change.done', { profile, done, total })}{' '}
        {t(partial ? 'change.partial' : 'change.before')}
      </p>
      {problem === null ? null : <p>{t('status.waitsFor', { problem })}</p>}
      {total === null ? null : <progress max={Math.max(1, total)} value={done} aria-label={t('change.title')} />}
    </section>
  );
}
