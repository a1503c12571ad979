import assert from 'node:assert/strict';
import { copyFile, mkdir, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { onSmallDisk, smallDisk } from '../support/small-disk.ts';
import { eventually, startServer } from '../support/start-server.ts';
import { tempFolder } from '../support/temp-folder.ts';

const samples = fileURLToPath(new URL('../../examples/photos', import.meta.url));

interface Status {
  readonly pictures: number;
  readonly backlog: number;
  readonly failures: number;
  readonly outage: string | null;
}

describe('a server whose disk is full', { timeout: 600_000, skip: smallDisk() }, () => {
  it('says so and keeps what comes; all of it is indexed when there is room again', async () => {
    const photos = tempFolder();
    await onSmallDisk(24_000, async (disk) => {
      const data = join(disk, 'data');
      await mkdir(data);
      await using server = await startServer(['--photos', photos, '--data', data]);
      const status = () => server.get<Status>('/status');
      const { bavail, bsize } = await statfs(disk);
      await writeFile(join(disk, 'ballast'), Buffer.alloc(bavail * bsize - 16 * 1024));
      // As many as are tried at the same time, so that each is tried again after every pause.
      const names = (await readdir(samples)).filter((name) => name.endsWith('.jpg')).slice(0, 4);
      for (const name of names) await copyFile(join(samples, name), join(photos, name));
      const full = await eventually('the outage', 120_000, async () => {
        const found = await status();
        return found.outage === null || found.pictures + found.backlog < names.length ? null : found;
      });
      assert.match(full.outage!, /the disk is full: free some space/);
      await eventually('a third try of what is waiting', 120_000, async () => {
        const tried = [...server.output().matchAll(/"key":"([^"]+)"[^\n]*"could not be handled"/g)];
        return names.some((name) => tried.filter(([, key]) => key === name).length > 2) ? true : null;
      });
      const still = await status();
      assert.deepEqual([still.pictures + still.backlog, still.failures], [names.length, 0]);
      await rm(join(disk, 'ballast'));
      await eventually('all pictures', 120_000, async () => {
        const { pictures, backlog, outage } = await status();
        return pictures === names.length && backlog === 0 && outage === null ? true : null;
      });
      assert.equal((await status()).failures, 0);
    });
  });
});
