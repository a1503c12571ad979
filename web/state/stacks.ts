import { computed, signal } from '@preact/signals';
import type { Stack, StackPage } from '../client.ts';
import { pagedList } from './paged-list.ts';
import { hidden } from './results.ts';
import { client } from './server.ts';

/** The stacks of copies. */
export const allStacks = pagedList<StackPage>((asked) => client.stacks({ limit: 20, ...asked }));
/** What somebody decided of pictures, by id: whether they are marked for the trash. */
const decided = signal<ReadonlyMap<string, boolean>>(new Map());

/** Those that still are some, without what was moved to the trash on this page. */
export const stacks = computed(() =>
  (allStacks.page.value?.items ?? [])
    .map((stack) => ({ ...stack, pictures: stack.pictures.filter(({ id }) => !hidden.value.has(id)) }))
    .filter(({ pictures }) => pictures.length > 1),
);

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
