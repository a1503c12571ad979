import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { preferredLanguages } from '../../../functions/http/accept-language.ts';

describe('Accept-Language', () => {
  it('names languages, the best first, each once', () => {
    assert.deepEqual(preferredLanguages('fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5'), ['fr', 'en', 'de']);
    assert.deepEqual(preferredLanguages('en;q=0.2, zh-Hans-CN;q=0.9'), ['zh', 'en']);
    assert.deepEqual(preferredLanguages('de;q=0, x-klingon, 12, ;;, en'), ['en']);
    assert.deepEqual(preferredLanguages(), []);
  });
});
