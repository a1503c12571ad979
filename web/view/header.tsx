import { useRef } from 'preact/hooks';
import type { View } from '../place.ts';
import { failureCount } from '../state/live.ts';
import { openView, place } from '../state/navigation.ts';
import { apiKey, keyWanted, setTheme, type Theme, theme } from '../state/session.ts';
import { addUploads } from '../state/uploads.ts';
import { Icon, type IconName, Logo } from './icon.tsx';
import { SearchBar } from './search-bar.tsx';

export function Header() {
  return (
    <header class="header">
      <a
        class="brand"
        href="./"
        aria-label="Sightline, all pictures"
        onClick={(event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey) return;
          event.preventDefault();
          openView('search');
          scrollTo({ top: 0 });
        }}
      >
        <Logo />
        <span>Sightline</span>
      </a>
      <SearchBar />
      <nav class="header-actions" aria-label="Pages and settings">
        <AddButton />
        <Menu />
      </nav>
    </header>
  );
}

function AddButton() {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button
        type="button"
        class="button button-primary add-button"
        title="Add pictures, or drop them anywhere"
        onClick={() => input.current?.click()}
      >
        <Icon name="upload" />
        <span>Add pictures</span>
      </button>
      <input
        ref={input}
        class="visually-hidden"
        type="file"
        accept="image/*"
        multiple
        tabIndex={-1}
        aria-label="Pictures to add"
        onChange={(event) => {
          const files = [...(event.currentTarget.files ?? [])];
          event.currentTarget.value = '';
          addUploads(files.map((file) => ({ file, name: file.name })));
        }}
      />
    </>
  );
}

const entries: readonly { view: View; label: string; icon: IconName }[] = [
  { view: 'search', label: 'Pictures', icon: 'picture' },
  { view: 'map', label: 'Map', icon: 'map' },
  { view: 'failures', label: 'Failures', icon: 'alert' },
  { view: 'status', label: 'Status', icon: 'pulse' },
];

const themes: readonly { value: Theme; label: string; icon: IconName }[] = [
  { value: 'auto', label: 'As the system', icon: 'auto' },
  { value: 'light', label: 'Light', icon: 'sun' },
  { value: 'dark', label: 'Dark', icon: 'moon' },
];

function Menu() {
  const close = () => document.getElementById('menu')?.hidePopover();
  const failures = failureCount.value;
  return (
    <>
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
      <div id="menu" popover="auto" class="popover menu">
        {entries.map(({ view, label, icon }) => (
          <button
            key={view}
            type="button"
            class="menu-item"
            aria-current={place.value.view === view ? 'page' : undefined}
            onClick={() => {
              close();
              openView(view);
            }}
          >
            <Icon name={icon} />
            <span>{label}</span>
            {view === 'failures' && failures > 0 ? <span class="badge badge-bad">{failures}</span> : null}
          </button>
        ))}
        <hr />
        <button
          type="button"
          class="menu-item"
          onClick={() => {
            close();
            keyWanted.value = {};
          }}
        >
          <Icon name="key" />
          <span>API key</span>
          <small>{apiKey.value === '' ? 'none' : 'in this tab'}</small>
        </button>
        <a class="menu-item" href="docs">
          <Icon name="link" />
          <span>API documentation</span>
        </a>
        <hr />
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
      </div>
    </>
  );
}
