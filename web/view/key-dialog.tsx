import { useEffect, useRef } from 'preact/hooks';
import { apiKey, keyWanted, setApiKey } from '../state/session.ts';

/** Asks for an API key, from the menu or because a call was refused without one. */
export function KeyDialog() {
  const wanted = keyWanted.value;
  return wanted === null ? null : <OpenKeyDialog retry={wanted.retry} />;
}

function OpenKeyDialog({ retry }: { retry?: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current!.showModal(), []);
  const close = () => {
    keyWanted.value = null;
  };
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="key-title" onClose={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setApiKey(String(new FormData(event.currentTarget).get('key')).trim());
          close();
          retry?.();
        }}
      >
        <h2 id="key-title">{retry ? 'This needs an API key' : 'API key'}</h2>
        <p>Adding, tagging and deleting may need a key. It stays in this tab and is forgotten when you close it.</p>
        <label class="field">
          <span>Key</span>
          <input name="key" type="password" autocomplete="off" spellcheck={false} defaultValue={apiKey.value} />
        </label>
        <footer>
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
