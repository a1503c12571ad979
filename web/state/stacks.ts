import { computed, signal } from '@preact/signals';
import { isAbort } from '../api-error.ts';
import type { Stack, StackPage } from '../client.ts';
import { hidden } from './results.ts';
import { client } from './server.ts';

/** The stacks of copies, as far as they were read; null before. */
export const stackPage = signal<StackPage | null>(null);
export const stacksFault = signal<unknown>(null);
/** What somebody decided of pictures, by id: whether they are marked for the trash. */
const decided = signal<ReadonlyMap<string, boolean>>(new Map());

/** Those that still are some, without what was moved to the trash on this page. */
export const stacks = computed(() =>
  (stackPage.value?.items ?? [])
    .map((stack) => ({ ...stack, pictures: stack.pictures.filter(({ id }) => !hidden.value.has(id)) }))
    .filter(({ pictures }) => pictures.length > 1),
);

const pageSize = 20;

/** Reads the stacks from their beginning, or goes on with them at `cursor`. */
export async function loadStacks(cursor?: string, signal?: AbortSignal): Promise<void> {
  try {
    const page = await client.stacks({ limit: pageSize, cursor, signal });
    const before = cursor === undefined ? [] : (stackPage.value?.items ?? []);
    stackPage.value = { ...page, items: [...before, ...page.items] };
    stacksFault.value = null;
  } catch (error) {
    if (!isAbort(error)) stacksFault.value = error;
  }
}

/** Whether a picture of a stack is marked for the trash: all but the first, unless somebody decided otherwise. */
export function isMarked({ pictures }: Stack, id: string): boolean {
  return decided.value.get(id) ?? id !== pictures[0]!.id;
}

export function mark(id: string, isMarked: boolean): void {
  decided.value = new Map(decided.value).set(id, isMarked);
}

export function markedIn(stack: Stack): string[] {
  return stack.pictures.map(({ id }) => id).filter((id) => isMarked(stack, id));
}
