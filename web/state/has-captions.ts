import { effect, signal } from '@preact/signals';
import { results } from './results.ts';
import { client } from './server-urls.ts';

/** Whether the collection has captions: without any, the choice between captions and pictures is hidden. */
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
