import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { unquoted } from '../../../core/query/tokens.ts';
import { meantReading, readings } from '../../../core/query/understand.ts';

/** The remaining query, null for none, and its exclusions; null if the words are taken literally. */
type Said = readonly [rest: string | null, ...without: string[]] | null;

const ENGLISH: Readonly<Record<string, Said>> = {
  'a beach without people': ['a beach', 'people'],
  'A beach, without any people!': ['A beach!', 'people'],
  'beach no people': ['beach', 'people'],
  'dog but not cat': ['dog', 'cat'],
  'dog, not a cat': ['dog', 'cat'],
  'dog NOT cat': ['dog', 'cat'],
  'street but no parked cars': ['street', 'parked cars'],
  'street, no cars, sunny': ['street, sunny', 'cars'],
  'a house with no windows': ['a house', 'windows'],
  'no people on the beach': ['on the beach', 'people'],
  'cake without candles at night': ['cake at night', 'candles'],
  'sunset without people and cars': ['sunset', 'people and cars'],
  'mountains, not snow, no people': ['mountains', 'snow', 'people'],
  'beach without "palm trees at night"': ['beach', 'palm trees at night'],
  '"no parking" street without cars': ['no parking street', 'cars'],
  // Nothing is left to search for.
  'without people': [null, 'people'],
  'no people': [null, 'people'],
  'not a dog': [null, 'dog'],
  'no people, no cars': [null, 'people', 'cars'],
  // Signs, names, numbers, other senses.
  'a no smoking': null,
  'not found': null,
  'no parking sign': null,
  'a red no parking sign': null,
  'street with no parking sign': null,
  'a no dogs allowed': null,
  "soldier in no man's land": null,
  'bottle of chanel no. 5': null,
  'bottle of chanel no 5': null,
  'poster of dr no': null,
  'dr no poster': null,
  'a woman saying no to cake': null,
  'nothing on the table': null,
  'a knot': null,
  'forget me not flowers': null,
  'to be or not to be': null,
  'a do not enter sign': null,
  'a man who is not smiling': null,
  'a t-shirt, x-ray, -5 degrees': null,
  'original sin painting': null,
  'comic sans': null,
  without: null,
  no: null,
  '': null,
  // Quotes.
  '"without people" beach': null,
  '“beach without people”': null,
};

const GERMAN: Readonly<Record<string, Said>> = {
  'Strand ohne Menschen': ['Strand', 'Menschen'],
  'Straße ohne ein Auto im Regen': ['Straße im Regen', 'Auto'],
  'keine Autos auf der Straße': ['auf der Straße', 'Autos'],
  'Hund, aber keine Katze': ['Hund', 'Katze'],
  'Hund nicht Katze': ['Hund', 'Katze'],
  'Strand „ohne Menschen“': null,
  ohne: null,
  'Ohne Titel': null,
  'ohne Menschen': [null, 'Menschen'],
  'kein Hund': [null, 'Hund'],
  'nicht rauchen': null,
  'Not und Elend': null,
  'ein Kein-Zutritt-Schild': null,
  'Schild mit kein Zutritt': null,
  'der Hund ist nicht müde': null,
};

const FRENCH: Readonly<Record<string, Said>> = {
  'plage sans personne': ['plage', 'personne'],
  'plage mais pas de parasols': ['plage', 'parasols'],
  'rue pas d’arbres': ['rue', 'arbres'],
  'une rue sans l’arbre': ['une rue', 'arbre'],
  'chien mais pas chat': ['chien', 'chat'],
  'chien «sans laisse»': null,
  'le château sans souci': null,
  'un pas de deux': null,
  'port du Pas de Calais': null,
  'sans personne': [null, 'personne'],
  'pas de chien': [null, 'chien'],
};

const SPANISH: Readonly<Record<string, Said>> = {
  'playa sin gente': ['playa', 'gente'],
  'perro pero no gato': ['perro', 'gato'],
  'calle donde no hay coches': ['calle', 'coches'],
  'cuadro sin título': null,
  'sin gente': [null, 'gente'],
  'sin city': null,
};

const CHINESE: Readonly<Record<string, Said>> = {
  没有人的海滩: ['海滩', '人'],
  海滩没有人: ['海滩', '人'],
  '海滩 不要 人': ['海滩', '人'],
  '山，但没有雪': ['山', '雪'],
  除了狗以外的动物: ['动物', '狗'],
  没有人: [null, '人'],
  不是狗: [null, '狗'],
  '“没有人”的海滩': null,
  无人机: null,
};

