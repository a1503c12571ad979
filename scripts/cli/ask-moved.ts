import { createInterface } from 'node:readline/promises';
import type { AskMoved } from '../../server/folders/folders.ts';

/** Asks in a terminal whether a folder was moved; elsewhere, says what to type if it was. */
export const askMoved: AskMoved = async ({ folder, found, of }, path) => {
  const what = `${found} of the ${of} pictures of ${folder.path}, which is gone, are in ${path}, too.`;
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    console.error(`${what} It is taken for another folder; if it is the same one, type:`);
    console.error(`  npm run folders -- move ${JSON.stringify(folder.name)} ${JSON.stringify(path)}`);
    return false;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${what} Is it the same folder, moved? [y/N] `);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
};
