import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { t } from '../i18n/translate.ts';
import { Button } from './button.tsx';

interface Question {
  readonly title: string;
  readonly detail: string;
  /** Label of the button that confirms. */
  readonly doIt: string;
  readonly act: () => void;
}

const asked = signal<Question | null>(null);

/** Asks for confirmation before something that cannot be undone. */
export function confirm(question: Question): void {
  asked.value = question;
}

export function ConfirmDialog() {
  return asked.value === null ? null : <OpenConfirmDialog {...asked.value} />;
}

function OpenConfirmDialog({ title, detail, doIt, act }: Question) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current!.showModal(), []);
  const close = () => {
    asked.value = null;
  };
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="confirm-title" onClose={close}>
      <h2 id="confirm-title">{title}</h2>
      <p>{detail}</p>
      <footer>
        <Button look="quiet" label={t('do.cancel')} autofocus onClick={close} />
        <Button
          look="danger"
          label={doIt}
          onClick={() => {
            close();
            act();
          }}
        />
      </footer>
    </dialog>
  );
}
