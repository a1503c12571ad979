import { unpackClasses } from './top-classes.ts';

/**
 * Plain words for a picture's classes, for screen readers. Classes are finer than the encoder is certain of, so shares
 * of classes with a common plain word are added up: three terriers are a dog.
 */

/** Names of a class, the usual one first, and broader terms, nearest first. */
export interface ClassName {
  readonly names: readonly string[];
  readonly hypernyms: readonly string[];
}

/** Minimum share of a plain word, and of a class that is given by its own name. */
const [LIKELY, SURE] = [0.35, 0.6];
const MOST_WORDS = 3;

/** Broader terms that people use. */
const PLAIN = new Set(
  (
    'dog|cat|bird|fish|snake|lizard|turtle|frog|salamander|insect|spider|beetle|butterfly|crab|lobster|shark|' +
    'whale|bear|wolf|fox|rabbit|rodent|elephant|antelope|parrot|duck|heron|stork|car|truck|bus|van|bicycle|boat|' +
    'ship|sailboat|locomotive|wagon|sled|musical instrument|guitar|piano|ball|tool|knife|gun|lamp|clock|' +
    'camera|computer|telephone|keyboard|bottle|glass|jug|pot|pan|bowl|plate|basket|bag|box|hat|cap|helmet|shoe|' +
    'footwear|necktie|skirt|coat|sweater|swimsuit|scarf|mask|towel|curtain|chair|table|sofa|baby bed|cabinet|' +
    'oven|kitchen appliance|fence|bridge|house|shop|place of worship|theater|tower|roof|mountain|shore|flower|' +
    'fruit|vegetable|squash|mushroom|bread|sandwich|dessert'
  ).split('|'),
);

/** Never used: offensive if wrong about a person. */
const UNSAID = new Set(['primate', 'undergarment']);

/** Words for a picture's stored classes, most likely first; empty when nothing is likely. */
export function seenWords(names: readonly ClassName[], classes: string): string[] {
  const shares = new Map<string, number>();
  for (const { index, share } of unpackClasses(classes)) {
    const word = names[index] === undefined ? null : wordOf(names[index], share);
    if (word !== null) shares.set(word, (shares.get(word) ?? 0) + share);
  }
  const likely = [...shares].filter(([, share]) => share >= LIKELY).sort(([, a], [, b]) => b - a);
  return likely.slice(0, MOST_WORDS).map(([word]) => word);
}

function wordOf({ names, hypernyms }: ClassName, share: number): string | null {
  if (hypernyms.some((term) => UNSAID.has(term))) return null;
  return (share < SURE && hypernyms.find((term) => PLAIN.has(term))) || names[0]!;
}
