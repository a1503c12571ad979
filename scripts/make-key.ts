import { createHash, randomBytes } from 'node:crypto';
import { toggle } from '../core/setting-value.ts';
import { command, EXIT } from './cli/command.ts';
import { JSON_OUTPUT } from './cli/options.ts';

export default command({
  about: 'Makes a key for the API and the page, and prints the setting for the server. Nothing is stored.',
  options: {
    read: toggle({ text: 'make a read-only key; by default it may also write' }),
    json: JSON_OUTPUT,
  },
  run: async ({ read, json }) => {
    const key = randomBytes(24).toString('base64url');
    const hash = createHash('sha256').update(key).digest('hex');
    const scope = read ? 'read' : 'write';
    if (json) {
      console.log(JSON.stringify({ key, hash, scope, setting: `${scope}:${hash}` }, null, 2));
      return EXIT.done;
    }
    console.log(`Key, for whoever ${read ? 'reads' : 'writes'}: ${key}`);
    console.log(`Hash, for the server:  ${hash}`);
    console.log(`\nSIGHTLINE_API_KEYS=${scope}:${hash} npm start   # several are separated by commas`);
    console.log('SIGHTLINE_REQUIRE_KEY=read asks for a key also to look at pictures.');
    return EXIT.done;
  },
});
