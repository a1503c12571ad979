import { announcement, type Notice, notices } from '../state/notices.ts';
import { Icon } from './icon.tsx';

function dismiss(notice: Notice): void {
  notices.value = notices.value.filter((one) => one.id !== notice.id);
}

function act(notice: Notice): void {
  dismiss(notice);
  notice.action?.run();
}

export function Notices() {
  return (
    <>
      <section class="notices" aria-label="Messages">
        {notices.value.map((notice) => (
          <div
            key={notice.id}
            class={`notice notice-${notice.tone}`}
            role={notice.tone === 'error' ? 'alert' : 'status'}
          >
            <p>
              <strong>{notice.title}</strong>
              {notice.detail === undefined ? null : <span>{notice.detail}</span>}
            </p>
            {notice.action === undefined ? null : (
              <button type="button" class="button" onClick={() => act(notice)}>
                {notice.action.label}
              </button>
            )}
            <button type="button" class="icon-button" aria-label="Dismiss" onClick={() => dismiss(notice)}>
              <Icon name="close" />
            </button>
          </div>
        ))}
      </section>
      <p class="visually-hidden" role="status">
        {announcement.value}
      </p>
    </>
  );
}
