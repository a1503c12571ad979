import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { loadManifest } from '../../../core/encode/manifest.ts';
import type { TextEncoderEntry } from '../../../core/encode/manifest-encoder.ts';
import { loadTextEncoder } from '../../../core/encode/text-encoder.ts';
import { cosine } from '../../support/cosine.ts';
import { MODELS } from './fixtures.ts';

const NAME = 'multilingual-e5-small';
const entry = (await loadManifest([MODELS])).encoders[NAME] as TextEncoderEntry;
const encoder = await loadTextEncoder([MODELS], { ...entry, name: NAME }, { threads: 1 });
after(() => encoder.close());

describe('the multilingual text encoder', () => {
  it('finds the sentence that says the same in another language', async () => {
    const english = ['a dog runs over the beach', 'a girl on a swing in a park', 'children play football'];
    const others = [
      ['ein Hund rennt über den Strand', 'ein Mädchen auf einer Schaukel im Park', 'Kinder spielen Fußball'],
      ['一只狗在沙滩上奔跑', '公园里荡秋千的女孩', '孩子们踢足球'],
      ['كلب يركض على الشاطئ', 'فتاة على أرجوحة في حديقة', 'أطفال يلعبون كرة القدم'],
      ['犬がビーチを走る', '公園のブランコに乗った女の子', '子供たちがサッカーをする'],
    ];
    const wanted = await encoder.encode(english);
    for (const texts of others) {
      for (const [i, vector] of (await encoder.encode(texts)).entries()) {
        const cosines = wanted.map((one) => cosine(one, vector));
        assert.equal(cosines.indexOf(Math.max(...cosines)), i, texts[i]);
      }
    }
  });

  it('gives a text the same vector whatever else is asked with it', async () => {
    const texts = [
      'zwei Hunde',
      'zwei Katzen',
      'один дом',
      'a much longer text, with many more words than the others have',
    ];
    const together = await encoder.encode(texts);
    for (const [i, text] of texts.entries()) {
      const [alone] = await encoder.encode([text]);
      assert.ok(
        together[i]!.every((value, d) => Math.abs(value - alone![d]!) < 1e-5),
        text,
      );
    }
  });
});
