import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { SETTINGS } from '../../../core/settings.ts';
import packageJson from '../../../package.json' with { type: 'json' };
import { scalePage } from '../../../scripts/development/docs/scale.ts';
import { configurationPage, readmeWithTable } from '../../../scripts/development/docs/settings-tables.ts';

const read = (name: string) => readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8');
const again = 'made from other settings: npm run docs';

describe('what the documentation says of the settings', () => {
  it('is what the declaration says', () => {
    assert.ok(read('docs/configuration.md') === configurationPage(), again);
    assert.ok(read('README.md') === readmeWithTable(read('README.md')), again);
  });

  it('tells of scale what its figures make it', () => {
    assert.ok(read('docs/scale.md') === scalePage(), again);
    assert.match(scalePage(), /\| 1,000 \| 10,000 \| 1,000 \| 3,000 \| 1.7 minutes \| 2.8 hours \|/);
  });

  it('names the file of this version', () => {
    const files = new Set(read('README.md').match(/sightline-[\d.]+\.tgz/g));
    assert.deepEqual([...files], [`sightline-${packageJson.version}.tgz`]);
  });

  it('has every setting', () => {
    for (const { env } of Object.values(SETTINGS)) assert.ok(configurationPage().includes(`\`${env}\``), env);
    assert.match(read('README.md'), /\| `--port N` \| `PORT` \| 8787 \|/);
  });
});
