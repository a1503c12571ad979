import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiFault } from '../api-error.ts';
import { explain } from '../explain-error.ts';
import { t } from '../i18n/translate.ts';
import { access, endSession, hasSession, keyWanted, openSession, refreshAccess } from '../state/access.ts';
import { report } from '../state/notices.ts';
import { Button } from './button.tsx';

/** Asks for an API key, from the menu or after a call was refused without one. */
export function KeyDialog() {
  const wanted = keyWanted.value;
  return wanted === null ? null : <OpenKeyDialog retry={wanted.retry} />;
}

function OpenKeyDialog({ retry }: { retry?: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [fault, setFault] = useState<unknown>(null);
  useEffect(() => {
    dialog.current!.showModal();
    void refreshAccess();
  }, []);
  const close = () => {
    keyWanted.value = null;
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    const key = String(new FormData(event.currentTarget as HTMLFormElement).get('key')).trim();
    try {
      await openSession(key);
      close();
      retry?.();
    } catch (error) {
      setFault(error);
    }
  };
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="key-title" onClose={close}>
      <form onSubmit={(event) => void submit(event)}>
        <h2 id="key-title">{t(retry ? 'key.needed' : 'menu.key')}</h2>
        <p>
          {accessInWords()} {t('key.kept')}
        </p>
        <label class="field">
          <span>{t('key.field')}</span>
          <input name="key" type="password" autocomplete="off" spellcheck={false} required />
        </label>
        {fault ? (
          <p class="bad" role="alert">
            {faultInWords(fault)}
          </p>
        ) : null}
        <footer>
          {hasSession.value ? <EndButton done={close} /> : null}
          <Button look="quiet" label={t('do.cancel')} onClick={close} />
          <Button look="primary" label={t(retry ? 'key.useAndRetry' : 'key.use')} type="submit" />
        </footer>
      </form>
    </dialog>
  );
}

function EndButton({ done }: { done: () => void }) {
  const end = async () => {
    try {
      await endSession();
      done();
    } catch (error) {
      report(error);
    }
  };
  return <Button look="bad" label={t('key.forget')} onClick={() => void end()} />;
}

/** Which operations need a key here, and what the caller may do. */
function accessInWords(): string {
  const { needsKey = [], scopes = [] } = access.value ?? {};
  if (access.value && needsKey.length === 0) return t('key.neededForNothing');
  const toLook = needsKey.includes('read');
  if (!hasSession.value) return t(toLook ? 'key.neededToLook' : 'key.neededToChange');
  if (toLook) return t(scopes.includes('write') ? 'key.lookMayChange' : 'key.lookMayLook');
  return t(scopes.includes('write') ? 'key.changeMayChange' : 'key.changeMayLook');
}

function faultInWords(fault: unknown): string {
  if (fault instanceof ApiFault && fault.status === 401) return t('key.unknown');
  const { title, advice } = explain(fault);
  return `${title}. ${advice}`;
}
