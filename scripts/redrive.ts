import { setTimeout as sleep } from 'node:timers/promises';
import { closing } from '../core/closing.ts';
import { SETTINGS } from '../core/settings.ts';
import { openMessageQueue } from '../functions/events/sqs-client.ts';
import { command, EXIT, UsageError } from './cli/command.ts';
import { JSON_OUTPUT } from './cli/options.ts';

/** Between two looks at how far it is. */
const PAUSE_MS = 1000;

export default command({
  about: `
Sends the messages that were put aside in the dead letter queue through the queue once more, with all their deliveries
again. For when the cause is gone; GET /failures says which pictures these are. Nothing is overwritten by an old
message.`,
  options: {
    queue: { ...SETTINGS.queueUrl, text: 'SQS queue of the events, the output `queue` of a deployment' },
    json: JSON_OUTPUT,
  },
  notes: 'Waits until all are back. Ctrl-C ends the waiting alone: SQS goes on.',
  run: async ({ queue: url, json }) => {
    if (url === undefined) throw new UsageError('expected --queue URL');
    await using queue = closing(openMessageQueue({ url }));
    const { from, messages, progress } = await queue.redrive();
    if (!json && messages === 0) console.log(`No message waits in ${from}.`);
    else if (!json) console.log(`About ${messages} messages are on their way back from ${from}.`);
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