/** The remaining query, and the colours it requires of the whole picture. */
const COLOURS: Readonly<Record<'en' | 'de' | 'fr' | 'es' | 'zh', Readonly<Record<string, Said>>>> = {
  en: {
    'black and white': ['black and white', 'monochrome'],
    'Black & White photo': ['Black & White photo', 'monochrome'],
    'a black and white photo of a cat': ['a photo of a cat', 'monochrome'],
    'black and white portrait': ['portrait', 'monochrome'],
    'street in black and white': ['street', 'monochrome'],
    'a street in black and white at night': ['a street at night', 'monochrome'],
    'old street, black and white': ['old street', 'monochrome'],
    'monochrome forest': ['forest', 'monochrome'],
    'b&w forest': ['forest', 'monochrome'],
    'forest in greyscale': ['forest', 'monochrome'],
    red: ['red', 'red'],
    'red and blue': ['red and blue', 'red', 'blue'],
    'a blue photo': ['a blue photo', 'blue'],
    'something in gray': ['something in gray', 'grey'],
    'black, white and red': ['black, white and red', 'red', 'black', 'white'],
    'forest, mostly green': ['forest', 'green'],
    'a lake in blue and purple tones': ['a lake', 'blue', 'purple'],
    'red car': null,
    'a woman in blue': null,
    'a woman in black and white stripes': null,
    'black and white cat': null,
    'a black and white cat on a sofa': null,
    'a photo without black and white': null,
    '"black and white" forest': null,
    '"red"': null,
    'orange juice': null,
    'green tea and black bread': null,
    tones: null,
    photo: null,
  },
  de: {
    schwarzweiß: ['schwarzweiß', 'monochrome'],
    'Porträt in Schwarz-Weiß': ['Porträt', 'monochrome'],
    'Schwarzweißfoto einer Katze': ['einer Katze', 'monochrome'],
    'schwarzweiße Aufnahme vom Hafen': ['Aufnahme vom Hafen', 'monochrome'],
    'Hafen schwarz weiß': ['Hafen', 'monochrome'],
    'rot und grün': ['rot und grün', 'red', 'green'],
    'ein blaues Foto': ['ein blaues Foto', 'blue'],
    'schwarzweiße Katze': null,
    'rotes Auto': null,
  },
  fr: {
    'noir et blanc': ['noir et blanc', 'monochrome'],
    'rue en noir et blanc': ['rue', 'monochrome'],
    'photo noir et blanc d’un chat': ['photo d’un chat', 'monochrome'],
    'portrait noir et blanc': ['portrait', 'monochrome'],
    bleu: ['bleu', 'blue'],
    'une photo rouge': ['une photo rouge', 'red'],
    'chat noir et blanc': null,
    'voiture rouge': null,
  },
  es: {
    'blanco y negro': ['blanco y negro', 'monochrome'],
    'calle en blanco y negro': ['calle', 'monochrome'],
    'foto en blanco y negro de un gato': ['foto de un gato', 'monochrome'],
    azul: ['azul', 'blue'],
    'gato blanco y negro': null,
    'coche rojo': null,
  },
  zh: {
    黑白: ['黑白', 'monochrome'],
    黑白照片: ['黑白照片', 'monochrome'],
    黑白人像: ['人像', 'monochrome'],
    '街道 黑白': ['街道', 'monochrome'],
    红色: ['红色', 'red'],
    蓝色和绿色的照片: ['蓝色和绿色的照片', 'green', 'blue'],
    粉色: ['粉色', 'pink'],
    以蓝色为主的大海: ['大海', 'blue'],
    黑白猫: null,
    红色汽车: null,
  },
};

describe('what the words of a query say', () => {
  for (const [language, table] of Object.entries({ en: ENGLISH, de: GERMAN, fr: FRENCH, es: SPANISH, zh: CHINESE })) {
    it(`is understood in ${language}, where it is clear`, () => {
      for (const [text, said] of Object.entries(table)) {
        const reading = readings(text).get(language as 'en');
        const got = reading === undefined ? null : [reading.text, ...reading.without.map((part) => part.text)];
        assert.deepEqual(got, said, text);
        for (const { words } of reading?.without ?? []) {
          assert.ok(text.includes(words), `${words} is part of ${text}`);
          const literal = text.replace(words, () => `"${words.replaceAll('"', '')}"`);
          const left = readings(literal).get(language as 'en')?.without.length ?? 0;
          assert.equal(left, reading!.without.length - 1, `in quotes it is taken as it is: ${literal}`);
        }
      }
    });
  }

  for (const [language, table] of Object.entries(COLOURS)) {
    it(`is a colour in ${language}, where it is about the whole picture`, () => {
      for (const [text, said] of Object.entries(table)) {
        const reading = readings(text).get(language as 'en');
        const got = !reading?.colours.length ? null : [reading.text, ...reading.colours.map(({ colour }) => colour)];
        assert.deepEqual(got && [got[0], ...got.slice(1).sort()], said && [said[0], ...said.slice(1).sort()], text);
        for (const { words } of reading?.colours ?? []) {
          const literal = text.replace(words, `"${words}"`);
          assert.equal(readings(literal).get(language as 'en'), undefined, literal);
        }
        assert.deepEqual(readings(text, 'without').get(language as 'en')?.colours ?? [], []);
      }
    });
  }

  it('may be both, and is then left to be looked for without either', () => {
    const { text, colours, without } = readings('a street without cars, in black and white').get('en')!;
    assert.equal(text, 'a street');
    assert.deepEqual(colours, [{ colour: 'monochrome', words: 'in black and white' }]);
    assert.deepEqual(without, [{ text: 'cars', words: 'without cars' }]);
    const nothingElse = readings('a black and white photo, no cars').get('en')!;
    assert.equal(nothingElse.text, null);
    assert.equal(nothingElse.isOnlyColours, false, 'not all that is black and white is meant');
    assert.deepEqual([nothingElse.colours.length, nothingElse.without.length], [1, 1]);
  });

  it('is read in the language of the text, or in one that has such words alone', () => {
    const read = (text: string, language: string | null, ...preferred: string[]) =>
      meantReading(readings(text), language, preferred);
    assert.equal(read('perro pero no gato', 'es'), 'es');
    assert.equal(read('Bali ohne Touristen', 'fr'), 'de');
    assert.equal(read('playa sin gente', 'es'), 'es');
    assert.equal(read('fear sin pride', 'en'), null);
    assert.equal(read('fear sin pride', null), null);
    assert.equal(read('fear sin pride', null, 'es'), 'es');
    assert.equal(read('beach no people', null), 'en');
    assert.equal(read('beach', 'en'), null);
  });

  it('is looked for without its quotes', () => {
    assert.equal(unquoted('"no parking" sign'), 'no parking sign');
    assert.equal(unquoted('„Müllers Hund“ «à la» “it”'), 'Müllers Hund à la it');
    assert.equal(unquoted('5" pipe'), '5" pipe');
  });
});
