import { Readable } from 'node:stream';
import { type CsvError, type Info, parse } from 'csv-parse';
import { isSightlineError, SightlineError } from '../../core/errors.ts';
import type { Findings } from './problems-found.ts';
import type { SourceFile } from './source-files.ts';

/** A longer record means an unclosed quote. */
const MAX_RECORD_BYTES = 1 << 20;

export interface Row {
  /** Line number in the file, from 1; the last line of a multi-line row. */
  readonly line: number;
  readonly fields: readonly string[];
}

/**
 * Reads the rows of a delimited text file in constant memory. Rows that are not UTF-8 are counted (`not-utf8`) and
 * skipped.
 * @throws {invalid-input} naming the line after which nothing can be trusted, such as a quote that never ends
 */
export async function* readTable(
  file: SourceFile,
  options: { readonly delimiter: string; readonly quote: string | null },
  findings: Findings,
): AsyncGenerator<Row> {
  const parser = parse({
    ...options,
    // One character per byte, so that invalid UTF-8 can be detected row by row afterwards.
    encoding: 'latin1',
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_quotes: true,
    relax_column_count: true,
    skip_empty_lines: true,
    info: true,
    max_record_size: MAX_RECORD_BYTES,
  });
  const input = Readable.from(file.open());
  input.on('error', (error) => parser.destroy(error));
  input.pipe(parser);
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: Info }>) {
      const line = info.lines;
      let fields: string[];
      try {
        fields = record.map((field) => decoder.decode(Buffer.from(field, 'latin1')));
      } catch {
        findings.note('not-utf8', `${file.path} line ${line}`);
        continue;
      }
      yield { line, fields };
    }
  } catch (error) {
    if (isSightlineError(error) || !(error instanceof Error)) throw error;
    const line = (error as Partial<CsvError>).lines ?? '?';
    throw new SightlineError('invalid-input', `${file.path} line ${line}: expected a table, got: ${error.message}`, {
      cause: error,
    });
  } finally {
    input.destroy();
  }
}

const DELIMITERS = [',', ';', '\t', '|'];

/**
 * The delimiter of a table: the most frequent candidate in its header. Excel writes `;` in locales with decimal commas.
 */
export function delimiterOf(header: string): string {
  const count = (delimiter: string) => header.split(delimiter).length;
  return DELIMITERS.reduce((most, delimiter) => (count(delimiter) > count(most) ? delimiter : most));
}

export function columnsOf(header: string): string[] {
  return header.split(delimiterOf(header)).map((name) => name.replaceAll('"', '').trim());
}
