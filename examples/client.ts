// node examples/client.ts [URL] [WORDS]: searches a running server from a program and handles an error.
// In your own project: npm install PATH/dist/client (after npm run build:client), and import from 'sightline-client'.
import { ApiFault, createClient } from '../web/client.ts';

const [baseUrl = 'http://127.0.0.1:8787', ...words] = process.argv.slice(2);
const client = createClient({ baseUrl });

const terms = [{ text: words.join(' ') || 'a cup of coffee' }, { text: 'people', weight: -0.5 }];
const { items } = await client.search({ terms, kind: 'image', limit: 3 });
for (const item of items) {
  if (item.kind === 'image') console.log(`${item.score.toFixed(3)}  ${item.key}  ${item.width}x${item.height}`);
}

try {
  await client.search({ terms: [{ text: '' }] });
} catch (error) {
  if (!(error instanceof ApiFault)) throw error;
  console.log(`${error.code}: ${error.message}`);
}
