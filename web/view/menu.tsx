import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';
import { formatCount, languages, t } from '../i18n/translate.ts';
import type { View } from '../route.ts';
import { hasSession, keyWanted, refreshAccess } from '../state/access.ts';
import { openView, route } from '../state/navigation.ts';
import { report } from '../state/notices.ts';
import { type LanguageSetting, language, setLanguage } from '../state/page-language.ts';
import { picturesOf } from '../state/picked-files.ts';
import { failureCount, isReadOnly } from '../state/server-status.ts';
import { setTheme, type Theme, theme } from '../state/theme.ts';
import { addUploads } from '../state/upload-queue.ts';
import { FileInput } from './file-input.tsx';
import { Icon, type IconName } from './icon.tsx';
import { keysShown } from './keyboard-help.tsx';

/** Pages, in menu order. */
export const pages: readonly { view: View; icon: IconName }[] = [
  { view: 'search', icon: 'picture' },
  { view: 'map', icon: 'map' },
  { view: 'copies', icon: 'copy' },
  { view: 'training', icon: 'chart' },
  { view: 'failures', icon: 'alert' },
  { view: 'trash', icon: 'trash' },
  { view: 'status', icon: 'pulse' },
];

const themes: readonly { value: Theme; icon: IconName }[] = [
  { value: 'auto', icon: 'auto' },
  { value: 'light', icon: 'sun' },
  { value: 'dark', icon: 'moon' },
];

/** Menu with pages, ways to add pictures, and settings. */
export function Menu() {
  const failures = failureCount.value;
  const folder = useRef<HTMLInputElement>(null);
  return (
    <>
      <FileInput input={folder} label={t('menu.folderLabel')} folder pick={(files) => addUploads(picturesOf(files))} />
      <button
        type="button"
        class="icon-button"
        popovertarget="menu"
        aria-label={failures > 0 ? t('menu.withFailures', { count: failures }) : t('menu.title')}
        title={t('menu.title')}
      >
        <Icon name="more" />
        {failures > 0 ? <span class="dot" /> : null}
      </button>
      <div
        id="menu"
        popover="auto"
        class="popover menu"
        onToggle={(event) => event.newState === 'open' && void refreshAccess()}
      >
        {pages.map(({ view, icon }) => (
          <MenuItem
            key={view}
            icon={icon}
            label={t(`view.${view}`)}
            isCurrent={route.value.view === view}
            act={() => openView(view)}
          >
            {view === 'failures' && failures > 0 ? <span class="badge badge-bad">{formatCount(failures)}</span> : null}
          </MenuItem>
        ))}
        <hr />
        {isReadOnly.value ? null : (
          <MenuItem icon="folder" label={t('menu.addFolder')} act={() => folder.current?.click()} />
        )}
        <MenuItem icon="keyboard" label={t('menu.keyboard')} act={() => (keysShown.value = true)}>
          <kbd>?</kbd>
        </MenuItem>
        <MenuItem icon="key" label={t('menu.key')} act={() => (keyWanted.value = {})}>
          <small>{t(hasSession.value ? 'menu.keyInUse' : 'menu.keyNone')}</small>
        </MenuItem>
        <a class="menu-item" href="docs">
          <Icon name="link" />
          <span>{t('menu.docs')}</span>
        </a>
        <hr />
        <LanguageChoice />
        <ThemeChoice />
      </div>
    </>
  );
}

interface MenuItemProps {
  readonly icon: IconName;
  readonly label: string;
  readonly isCurrent?: boolean;
  readonly act: () => void;
  readonly children?: ComponentChildren;
}

function MenuItem({ icon, label, isCurrent = false, act, children }: MenuItemProps) {
  return (
    <button
      type="button"
      class="menu-item"
      aria-current={isCurrent ? 'page' : undefined}
      onClick={() => {
        document.getElementById('menu')?.hidePopover();
        act();
      }}
    >
      <Icon name={icon} />
      <span>{label}</span>
      {children}
    </button>
  );
}

function LanguageChoice() {
  const choose = async (select: HTMLSelectElement) => {
    try {
      await setLanguage(select.value as LanguageSetting);
    } catch (error) {
      select.value = language.value;
      report(error);
    }
  };
  return (
    <label class="menu-language">
      <Icon name="language" />
      <span>{t('menu.language')}</span>
      <select class="select-quiet" value={language.value} onChange={(event) => void choose(event.currentTarget)}>
        <option value="auto">{t('menu.languageAuto')}</option>
        {Object.entries(languages).map(([value, name]) => (
          <option key={value} value={value} lang={value}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function ThemeChoice() {
  return (
    <fieldset class="segmented" aria-label={t('menu.colours')}>
      {themes.map(({ value, icon }) => (
        <button
          key={value}
          type="button"
          aria-pressed={theme.value === value}
          aria-label={t(`theme.${value}`)}
          title={t(`theme.${value}`)}
          onClick={() => setTheme(value)}
        >
          <Icon name={icon} />
        </button>
      ))}
    </fieldset>
  );
}
