import { setOf } from './tokens.ts';

/**
 * Users who want nobody in a picture write "people", a word that captions use for crowds: its vector is far from
 * pictures of one person. Those of a man, a woman and a child work better (docs/decisions/0026-words-people-type.md).
 */
const FORMS: readonly (readonly [words: string, shown: readonly string[]])[] = [
  ['people person persons human humans anyone anybody', ['a man', 'a woman', 'a child']],
  ['menschen mensch personen person leute jemand jemanden', ['ein Mann', 'eine Frau', 'ein Kind']],
  ['personnes personne gens humains', ['un homme', 'une femme', 'un enfant']],
  ['personas persona gente nadie humanos', ['un hombre', 'una mujer', 'un niño']],
  ['人 人物 人们 人類 人类', ['男人', '女人', '孩子']],
];
const PEOPLE = FORMS.map(([words, shown]) => [setOf(words), shown] as const);

/** The texts to subtract for an unwanted text: persons instead of people, anything else unchanged. */
export function shownOf(unwanted: string): readonly string[] {
  const word = unwanted.trim().toLowerCase();
  return PEOPLE.find(([words]) => words.has(word))?.[1] ?? [unwanted];
}
