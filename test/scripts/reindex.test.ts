import assert from 'node:assert/strict';
import { statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { loadEncoders } from '../../core/encode/encoder-pair.ts';
import { loadHeadFile } from '../../core/encode/head-file.ts';
import { captionId } from '../../core/point-ids.ts';
import type { JointEmbedding } from '../../core/types.ts';
import { openEmbeddedSpaces } from '../../core/vectors/sqlite/spaces.ts';
import { MODELS, writeHead } from '../core/encode/fixtures.ts';
import { onSmallDisk, smallDisk } from '../support/small-disk.ts';
import { runScript } from '../support/start-server.ts';
import { tempFolder } from '../support/temp-folder.ts';

const CAPTIONS = 200;
const folder = tempFolder();

describe('npm run reindex on a disk without room for a second space', { skip: smallDisk() }, () => {
  it('says how much is needed and how much there is, and leaves the live space as it is', async () => {
    const encoders = await loadEncoders({ modelDirs: [MODELS] });
    const head = writeHead(join(folder, 'head'), encoders, { inputs: ['features'] });
    await encoders.close();
    const { space } = await loadHeadFile(join(MODELS, 'head-compact'));
    await onSmallDisk(4096, async (data) => {
      const file = join(data, 'index.sqlite');
      const spaces = await openEmbeddedSpaces({ file });
      const live = await spaces.openLive(space, 64);
      const points = Array.from({ length: CAPTIONS }, (_, i) => {
        const caption = `caption ${i}`;
        const vector = new Float32Array(64) as JointEmbedding;
        vector[i % 64] = 1;
        const indexedAt = '2026-01-01T00:00:00.000Z';
        return {
          id: captionId(caption),
          vector,
          payload: { kind: 'caption' as const, caption, tags: [], readBy: null, sequencer: '', indexedAt },
        };
      });
      await live.upsert(points, 'not-older');
      await live.close();
      await spaces.close();
      // Enough for the command to open the index, but not for what it needs to write.
      const { bavail, bsize } = statfsSync(data);
      writeFileSync(join(data, 'something else'), Buffer.alloc(bavail * bsize - 200_000));

      const { code, stderr } = await runScript(['scripts/sightline.ts', 'reindex', '--head', head, '--data', data]);
      assert.equal(code, 1, stderr);
      assert.match(
        stderr,
        /expected 0\.4 MB free in .* for a second space of 200 points, found 0\.\d MB; delete old spaces/,
      );
      const again = await openEmbeddedSpaces({ file });
      assert.equal((await again.live())?.space, space);
      const still = await again.openLive(space, 64);
      assert.equal(await still.count({}), CAPTIONS);
      await still.close();
      await again.close();
    });
  });
});
