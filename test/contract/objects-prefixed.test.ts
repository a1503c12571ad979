import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { it } from 'node:test';
import { openFolder } from '../../core/objects/folder/store.ts';
import { withPrefix } from '../../core/objects/prefixed.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { objectsContract } from './objects.ts';

objectsContract('a corner of a folder', async () => {
  const root = tempFolder();
  const store = await openFolder({ root });
  // Neighbours that must never be visible.
  await store.put('corner', Buffer.from('beside'), {}).catch(() => {});
  await store.put('corner-2/a', Buffer.from('beside'));
  return {
    store: withPrefix(store, 'inside/corner/'),
    close: () => rm(root, { recursive: true, force: true }),
  };
});

it('a prefix ends with a slash, or it would take in the neighbours', async () => {
  const store = await openFolder({ root: tmpdir() });
  assert.throws(() => withPrefix(store, 'corner'), { code: 'invalid-config' });
});
