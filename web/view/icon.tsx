import type { ButtonHTMLAttributes } from 'preact';

/** Line icons on a 24 px grid, drawn for this page. */
const paths = {
  search: 'M10.5 4.5a6 6 0 1 1 0 12 6 6 0 0 1 0-12M15 15l5 5',
  picture: 'M4.5 5.5h15v13h-15zM4.5 15.5l4-4 4 4 3-3 4 4M15.5 9.5h.01',
  text: 'M5 6.5h14M5 11h14M5 15.5h8',
  plus: 'M12 5v14M5 12h14',
  minus: 'M5 12h14',
  close: 'M6 6l12 12M18 6 6 18',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  upload: 'M12 15.5V4.5M7.5 9 12 4.5 16.5 9M4.5 15.5v4h15v-4',
  download: 'M12 4.5v11M7.5 11 12 15.5 16.5 11M4.5 15.5v4h15v-4',
  filter: 'M4 7h16M7 12h10M10 17h4',
  tag: 'M4.5 4.5h7l8 8-7 7-8-8zM8.5 8.5h.01',
  trash: 'M5 7h14M9.5 7V4.5h5V7M7 7l.8 12.5h8.4L17 7M10.3 10.5v5.5M13.7 10.5v5.5',
  left: 'M14.5 5.5 8 12l6.5 6.5',
  right: 'M9.5 5.5 16 12l-6.5 6.5',
  link: 'M10 14l4-4M8.5 11 6 13.5a3.2 3.2 0 0 0 4.5 4.5L13 15.5' + 'M15.5 13l2.5-2.5A3.2 3.2 0 0 0 13.5 6L11 8.5',
  key: 'M8 11.5a3.5 3.5 0 1 1 0 .01M11.5 11.5H20v3.5M16.5 11.5v2.5',
  sun:
    'M12 8.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7M12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7' +
    'M17 17l1.4 1.4M18.4 5.6 17 7M7 17l-1.4 1.4',
  moon: 'M19 14.5A7.5 7.5 0 0 1 9.5 5a7.5 7.5 0 1 0 9.5 9.5',
  auto: 'M12 4a8 8 0 1 1 0 16zM12 4a8 8 0 0 0 0 16',
  more: 'M4.5 7h15M4.5 12h15M4.5 17h15',
  map: 'M7 8h.01M10.5 6h.01M9 11h.01M15.5 14h.01M18 12.5h.01M17 17h.01M8 17.5h.01M14 7h.01M5 14h.01M13 18h.01',
  alert: 'M12 4.5 20.5 19h-17zM12 10v4M12 16.7h.01',
  pulse: 'M3.5 12.5h4l2.5-6 4 11 2.5-5h4',
  retry: 'M19 12a7 7 0 1 1-2.2-5.1M19 4.5v3.5h-3.5',
  select: 'M4.5 4.5h15v15h-15zM8.5 12l2.5 2.5 4.5-5',
  zoomIn: 'M10.5 4.5a6 6 0 1 1 0 12 6 6 0 0 1 0-12M15 15l5 5M10.5 8v5M8 10.5h5',
  zoomOut: 'M10.5 4.5a6 6 0 1 1 0 12 6 6 0 0 1 0-12M15 15l5 5M8 10.5h5',
  lasso:
    'M12 4.5c4.7 0 8 2.3 8 5.5s-3.3 5.5-8 5.5-8-2.3-8-5.5 3.3-5.5 8-5.5' +
    'M8 15.2c-1.6.6-2.2 2-1.2 3s2.7.3 3.2-1.2M7 18.5c0 .8-.4 1.5-1.2 2',
  fit: 'M4.5 9V4.5H9M15 4.5h4.5V9M19.5 15v4.5H15M9 19.5H4.5V15',
  chart: 'M4.5 4.5v15h15M8 15.5l3.5-4.5 3 2.5 4.5-6.5',
  calendar: 'M4.5 6.5h15v13h-15zM4.5 10.5h15M8.5 4v4M15.5 4v4',
  folder: 'M4 6.5h5.5l2 2.5H20v9.5H4z',
  keyboard: 'M3.5 7h17v10.5h-17zM7 10.5h.01M10.5 10.5h.01M14 10.5h.01M17.3 10.5h.01M8 14.2h8',
  without: 'M12 4.5a7.5 7.5 0 1 1 0 15 7.5 7.5 0 0 1 0-15M8.5 12h7',
  offline:
    'M4 4.5l16 15M9 17.5a4.5 4.5 0 0 1 6 0M5.8 13.5a9.5 9.5 0 0 1 4.5-2.3M14 11.3a9.5 9.5 0 0 1 4.2 2.2M2.8 9.8A14 ' +
    '14 0 0 1 6.5 7.6M11 6.5c3.7-.2 7.3.9 10.2 3.3M12 20.5h.01',
  language: 'M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16M4 12h16M12 4c5 5 5 11 0 16M12 4c-5 5-5 11 0 16',
  heart: 'M12 19.5C7 15.6 4 12.8 4 9.4A4.2 4.2 0 0 1 12 7.6a4.2 4.2 0 0 1 8 1.8c0 3.4-3 6.2-8 10.1',
  copy: 'M8.5 8.5v-4h11v11h-4M4.5 8.5h11v11h-11z',
  undo: 'M5 9.5h9a5 5 0 0 1 0 10h-4M9 5.5 5 9.5l4 4',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}

type IconButtonProps = Omit<ButtonHTMLAttributes, 'icon' | 'label' | 'class'> & {
  readonly icon: IconName;
  /** Accessible name of the button. */
  readonly label: string;
  /** @default `icon-button` */
  readonly class?: string;
  /** Equivalent keyboard shortcut. */
  readonly hotkey?: string;
};

/** A button that shows only an icon. */
export function IconButton({ icon, label, class: look = 'icon-button', hotkey, ...rest }: IconButtonProps) {
  const title = hotkey && `${label} (${hotkey})`;
  return (
    <button type="button" class={look} aria-label={label} title={title} {...rest}>
      <Icon name={icon} />
    </button>
  );
}

export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
      <path d="M3.5 16C6.5 10.5 10.9 7.7 16 7.7S25.5 10.5 28.5 16C25.5 21.5 21.1 24.3 16 24.3S6.5 21.5 3.5 16Z" />
      <circle cx="16" cy="16" r="4.3" />
    </svg>
  );
}
