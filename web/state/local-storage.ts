/** Browser storage. It may be disabled or full; the page works without it. */

export function readStorage(storage: () => Storage, name: string): string | undefined {
  try {
    return storage().getItem(name) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Stores a value; '' removes it. */
export function writeStorage(storage: () => Storage, name: string, value: string): void {
  try {
    if (value === '') storage().removeItem(name);
    else storage().setItem(name, value);
  } catch {
    // The value lasts until the page unloads.
  }
}
