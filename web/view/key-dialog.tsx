import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiFault, explain } from '../problem.ts';
import { access, endSession, hasSession, keyWanted, openSession, refreshAccess } from '../state/access.ts';
import { report } from '../state/notices.ts';

/** Asks for an API key, from the menu or because a call was refused without one. */
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
        <h2 id="key-title">{retry ? 'This needs an API key' : 'API key'}</h2>
        <p>{accessInWords()} This browser keeps what a key allows until it is closed, and the key itself nowhere.</p>
        <label class="field">
          <span>Key</span>
          <input name="key" type="password" autocomplete="off" spellcheck={false} required />
        </label>
        {fault ? (
          <p class="bad" role="alert">
            {faultInWords(fault)}
          </p>
        ) : null}
        <footer>
          {hasSession.value ? <EndButton done={close} /> : null}
          <button type="button" class="button button-quiet" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="button button-primary">
            {retry ? 'Use it and try again' : 'Use it'}
          </button>
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
  return (
    <button type="button" class="button button-quiet button-bad" onClick={() => void end()}>
      Forget the key
    </button>
  );
}

/** What needs a key here, and what the caller may do. */
function accessInWords(): string {
  const { needsKey = [], scopes = [] } = access.value ?? {};
  if (access.value && needsKey.length === 0) return 'Nothing needs a key here.';
  const what = needsKey.includes('read')
    ? 'Looking at pictures needs a key here'
    : 'Changing anything needs a key here';
  if (!hasSession.value) return `${what}.`;
  return `${what}; with yours you may ${scopes.includes('write') ? 'change things, too' : 'look'}.`;
}

function faultInWords(fault: unknown): string {
  if (fault instanceof ApiFault && fault.status === 401) return 'This server does not know the key.';
  const { title, advice } = explain(fault);
  return `${title}. ${advice}`;
}
