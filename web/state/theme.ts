import { signal } from '@preact/signals';
import { readStorage, writeStorage } from './local-storage.ts';

const name = 'sightline-theme';

export type Theme = 'auto' | 'light' | 'dark';

export const theme = signal<Theme>(asTheme(readStorage(() => localStorage, name)));

export function setTheme(value: Theme): void {
  theme.value = value;
  writeStorage(() => localStorage, name, value === 'auto' ? '' : value);
  showTheme();
}

export function showTheme(): void {
  if (theme.value === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
}

function asTheme(value: string | undefined): Theme {
  return value === 'light' || value === 'dark' ? value : 'auto';
}
