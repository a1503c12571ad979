const focusable = 'a[href], button:not(:disabled), input:not(:disabled), select, [tabindex="0"]';

/**
 * Focus is never lost: when what had it is taken away, such as a chip that was removed or a message that was answered,
 * the nearest thing that is left has it, within the same part of the page. Only for who works by keyboard: a pointer
 * knows where it is, and a field that takes the focus brings up the keyboard of a phone.
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
    // What is moved within the page loses the focus, too.
    if (path[0]!.isConnected) return void (path[0] as HTMLElement).focus({ preventScroll: true });
    const part = path.find((one) => one.isConnected && one.id !== 'app');
    path = [];
    const next = part?.querySelector<HTMLElement>(focusable) ?? document.getElementById('content');
    next?.focus({ preventScroll: true });
  }).observe(document.body, { childList: true, subtree: true });
}
