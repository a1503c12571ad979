import { SETTINGS } from '../core/settings.ts';
import { openMessageQueue } from '../functions/events/sqs.ts';
import { command, EXIT } from './cli/command.ts';
import { JSON_OUTPUT } from './cli/options.ts';

export default command({
  about: `
Sends the messages that were put aside in the dead letter queue through the queue once more, with all their deliveries
again. For when the cause is gone; GET /failures says which pictures these are. Nothing is overwritten by an old
message.`,
  options: {
    queue: { ...SETTINGS.queueUrl, text: 'SQS queue of the events, the output `queue` of a deployment' },
    json: JSON_OUTPUT,
  },
  run: async ({ queue: url = '', json }) => {
    const queue = openMessageQueue({ url });
    try {
      const { from, messages } = await queue.redrive();
      if (json) console.log(JSON.stringify({ from, messages }, null, 2));
      else if (messages === 0) console.log(`No message waits in ${from}.`);
      else console.log(`About ${messages} messages are on their way back from ${from}.`);
      return EXIT.done;
    } finally {
      queue.close();
    }
  },
});
