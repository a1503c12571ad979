import { setTimeout as sleep } from 'node:timers/promises';
import { SETTINGS } from '../core/settings.ts';
import { closing } from '../core/util/async-disposable.ts';
import { pluralise } from '../core/util/pluralise.ts';
import { openMessageQueue } from '../functions/events/sqs-client.ts';
import { command, EXIT, UsageError } from './cli/command.ts';
import { JSON_OUTPUT } from './cli/options.ts';

/** Time between two checks of the progress. */
const PAUSE_MS = 1000;

export default command({
  about: `
Moves the messages of the dead-letter queue back to the queue, with all their delivery attempts. Use it once the cause
is fixed; GET /failures lists the pictures. An old message never overwrites newer changes.`,
  options: {
    queue: { ...SETTINGS.queueUrl, text: 'SQS queue of the events, the output `queue` of a deployment' },
    json: JSON_OUTPUT,
  },
  notes: 'Waits until all are moved. Ctrl-C only stops the waiting; SQS continues.',
  run: async ({ queue: url, json }) => {
    if (url === undefined) throw new UsageError('expected --queue URL');
    await using queue = closing(openMessageQueue({ url }));
    const { from, messages, progress } = await queue.redrive();
    if (!json && messages === 0) console.log(`No message waits in ${from}.`);
    else if (!json) console.log(`About ${pluralise(messages, 'message')} on the way back from ${from}.`);
    let { moved, isOver } = await progress();
    while (!isOver) {
      await sleep(PAUSE_MS);
      ({ moved, isOver } = await progress());
    }
    if (json) console.log(JSON.stringify({ from, messages, moved }, null, 2));
    else if (messages > 0) console.log(`${moved} are back.`);
    return EXIT.done;
  },
});
