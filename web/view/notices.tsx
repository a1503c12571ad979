import { t } from '../i18n/translate.ts';
import { announcement, type Notice, notices } from '../state/notices.ts';
import { Button } from './button.tsx';
import { IconButton } from './icon.tsx';

function dismiss(notice: Notice): void {
  notices.value = notices.value.filter((one) => one.id !== notice.id);
}

function act(notice: Notice): void {
  dismiss(notice);
  notice.action?.run();
}

function Progress({ title, done, total }: { title: string; done: number; total: number }) {
  return (
    <>
      {/* Announced once, at the start: announcing every step would be too much. */}
      <span aria-hidden="true">{t('number.of', { done, all: total })}</span>
      <progress max={total} value={done} aria-label={title} />
    </>
  );
}

export function Notices() {
  return (
    <>
      <section class="notices" aria-label={t('notice.list')}>
        {notices.value.map((notice) => (
          <div
            key={notice.id}
            class={`notice notice-${notice.tone}`}
            role={notice.tone === 'error' ? 'alert' : 'status'}
          >
            <p>
              <strong>{notice.title}</strong>
              {notice.detail === undefined ? null : <span>{notice.detail}</span>}
              {notice.progress === undefined ? null : <Progress title={notice.title} {...notice.progress} />}
            </p>
            {notice.action === undefined ? null : <Button label={notice.action.label} onClick={() => act(notice)} />}
            {notice.progress === undefined ? (
              <IconButton icon="close" label={t('notice.dismiss')} onClick={() => dismiss(notice)} />
            ) : null}
          </div>
        ))}
      </section>
      <p class="visually-hidden" role="status">
        {announcement.value}
      </p>
    </>
  );
}
