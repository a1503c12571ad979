import { computed, signal } from '@preact/signals';
import type { Session } from '../client.ts';
import { client, clientWithKey } from './server.ts';

/** What the caller may do, and what needs a key; null before the server said so. */
export const access = signal<Session | null>(null);
/** A key was shown: the caller may do what nobody may without one. */
export const hasSession = computed(
  () => access.value?.needsKey.some((one) => access.value!.scopes.includes(one)) ?? false,
);
/** Counts changes of it: what was refused before may be asked for again. */
export const accessChanges = signal(0);

/** Shown when a call was refused for want of a key; `retry` is what to do once there is one. */
export const keyWanted = signal<{ readonly retry?: () => void } | null>(null);

export async function refreshAccess(): Promise<void> {
  try {
    access.value = await client.session();
  } catch {
    // A call that is refused says so itself.
  }
}

/** Trades a key for a session: pictures and events are asked for without headers. Rejects as calls do. */
export async function openSession(key: string): Promise<void> {
  access.value = await clientWithKey(key).openSession();
  accessChanges.value += 1;
}

export async function endSession(): Promise<void> {
  await client.closeSession();
  await refreshAccess();
  accessChanges.value += 1;
}
