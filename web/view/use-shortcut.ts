import { useEffect } from 'preact/hooks';

/** Whether a key goes to a field, which takes it as text. */
export function isTyping({ target }: KeyboardEvent): boolean {
  return /^(INPUT|TEXTAREA|SELECT)$/.test((target as Element).tagName);
}

/** Runs `act` when a key is pressed anywhere on the page outside fields and dialogs. */
export function useShortcut(key: string, act: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== key || event.ctrlKey || event.metaKey || event.defaultPrevented || isTyping(event)) return;
      if (document.querySelector('dialog[open]')) return;
      event.preventDefault();
      act();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
}
