import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { cutVersion, notesOf } from '../../../scripts/development/changelog/sections.ts';

const changelog = `# Changelog

## Unreleased

### Added
- A thing.

## 0.1.0 - 2026-01-02

### Added
- All of it.
`;

describe('the notes of a release', () => {
  it('are the section of its version', () => {
    assert.equal(notesOf(changelog, '0.1.0'), '### Added\n- All of it.');
    assert.throws(() => notesOf(changelog, '0.1'), { code: 'not-found' });
  });

  it('are what was not released before, once', () => {
    const cut = cutVersion(changelog, '0.2.0', '2026-03-04');
    assert.equal(notesOf(cut, '0.2.0'), '### Added\n- A thing.');
    assert.equal(notesOf(cut, 'Unreleased'), '');
    assert.equal(notesOf(cut, '0.1.0'), notesOf(changelog, '0.1.0'));
    assert.throws(() => cutVersion(cut, '0.3.0', '2026-03-05'), { code: 'invalid-input' });
  });

  it('can be made of the changelog as it is', () => {
    const text = readFileSync(new URL('../../../CHANGELOG.md', import.meta.url), 'utf8');
    assert.ok(notesOf(cutVersion(text, '99.0.0', '2026-03-04'), '99.0.0').length > 0);
  });
});
