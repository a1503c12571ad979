import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';
import type { View } from '../route.ts';
import { hasSession, keyWanted, refreshAccess } from '../state/access.ts';
import { openView, route } from '../state/navigation.ts';
import { picturesOf } from '../state/picked-files.ts';
import { failureCount, isReadOnly } from '../state/server-status.ts';
import { setTheme, type Theme, theme } from '../state/theme.ts';
import { addUploads } from '../state/upload-queue.ts';
import { FileInput } from './file-input.tsx';
import { Icon, type IconName } from './icon.tsx';
import { keysShown } from './keyboard.tsx';

/** The pages of the page, in the order of the menu. */
export const pages: readonly { view: View; label: string; icon: IconName }[] = [
  { view: 'search', label: 'Pictures', icon: 'picture' },
  { view: 'map', label: 'Map', icon: 'map' },
  { view: 'training', label: 'Training', icon: 'chart' },
  { view: 'failures', label: 'Failures', icon: 'alert' },
  { view: 'trash', label: 'Trash', icon: 'trash' },
  { view: 'status', label: 'Status', icon: 'pulse' },
];

const themes: readonly { value: Theme; label: string; icon: IconName }[] = [
  { value: 'auto', label: 'As the system', icon: 'auto' },
  { value: 'light', label: 'Light', icon: 'sun' },
  { value: 'dark', label: 'Dark', icon: 'moon' },
];

/** Pages, what can be added, and settings. */
export function Menu() {
  const failures = failureCount.value;
  const folder = useRef<HTMLInputElement>(null);
  return (
    <>
      <FileInput input={folder} label="Folder to add" folder pick={(files) => addUploads(picturesOf(files))} />
      <button
        type="button"
        class="icon-button"
        popovertarget="menu"
        aria-label={failures > 0 ? `Menu, ${failures} failures` : 'Menu'}
        title="Menu"
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
        {pages.map(({ view, label, icon }) => (
          <MenuItem
            key={view}
            icon={icon}
            label={label}
            isCurrent={route.value.view === view}
            act={() => openView(view)}
          >
            {view === 'failures' && failures > 0 ? <span class="badge badge-bad">{failures}</span> : null}
          </MenuItem>
        ))}
        <hr />
        {isReadOnly.value ? null : <MenuItem icon="folder" label="Add a folder" act={() => folder.current?.click()} />}
        <MenuItem icon="keyboard" label="Keyboard" act={() => (keysShown.value = true)}>
          <kbd>?</kbd>
        </MenuItem>
        <MenuItem icon="key" label="API key" act={() => (keyWanted.value = {})}>
          <small>{hasSession.value ? 'in use' : 'none'}</small>
        </MenuItem>
        <a class="menu-item" href="docs">
          <Icon name="link" />
          <span>API documentation</span>
        </a>
        <hr />
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

function ThemeChoice() {
  return (
    <fieldset class="segmented" aria-label="Colours">
      {themes.map(({ value, label, icon }) => (
        <button
          key={value}
          type="button"
          aria-pressed={theme.value === value}
          aria-label={label}
          title={label}
          onClick={() => setTheme(value)}
        >
          <Icon name={icon} />
        </button>
      ))}
    </fieldset>
  );
}
