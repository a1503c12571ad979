const focusable = 'a[href], button:not(:disabled), input:not(:disabled), select, [tabindex="0"]';

/**
 * Keeps the focus when its element is removed, such as a deleted chip or a dismissed message: the nearest remaining
 * element in the same part of the page gets it. Only for keyboard users: with a pointer there is no need, and focusing
 * a field would open a phone's on-screen keyboard.
 */
export function keepFocus(): void {
  let path: Element[] = [];
  let byKeyboard = false;
  addEventListener('keydown', ({ isTrusted }) => (byKeyboard ||= isTrusted), true);
  addEventListener('pointerdown', () => (byKeyboard = false), true);
  addEventListener('focusin', ({ target }) => {
    path = [];
    for (let at = target as Element | null; at && at !== document.body; at = at.parentElement) path.push(at);
  });
  new MutationObserver(() => {
    if (!byKeyboard || document.activeElement !== document.body || path.length === 0 || !document.hasFocus()) return;
    // Elements that move within the page also lose the focus.
    if (path[0]!.isConnected) return void (path[0] as HTMLElement).focus({ preventScroll: true });
    const part = path.find((one) => one.isConnected && one.id !== 'app');
    path = [];
    const next = part?.querySelector<HTMLElement>(focusable) ?? document.getElementById('content');
    next?.focus({ preventScroll: true });
  }).observe(document.body, { childList: true, subtree: true });
}
