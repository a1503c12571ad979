import { glob, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';

/** Size of a folder in bytes, by the columns of the table. */
export interface Sizes {
  readonly total: number;
  readonly parts: Readonly<Record<string, number>>;
}

/** Lambda's own limit for a function and its layers, unzipped (Lambda developer guide, "Quotas"). */
const LAMBDA_LIMIT_BYTES = 262_144_000;

export const FUNCTIONS = ['api', 'ingest'] as const;
export type FunctionName = (typeof FUNCTIONS)[number];
export type Budget = Readonly<Record<FunctionName, number>>;

const both = (bytes: number): Budget => ({ api: bytes, ingest: bytes });

/**
 * Maximum unzipped bytes of an artifact, which a cold start reads. Other profiles have Lambda's limit.
 */
const BUDGET_BYTES: Readonly<Record<string, Budget>> = {
  // Pictures alone need half as much as words and pictures.
  compact: { api: 150e6, ingest: 85e6 },
  seed: both(200e6),
  'seed-int8': both(200e6),
};

/** @param bytes budget for each function instead of the profile's own */
export function budgetOf(profile: string, bytes?: number): Budget {
  return bytes === undefined ? (BUDGET_BYTES[profile] ?? both(LAMBDA_LIMIT_BYTES)) : both(bytes);
}

export async function measure(folder: string): Promise<Sizes> {
  const parts: Record<string, number> = {};
  let total = 0;
  for await (const entry of glob('**', { cwd: folder, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const { size } = await stat(file);
    const part = partOf(file.slice(folder.length + 1).split(sep));
    parts[part] = (parts[part] ?? 0) + size;
    total += size;
  }
  return { total, parts: Object.fromEntries(Object.entries(parts).sort(([, a], [, b]) => b - a)) };
}

function partOf([first = '', second = '']: string[]): string {
  if (first === 'models') return second.endsWith('.json') ? 'models/manifest.json' : `models/${second}`;
  if (first === 'node_modules') return second === '@img' || second === 'sharp' ? 'sharp and libvips' : second;
  if (first === 'packed') return 'sharp and libvips';
  return first === 'functions' ? 'code' : first;
}

/** Lines of a table with one column per function, in MB (1,000,000 bytes). */
export function sizeTable(functions: Readonly<Record<FunctionName, Sizes>>, budget: Budget): string[] {
  const names = FUNCTIONS;
  const rows = [...new Set(names.flatMap((name) => Object.keys(functions[name].parts)))];
  const line = (label: string, cells: readonly string[]) =>
    label.padEnd(24) + cells.map((cell) => cell.padStart(10)).join('');
  const mb = (bytes: number | undefined) => (bytes === undefined ? '-' : (bytes / 1e6).toFixed(2));
  return [
    line('MB, unzipped', names),
    ...rows.map((row) =>
      line(
        row,
        names.map((name) => mb(functions[name].parts[row])),
      ),
    ),
    line(
      'total',
      names.map((name) => mb(functions[name].total)),
    ),
    line(
      'budget',
      names.map((name) => mb(budget[name])),
    ),
  ];
}
