import { useRef } from 'preact/hooks';
import type { View } from '../place.ts';
import { picturesOf } from '../state/files.ts';
import { failureCount } from '../state/live.ts';
import { openView, place, query, urlOf } from '../state/navigation.ts';
import { apiKey, keyWanted, setTheme, type Theme, theme } from '../state/session.ts';
import { addUploads } from '../state/uploads.ts';
import { Icon, type IconName, Logo } from './icon.tsx';
import { keysShown } from './keyboard.tsx';
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
      <Pages />
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
      <FileInput input={input} label="Pictures to add" />
    </>
  );
}

/** What a button opens the browser's own dialog with; a folder is sent as the pictures below it. */
function FileInput({ input, label, folder = false }: FileInputProps) {
  return (
    <input
      ref={input}
      class="visually-hidden"
      type="file"
      accept={folder ? undefined : 'image/*'}
      {...(folder ? { webkitdirectory: true } : {})}
      multiple
      tabIndex={-1}
      aria-label={label}
      onChange={(event) => {
        const files = [...(event.currentTarget.files ?? [])];
        event.currentTarget.value = '';
        addUploads(folder ? picturesOf(files) : files.map((file) => ({ file, name: file.name })));
      }}
    />
  );
}

interface FileInputProps {
  readonly input: { current: HTMLInputElement | null };
  readonly label: string;
  readonly folder?: boolean;
}

/** The pages in plain sight where there is room; the menu has them everywhere. */
function Pages() {
  return (
    <nav class="pages" aria-label="Pages">
      {entries
        .filter(({ view }) => view !== 'search' && (view !== 'failures' || failureCount.value > 0))
        .map(({ view, label }) => (
          <a
            key={view}
            href={urlOf({ view, query: query.value })}
            aria-current={place.value.view === view ? 'page' : undefined}
            onClick={(event) => {
              if (event.ctrlKey || event.metaKey || event.shiftKey) return;
              event.preventDefault();
              openView(view);
            }}
          >
            {label}
            {view === 'failures' ? <span class="badge badge-bad">{failureCount.value}</span> : null}
          </a>
        ))}
    </nav>
  );
}

const entries: readonly { view: View; label: string; icon: IconName }[] = [
  { view: 'search', label: 'Pictures', icon: 'picture' },
  { view: 'map', label: 'Map', icon: 'map' },
  { view: 'training', label: 'Training', icon: 'chart' },
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
  const folder = useRef<HTMLInputElement>(null);
  return (
    <>
      <FileInput input={folder} label="Folder to add" folder />
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
            folder.current?.click();
          }}
        >
          <Icon name="folder" />
          <span>Add a folder</span>
        </button>
        <button
          type="button"
          class="menu-item"
          onClick={() => {
            close();
            keysShown.value = true;
          }}
        >
          <Icon name="keyboard" />
          <span>Keyboard</span>
          <kbd>?</kbd>
        </button>
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
