/** The best k results for each of many queries, collected while results stream by in any order. */
export class TopLists {
  readonly k: number;
  /** [queries, k], best first; -1 if there are fewer results. */
  readonly answers: Int32Array;
  /** [queries, k], in the order of `answers`. */
  readonly scores: Float64Array;
  /** [queries] The score that a result must beat; infinite for empty lists. */
  readonly floors: Float64Array;

  constructor(queries: number, k: number) {
    this.k = k;
    this.answers = new Int32Array(queries * k).fill(-1);
    this.scores = new Float64Array(queries * k).fill(Number.NEGATIVE_INFINITY);
    this.floors = new Float64Array(queries).fill(k === 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY);
  }

  /** Inserts a result. Only call it with a score above the floor. */
  insert(query: number, answer: number, score: number): void {
    const { k, answers, scores } = this;
    const first = query * k;
    let at = first + k - 1;
    for (; at > first && scores[at - 1]! < score; at--) {
      scores[at] = scores[at - 1]!;
      answers[at] = answers[at - 1]!;
    }
    scores[at] = score;
    answers[at] = answer;
    this.floors[query] = scores[first + k - 1]!;
  }

  /** The results of a query, best first. */
  of(query: number): { answer: number; score: number }[] {
    const found: { answer: number; score: number }[] = [];
    for (let at = query * this.k; at < (query + 1) * this.k && this.answers[at] !== -1; at++) {
      found.push({ answer: this.answers[at]!, score: this.scores[at]! });
    }
    return found;
  }
}
