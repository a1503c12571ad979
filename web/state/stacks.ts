import { computed, signal } from '@preact/signals';
import type { Stack, StackPage } from '../client.ts';
import { pagedList } from './paged-list.ts';
import { hidden } from './results.ts';
import { client } from './server-urls.ts';

/** The stacks of copies. */
export const allStacks = pagedList<StackPage>((asked) => client.stacks({ limit: 20, ...asked }));
/** The user's decisions by picture id: whether it is marked for the trash. */
const decided = signal<ReadonlyMap<string, boolean>>(new Map());

/** Stacks that remain without the pictures moved to the trash on this page. */
export const stacks = computed(() =>
  (allStacks.page.value?.items ?? [])
    .map((stack) => ({ ...stack, pictures: stack.pictures.filter(({ id }) => !hidden.value.has(id)) }))
    .filter(({ pictures }) => pictures.length > 1),
);

/** Whether a picture is marked for the trash: by default, all but the first of each stack. */
export function isMarked({ pictures }: Stack, id: string): boolean {
  return decided.value.get(id) ?? id !== pictures[0]!.id;
}

export function mark(id: string, isMarked: boolean): void {
  decided.value = new Map(decided.value).set(id, isMarked);
}

export function markedIn(stack: Stack): string[] {
  return stack.pictures.map(({ id }) => id).filter((id) => isMarked(stack, id));
}
