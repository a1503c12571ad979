import { useEffect, useState } from 'preact/hooks';
import { t } from '../i18n/translate.ts';
import { connection, isOnline } from '../state/live-updates.ts';
import { route } from '../state/navigation.ts';
import { fault } from '../state/results.ts';
import { answerIsLate } from '../state/slow-answers.ts';
import { Icon } from './icon.tsx';

/** Shorter interruptions, such as a stream that reconnects, are not worth mentioning. */
const patienceMs = 2500;

/** Says that the server is unreachable, unless the page already shows it elsewhere. */
export function ConnectionNote() {
  const lost = connection.value === 'lost';
  const [shown, setShown] = useState(false);
  useEffect(() => {
    if (!lost) return setShown(false);
    const timer = setTimeout(() => setShown(true), patienceMs);
    return () => clearTimeout(timer);
  }, [lost]);
  if (fault.value && route.value.view === 'search' && route.value.photo === undefined) return null;
  if (!lost && answerIsLate.value) return <WaitingNote />;
  if (!lost || !shown) return null;
  return (
    <p class="connection-note" role="status">
      <Icon name="offline" />
      <span>{t(isOnline.value ? 'connection.lost' : 'connection.offline')}</span>
    </p>
  );
}

/** Long enough for the user to wonder, but before the request times out. */
function WaitingNote() {
  return (
    <p class="connection-note connection-waiting" role="status">
      <span class="spinner" aria-hidden="true" />
      <span>{t('connection.waiting')}</span>
    </p>
  );
}
