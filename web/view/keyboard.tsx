import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Icon } from './icon.tsx';

/** Whether the list of keys is shown. */
export const keysShown = signal(false);

const groups: readonly { readonly title: string; readonly keys: readonly (readonly [keys: string, does: string])[] }[] =
  [
    {
      title: 'Everywhere',
      keys: [
        ['/', 'Search'],
        ['?', 'This list'],
        ['Esc', 'Close, or end the selection'],
        ['Ctrl V', 'Search by the picture in the clipboard'],
      ],
    },
    {
      title: 'In the search field',
      keys: [
        ['↓ ↑', 'Suggestions'],
        ['Enter', 'Keep the words; -word leaves something out'],
        ['Backspace', 'Take the last part away'],
      ],
    },
    {
      title: 'In the pictures',
      keys: [
        ['← → ↑ ↓', 'Go from picture to picture'],
        ['Enter', 'Open'],
        ['X', 'Select; with Shift everything in between'],
        ['M', 'More like this; with Shift less like this'],
        ['Del', 'Move to the trash'],
      ],
    },
    {
      title: 'In a picture',
      keys: [
        ['← →', 'Previous and next'],
        ['+ − 0', 'Zoom in, out, and all of it'],
        ['Del', 'Move to the trash'],
      ],
    },
    {
      title: 'On the map',
      keys: [
        ['← → ↑ ↓', 'Move'],
        ['+ − 0', 'Zoom in, out, and all of it'],
        ['Enter', 'Open the picture in the middle'],
        ['S', 'Select what is in sight'],
      ],
    },
  ];

/** `?` shows what can be done by keyboard. */
export function KeyboardHelp() {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== '?' || event.defaultPrevented) return;
      if (/^(INPUT|TEXTAREA|SELECT)$/.test((event.target as Element).tagName)) return;
      if (document.querySelector('dialog[open]')) return;
      event.preventDefault();
      keysShown.value = true;
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  return keysShown.value ? <OpenHelp /> : null;
}

function OpenHelp() {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current!.showModal(), []);
  const close = () => {
    keysShown.value = false;
  };
  return (
    <dialog ref={dialog} class="dialog dialog-wide" aria-labelledby="keys-title" onClose={close}>
      <header class="dialog-head">
        <h2 id="keys-title">Keyboard</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <div class="keys">
        {groups.map(({ title, keys }) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {keys.map(([name, does]) => (
                <div key={name}>
                  <dt>
                    {name.split(' ').map((key) => (
                      <kbd key={key}>{key}</kbd>
                    ))}
                  </dt>
                  <dd>{does}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </dialog>
  );
}
