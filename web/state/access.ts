import { computed, signal } from '@preact/signals';
import type { Session } from '../client.ts';
import { client, clientWithKey } from './server-urls.ts';

/** What the caller may do and what needs a key; null until the server has answered. */
export const access = signal<Session | null>(null);
/** A key was accepted: the caller may do more than an anonymous one. */
export const hasSession = computed(
  () => access.value?.needsKey.some((one) => access.value!.scopes.includes(one)) ?? false,
);
/** Counts changes of the session: calls that were refused before may now succeed. */
export const accessChanges = signal(0);

/** Shown when a call was refused for lack of a key; `retry` repeats it once a key was entered. */
export const keyWanted = signal<{ readonly retry?: () => void } | null>(null);

export async function refreshAccess(): Promise<void> {
  try {
    access.value = await client.session();
  } catch {
    // If calls are refused, they report it themselves.
  }
}

/**
 * Exchanges a key for a session cookie, since pictures and events are requested without headers. Rejects like API
 * calls.
 */
export async function openSession(key: string): Promise<void> {
  access.value = await clientWithKey(key).openSession();
  accessChanges.value += 1;
}

export async function endSession(): Promise<void> {
  await client.closeSession();
  await refreshAccess();
  accessChanges.value += 1;
}
