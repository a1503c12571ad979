import type { Colour } from '../picture/colour-names.ts';

/**
 * Phrases for a picture's main colour or for black and white, in the languages of the page, read by `find-colours.ts`.
 * Words are in lower case and separated by spaces.
 */
export interface ColourForms {
  readonly names: Readonly<Record<Exclude<Colour, 'monochrome'>, string>>;
  /** Words among these that mean something else in another language. */
  readonly unsure: string;
  /**
   * Phrases for black and white, separated by commas: clear next to a word for a picture, after {@link inside}, or
   * alone.
   */
  readonly blackAndWhite: string;
  /** Also clear at the end: adjectives precede nouns in this language, so it cannot belong to one. */
  readonly endIsClear?: true;
  /** Words that mean a monochrome picture anywhere in a text. */
  readonly monochrome: string;
  /** "in", as in "in black and white". */
  readonly inside: string;
  /** Words for a picture, which say nothing about its content. */
  readonly pictures: string;
  /** Kinds of pictures. */
  readonly kinds: string;
  /** Before colours: marks them as the main ones. */
  readonly mainly: string;
  /** After colours: marks them as those of the whole picture. */
  readonly tones: string;
  /** Filler words between and around colours. */
  readonly fillers: string;
}

const en: ColourForms = {
  names: {
    red: 'red',
    orange: 'orange',
    yellow: 'yellow',
    green: 'green',
    blue: 'blue',
    purple: 'purple violet',
    pink: 'pink',
    brown: 'brown',
    black: 'black',
    white: 'white',
    grey: 'grey gray',
  },
  unsure: 'orange violet pink',
  blackAndWhite: 'black and white, black & white, black-and-white, black white',
  endIsClear: true,
  monochrome: 'monochrome monochromatic greyscale grayscale b&w b/w',
  inside: 'in',
  pictures: 'photo photos photograph photographs photography picture pictures image images pic pics shot shots',
  kinds: 'portrait portraits landscape landscapes snapshot snapshots film movie movies print prints still stills',
  mainly: 'mostly mainly predominantly',
  tones: 'tones tone hues shades',
  fillers: 'a an the and or of all in color colour colors colours colored coloured main something',
};

const de: ColourForms = {
  names: {
    red: 'rot rote roter rotes roten',
    orange: 'orange oranges orangen',
    yellow: 'gelb gelbe gelber gelbes gelben',
    green: 'grün grüne grüner grünes grünen',
    blue: 'blau blaue blauer blaues blauen',
    purple: 'lila violett violette violettes',
    pink: 'rosa pink',
    brown: 'braun braune brauner braunes braunen',
    black: 'schwarz schwarze schwarzer schwarzes schwarzen',
    white: 'weiß weiss weiße weißer weißes weißen',
    grey: 'grau graue grauer graues grauen',
  },
  unsure: 'rot orange oranges rosa pink braun lila',
  blackAndWhite: `schwarzweiß, schwarz-weiß, schwarz weiß, schwarz und weiß, schwarzweiss, schwarz-weiss, schwarz weiss,
    schwarzweiße, schwarzweißes, schwarzweißen, schwarz-weiße, schwarz-weißes, schwarz-weißen, sw, s/w`,
  endIsClear: true,
  monochrome: `monochrom monochrome schwarzweißfoto schwarzweißfotos schwarzweißbild schwarzweißbilder
    schwarzweißaufnahme schwarzweißaufnahmen schwarzweißfotografie schwarzweißfilm schwarz-weiß-foto
    schwarz-weiß-fotos schwarz-weiß-bild schwarz-weiß-bilder graustufen`,
  inside: 'in',
  pictures: 'foto fotos bild bilder aufnahme aufnahmen fotografie fotografien photo photos',
  kinds: 'porträt porträts portrait landschaft landschaften film',
  mainly: 'überwiegend hauptsächlich vorwiegend',
  tones: 'töne tönen farbtöne farbtönen',
  fillers: 'ein eine einen der die das und oder in farbe farben alles etwas',
};

const fr: ColourForms = {
  names: {
    red: 'rouge rouges',
    orange: 'orange oranges',
    yellow: 'jaune jaunes',
    green: 'vert verte verts vertes',
    blue: 'bleu bleue bleus bleues',
    purple: 'violet violette violets violettes',
    pink: 'rose roses',
    brown: 'marron brun brune',
    black: 'noir noire noirs noires',
    white: 'blanc blanche blancs blanches',
    grey: 'gris grise grises',
  },
  unsure: 'rouge orange oranges violet rose roses noir noire gris marron brune blanche',
  blackAndWhite: 'noir et blanc, noir & blanc, noir blanc',
  monochrome: 'monochrome monochromes n&b',
  inside: 'en',
  pictures: 'photo photos photographie photographies image images cliché clichés',
  kinds: 'portrait portraits paysage paysages film',
  mainly: 'principalement majoritairement surtout',
  tones: 'tons teintes',
  fillers: 'un une le la les des et ou en dans de couleur couleurs tout',
};

const es: ColourForms = {
  names: {
    red: 'rojo roja rojos rojas',
    orange: 'naranja naranjas anaranjado',
    yellow: 'amarillo amarilla amarillos',
    green: 'verde verdes',
    blue: 'azul azules',
    purple: 'morado morada violeta púrpura',
    pink: 'rosa rosado rosada',
    brown: 'marrón café castaño',
    black: 'negro negra negros',
    white: 'blanco blanca blancos',
    grey: 'gris grises',
  },
  unsure: 'naranja naranjas violeta rosa café negro negra gris castaño',
  blackAndWhite: 'blanco y negro, blanco & negro',
  monochrome: 'monocromo monocromático monocromática monocroma b&n',
  inside: 'en',
  pictures: 'foto fotos fotografía fotografías imagen imágenes',
  kinds: 'retrato retratos paisaje paisajes película',
  mainly: 'principalmente mayormente predominantemente',
  tones: 'tonos',
  fillers: 'un una el la los las y o e en de color colores todo',
};

export const COLOUR_FORMS = { en, de, fr, es } as const;

const CHINESE_NAMES: Readonly<Record<Exclude<Colour, 'monochrome'>, string>> = {
  pink: '粉红色?|粉色',
  red: '红色?',
  orange: '[橙橘]色',
  yellow: '黄色?',
  green: '绿色?',
  blue: '蓝色?',
  purple: '紫色?',
  brown: '[棕褐]色|咖啡色',
  black: '黑色?',
  white: '白色?',
  grey: '灰色?',
};
const PICTURE = '照片|相片|图片|图像|照|图|摄影|影像|人像|风景|电影';
const COLOUR = Object.values(CHINESE_NAMES).join('|');

/** One colour, with a group for each name. */
export const CHINESE_COLOUR = new RegExp(
  Object.entries(CHINESE_NAMES)
    .map(([name, words]) => `(?<${name}>${words})`)
    .join('|'),
  'gu',
);
/** Only colours. */
export const CHINESE_ONLY_COLOURS = new RegExp(`^(?:(?:${COLOUR})[和与及、，,\\s]*)+(?:的?(?:${PICTURE}|色调))?$`, 'u');
/** A main colour. */
export const CHINESE_MAIN_COLOUR = new RegExp(`以(?:${COLOUR})为主(?:的)?|(?:${COLOUR})调(?:的)?`, 'gu');
export const CHINESE_MONOCHROME = new RegExp(`(?:黑白|单色)(?:的(?=${PICTURE})|(?=${PICTURE}|[，,。；;\\s]|$))`, 'gu');
