import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadEmbedder } from '../../../core/encode/embedder.ts';
import type { Embedder, VectorStore } from '../../../core/ports.ts';
import { respelled } from '../../../core/search/spelling.ts';
import { openEmbeddedStore } from '../../../core/vectors/sqlite/store.ts';
import { caption, image, seededRandom, unit, uuid } from '../../contract/vectors-data.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const MODELS = fileURLToPath(new URL('../../../models', import.meta.url));
const folder = tempFolder();
const random = seededRandom(3);

describe('what was probably meant', () => {
  let embedder: Embedder;
  let vectors: VectorStore;
  before(async () => {
    embedder = await loadEmbedder({ modelDirs: [MODELS], profile: 'compact' });
    const { space, dimension } = embedder;
    vectors = await openEmbeddedStore({ file: `${folder}/index.sqlite`, space, dimension });
    const payloads = [
      image({ key: 'Schönbrunn/IMG_0504.jpg', tags: ['Kirschblüte'] }),
      ...Array.from({ length: 40 }, (_, i) => image({ key: `Schottland/IMG_0${600 + i}.jpg` })),
      caption({ caption: 'a zeppelin over Friedrichshafen' }),
    ];
    await vectors.upsert(
      payloads.map((payload, i) => ({ id: uuid(i), vector: unit(random), payload })),
      'newer',
    );
  });
  after(async () => {
    await vectors.close();
    await embedder.close();
  });

  it('is the nearest word that is known to the model or to the pictures; known words stay', async () => {
    for (const [text, meant] of [
      ['sunste', 'sunset'],
      ['A sunste, over the Beahc!', 'A sunset, over the beach!'],
      ['elephnt without poeple', 'elephant without people'],
      ['schonbrunm', 'schonbrunn'],
      ['scohttland shcoenbrunn', 'schottland schonbrunn'],
      ['hcsonbrunn zepplein', 'schonbrunn zeppelin'],
      ['Schotland', 'schottland'],
      ['kirschblute kirschbulte', 'kirschblute kirschblute'],
      ['zepelin friedrichshaven', 'zeppelin friedrichshafen'],
      // Several tokens for the text encoder, and class names of the image encoder.
      ['a flamnigo', 'a flamingo'],
      ['an espreso beside a teapot', 'an espresso beside a teapot'],
      // Several tokens, too, and words of training captions.
      ['skatebaord on a trampolin', 'skateboard on a trampoline'],
      ['tulpis and kayacks', 'tulips and kayaks'],
      ['snowboarder with goggles', null],
      ['a sunset over the beach', null],
      ['Schottland', null],
      ['zqxvwk', null],
      ['dgo cta', null],
      ['IMG_0504', null],
      ['海灘日落', null],
      ['𒀀𒀁', null],
      ['𐐨𐐩𐐪𐐫𐐬 𐐨𐐩𐐪', null],
      ['', null],
    ] as const) {
      assert.equal(await respelled({ embedder, vectors }, text, { language: 'en', preferred: ['en'] }), meant, text);
    }
  });

  it('is no English word in another language, unless that is a guess at few words', async () => {
    const meant = (text: string, language: string | null, ...preferred: string[]) =>
      respelled({ embedder, vectors }, text, { language, preferred });
    assert.equal(await meant('umbrela', 'eu', 'en'), 'umbrella');
    assert.equal(await meant('umbrela', 'eu', 'eu', 'en'), null);
    assert.equal(await meant('umbrela', null), 'umbrella');
    assert.equal(await meant('en umbrela vid träd', 'sv', 'en'), null);
    assert.equal(await meant('grün', 'de', 'en'), null);
    assert.equal(await meant('roter Ball', 'de', 'en'), null);
    assert.equal(await meant('rotes', 'und', 'en'), null);
    assert.equal(await meant('chien blanc', 'fr', 'en'), null);
    assert.equal(await meant('rote skatebord', 'sv', 'en'), 'rote skateboard');
    assert.equal(await meant('Kirschbulte', 'de', 'de'), 'kirschblute');
    assert.equal(await meant('ein Fahrad im Schne', 'de', 'de'), 'ein fahrrad im schnee');
    assert.equal(await meant('garcon sur la plgae', 'fr', 'fr'), 'garçon sur la plage');
    assert.equal(await meant('garçon sur la plage', 'fr', 'fr'), null);
    assert.equal(await meant('fahrad', 'en', 'en'), null);
  });
});
