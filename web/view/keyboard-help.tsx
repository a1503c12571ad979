import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { type PlainKey, t } from '../i18n/translate.ts';
import { IconButton } from './icon.tsx';
import { useShortcut } from './use-shortcut.ts';

/** Whether the list of shortcuts is open. */
export const keysShown = signal(false);

const groups: readonly {
  readonly title: PlainKey;
  readonly keys: readonly (readonly [keys: string, does: PlainKey])[];
}[] = [
  {
    title: 'keys.everywhere',
    keys: [
      ['/', 'keys.search'],
      ['?', 'keys.list'],
      ['Esc', 'keys.escape'],
      ['Ctrl V', 'keys.paste'],
    ],
  },
  {
    title: 'keys.field',
    keys: [
      ['↓ ↑', 'search.suggestions'],
      ['Enter', 'keys.keepWords'],
      ['Backspace', 'keys.takeAway'],
    ],
  },
  {
    title: 'keys.grid',
    keys: [
      ['← → ↑ ↓', 'keys.walk'],
      ['Enter', 'keys.open'],
      ['X', 'keys.select'],
      ['M', 'keys.more'],
      ['F', 'favourite.title'],
      ['Del', 'do.trash'],
    ],
  },
  {
    title: 'keys.picture',
    keys: [
      ['← →', 'keys.step'],
      ['+ − 0', 'keys.zoom'],
      ['F', 'favourite.title'],
      ['Del', 'do.trash'],
    ],
  },
  {
    title: 'keys.map',
    keys: [
      ['← → ↑ ↓', 'do.move'],
      ['+ − 0', 'keys.zoom'],
      ['Enter', 'keys.openMiddle'],
      ['S', 'map.select'],
    ],
  },
];

/** Names of keys that do not print a character; other keys are shown as that character. */
const keyNames: Readonly<Record<string, PlainKey>> = {
  Esc: 'key.nameEsc',
  Enter: 'key.nameEnter',
  Backspace: 'key.nameBackspace',
  Del: 'key.nameDel',
  Ctrl: 'key.nameCtrl',
};

/** `?` shows the keyboard shortcuts. */
export function KeyboardHelp() {
  useShortcut('?', () => {
    keysShown.value = true;
  });
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
        <h2 id="keys-title">{t('menu.keyboard')}</h2>
        <IconButton icon="close" label={t('do.close')} onClick={close} />
      </header>
      <div class="keys">
        {groups.map(({ title, keys }) => (
          <section key={title}>
            <h3>{t(title)}</h3>
            <dl>
              {keys.map(([name, does]) => (
                <div key={name}>
                  <dt>
                    {name.split(' ').map((key) => (
                      <kbd key={key}>{keyNames[key] ? t(keyNames[key]) : key}</kbd>
                    ))}
                  </dt>
                  <dd>{t(does)}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </dialog>
  );
}
