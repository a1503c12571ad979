/**
 * Phrases that exclude something from a picture, in the languages of the page, one entry per language, read by
 * `find-exclusions.ts`. Words are in lower case and separated by spaces, phrases by commas.
 */

/** Phrases for "without" that have the same exceptions. */
export interface Marker {
  readonly says: string;
  /** No other supported language has these words. */
  readonly isSure?: true;
  /** Words directly after it that make it a name, or change its meaning. */
  readonly unless?: string;
  /** Such words directly before it. */
  readonly unlessBehind?: string;
  /** Such words at the end of the unwanted part. */
  readonly unlessEnding?: string;
}

export interface Forms {
  readonly markers: readonly Marker[];
  /** Dropped at the beginning of the unwanted part. */
  readonly articles: string;
  /** The unwanted part ends before these: prepositions, which usually refer to the whole picture, and "but". */
  readonly ends: string;
}

/** "No entry" and the like are texts on signs. */
const ON_SIGNS = {
  unless: `parking smoking entry entrance exit trespassing stopping standing swimming fishing diving running
    man' mans one way idea problem doubt matter name vacancy vacancies longer more less through filter`,
  unlessBehind: 'dr doctor mr yes or say says saying said is are was there',
  unlessEnding: 'sign signs symbol zone area allowed logo poster sticker label icon',
};

const en: Forms = {
  markers: [
    {
      says: 'without, but without, and without, w/o, except, except for, excluding',
      isSure: true,
      unless: 'borders doubt title',
    },
    { says: 'with no, but no, and no, has no, have no', isSure: true, ...ON_SIGNS, unlessBehind: '' },
    { says: 'no', ...ON_SIGNS },
    { says: 'but not, and not', isSure: true, unless: 'to only yet so' },
    {
      says: 'not',
      unless: 'to only yet so very too much enough many all just even for found today me my sure',
      unlessBehind: `is are was were be am do does did can could should will would may must has have had or if why me
        who that which`,
    },
  ],
  articles: 'a an any the some',
  ends: 'at in on during by near under over behind beside between before after with from around above below but while',
};

const de: Forms = {
  markers: [
    {
      says: 'ohne, aber ohne, und ohne',
      isSure: true,
      unless: 'titel zu dass mich dich alles worte ende gewähr namen',
      unlessEnding: 'schild schilder',
    },
    {
      says: `kein, keine, keinen, keinem, keiner, keines, aber kein, aber keine, aber keinen, und kein, und keine,
        und keinen, mit keinem, mit keiner, mit keinen`,
      isSure: true,
      unless: 'zutritt eintritt durchgang einfahrt ausfahrt ausgang problem ding ahnung',
      unlessEnding: 'schild schilder',
    },
    { says: 'aber nicht, und nicht', isSure: true, unless: 'nur so zu mehr' },
    {
      says: 'nicht',
      isSure: true,
      unless: 'nur so zu mehr ganz sehr viel viele alle rauchen betreten parken berühren füttern öffnen stören',
      unlessBehind: 'ist sind war waren bitte kann können darf dürfen wird werden hat haben die der das vergiss',
    },
    { says: 'außer, ausser', isSure: true, unless: 'betrieb dienst haus atem sich' },
  ],
  articles: 'ein eine einen einem einer der die das den dem irgendwelche',
  ends: 'auf im in am an bei beim unter über vor hinter neben zwischen mit während nach aber',
};

const fr: Forms = {
  markers: [
    {
      says: 'sans',
      unless: `serif souci soucis abri abris fil papiers titre doute cesse plomb contact faute nom fin gluten
        frontières`,
      unlessBehind: 'comic open google source noto dm pt work',
    },
    { says: 'mais sans, et sans', isSure: true },
    {
      says: "pas de, pas d', mais pas de, mais pas d', et pas de, et pas d'",
      isSure: true,
      unless: 'deux trois quatre calais porte course côté tir vis problème danse',
      unlessBehind: 'le les un',
    },
    { says: 'mais pas, et pas, sauf, excepté, hormis, aucun, aucune', isSure: true, unless: 'que seulement' },
  ],
  articles: "un une de des d' du le la les l' aucun aucune",
  ends: 'dans sur à au aux avec sous devant derrière près pendant entre chez en mais',
};

const es: Forms = {
  markers: [
    {
      says: 'sin',
      unless: 'título titulo hogar techo embargo duda nombre fin papeles city',
      unlessBehind: 'original the a of deadly mortal',
    },
    { says: 'pero sin, y sin', isSure: true, unless: 'título titulo embargo' },
    { says: 'pero no, y no, donde no hay, que no tenga, que no tengan', isSure: true, unless: 'solo que' },
    { says: 'excepto, ningún, ninguna, ningun', isSure: true },
  ],
  articles: 'un una unos unas el la los las ningún ninguna',
  ends: 'en con sobre bajo a al junto entre durante detrás delante cerca pero de',
};

/** Chinese has no spaces; the unwanted part ends at 的, a space or the end. */
export const CHINESE_WITHOUT =
  /(?:但是?|而且?|并且?|且|却)?(?:没有|沒有|不要|不含|不带|不帶|不包括|不是|除了|排除)\s*([^的，,。；;、\s]+?)(?:[以之]外)?(?:的|(?=[，,。；;、\s]|$))/gu;

export const FORMS = { en, de, fr, es } as const;
