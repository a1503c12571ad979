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
      await writeFile(join(disk, 'ballast'), Buffer.alloc(bavail * bsize - 64 * 1024));
      const names = (await readdir(samples)).filter((name) => name.endsWith('.jpg'));
      for (const name of names) await copyFile(join(samples, name), join(photos, name));
      const full = await eventually('the outage', 120_000, async () => {
        const found = await status();
        return found.outage === null || found.pictures + found.backlog < names.length ? null : found;
      });
      assert.match(full.outage!, /the disk is full: free some space/);
      // Longer than the interval between retries of a picture.
      await new Promise((resolve) => setTimeout(resolve, 20_000));
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
