import { ApiFault } from '../api-error.ts';
import { explain } from '../explain-error.ts';
import { t } from '../i18n/translate.ts';
import { keyWanted } from '../state/access.ts';
import { Button } from './button.tsx';
import { Icon } from './icon.tsx';

interface FaultNoteProps {
  readonly fault: unknown;
  /** Retries what failed. */
  readonly again: () => void;
  /** Compact and always visible, above results that are still valid. */
  readonly slim?: boolean;
}

/** An error, what to do about it, and a button for that. */
export function FaultNote({ fault, again, slim = false }: FaultNoteProps) {
  const { title, advice } = explain(fault);
  const needsKey = fault instanceof ApiFault && fault.status === 401;
  const askForKey = () => {
    keyWanted.value = { retry: again };
  };
  return (
    <div class={slim ? 'fault fault-slim' : 'fault'} role="alert">
      <Icon name="alert" />
      <div>
        <h2>{title}</h2>
        <p>{advice}</p>
      </div>
      <Button label={t(needsKey ? 'key.enter' : 'do.retry')} onClick={needsKey ? askForKey : again} />
    </div>
  );
}
