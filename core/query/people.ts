import { setOf } from './tokens.ts';

/**
 * Who wants nobody in a picture says "people", which captions say of crowds: of pictures of one person the vector of
 * that word knows little. Those of a man, a woman and a child tell better (docs/decisions/0026-words-people-type.md).
 */
const FORMS: readonly (readonly [words: string, shown: readonly string[]])[] = [
  ['people person persons human humans anyone anybody', ['a man', 'a woman', 'a child']],
  ['menschen mensch personen person leute jemand jemanden', ['ein Mann', 'eine Frau', 'ein Kind']],
  ['personnes personne gens humains', ['un homme', 'une femme', 'un enfant']],
  ['personas persona gente nadie humanos', ['un hombre', 'una mujer', 'un niño']],
  ['人 人物 人们 人類 人类', ['男人', '女人', '孩子']],
];
const PEOPLE = FORMS.map(([words, shown]) => [setOf(words), shown] as const);

/** What pictures show that an unwanted text is about: people one by one, anything else as it is said. */
export function shownOf(unwanted: string): readonly string[] {
  const word = unwanted.trim().toLowerCase();
  return PEOPLE.find(([words]) => words.has(word))?.[1] ?? [unwanted];
}
