import { readFileSync } from 'node:fs';

export interface RecordedCall {
  readonly note: string;
  readonly request: { readonly method: string; readonly path: string; readonly body?: unknown };
  readonly response: { readonly status: number; readonly contentType: string | null; readonly body: unknown };
}

/** Responses of a real Qdrant 1.18.3, in the order of the calls. */
export const RECORDING: readonly RecordedCall[] = JSON.parse(
  readFileSync(new URL('../../../golden/qdrant/answers.json', import.meta.url), 'utf8'),
);
