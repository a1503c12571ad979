/** What this browser keeps. Storage may be switched off or full: the page works without. */

export function readStorage(storage: () => Storage, name: string): string | undefined {
  try {
    return storage().getItem(name) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Keeps a value; '' forgets it. */
export function writeStorage(storage: () => Storage, name: string, value: string): void {
  try {
    if (value === '') storage().removeItem(name);
    else storage().setItem(name, value);
  } catch {
    // The value lives as long as the page.
  }
}
