import { effect, signal } from '@preact/signals';
import { results } from './results.ts';
import { client } from './server.ts';

/** Whether the collection holds captions: without any, nobody has to choose between them and pictures. */
export const hasCaptions = signal(false);

export async function lookForCaptions(): Promise<void> {
  effect(() => {
    const shown = results.value;
    if (shown && (shown.captions.length > 0 || shown.items[0]?.kind === 'caption')) hasCaptions.value = true;
  });
  try {
    hasCaptions.value ||= (await client.listCaptions({ limit: 1 })).items.length > 0;
  } catch {
    // The choice is offered once a caption is found.
  }
}
