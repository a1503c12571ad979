import { ModelOutline } from './protobuf.ts';

/** The outline of an ONNX file, read without its weights and without loading it. */

export interface OnnxOutline {
  /** Version of the standard operators; null when the file names none. */
  readonly opset: number | null;
  /** Operators that neither the standard nor onnxruntime has, as `domain.Operator`. */
  readonly customOperators: readonly string[];
  /** Rows of the table that an input such as token ids indexes; null when there is none or it is not a constant. */
  tableRows(input: string): number | null;
}

interface Node {
  readonly opType: string;
  readonly domain: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
}

interface Model {
  readonly opsetImport: readonly { readonly domain: string; readonly version: unknown }[];
  /** Operators that the file itself defines. */
  readonly functions: readonly { readonly name: string; readonly domain: string }[];
  readonly graph: {
    readonly node: readonly Node[];
    readonly initializer: readonly { readonly name: string; readonly dims: readonly unknown[] }[];
  } | null;
}

const STANDARD = ['', 'ai.onnx'];
/**
 * Every onnxruntime has the operators of these domains:
 * https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
 */
const KNOWN_DOMAINS = new Set([...STANDARD, 'ai.onnx.ml', 'com.microsoft', 'com.microsoft.nchwc']);

/** Operators that pass ids through unchanged, from their first input. */
const PASSING = new Set(['Cast', 'Identity', 'Reshape', 'Unsqueeze', 'Squeeze', 'Flatten']);
/** Operators that unpack a stored table row by row, from their first input. */
const UNPACKING = new Set(['Cast', 'Identity', 'DequantizeLinear', 'Mul']);
/** Operators that look rows up, with the positions of the ids and the table among their inputs. */
const LOOKUPS: Readonly<Record<string, { readonly ids: number; readonly table: number }>> = {
  Gather: { ids: 1, table: 0 },
  GatherBlockQuantized: { ids: 1, table: 0 },
  EmbedLayerNormalization: { ids: 0, table: 2 },
};

/**
 * Reads the outline of an ONNX file.
 * @throws {Error} when it is not one
 */
export function readOutline(bytes: Uint8Array): OnnxOutline {
  const { opsetImport, functions, graph } = ModelOutline.decode(bytes) as unknown as Model;
  const nodes = graph?.node ?? [];
  const own = new Set(functions.map(({ domain, name }) => `${domain}.${name}`));
  const custom = nodes
    .filter(({ domain }) => !KNOWN_DOMAINS.has(domain))
    .map(({ domain, opType }) => `${domain}.${opType}`);
  const version = opsetImport.find(({ domain }) => STANDARD.includes(domain))?.version;
  return {
    opset: version === undefined ? null : Number(version),
    customOperators: [...new Set(custom)].filter((name) => !own.has(name)),
    tableRows: (input) => (graph === null ? null : tableRows(graph, input)),
  };
}

function tableRows({ node, initializer }: NonNullable<Model['graph']>, input: string): number | null {
  const ids = new Set([input]);
  // Nodes are in the order in which they run.
  for (const { opType, input: from, output } of node) {
    const lookup = LOOKUPS[opType];
    if (lookup !== undefined && ids.has(from[lookup.ids] ?? '')) {
      const rows = initializer.find(({ name }) => name === stored(from[lookup.table] ?? '', node))?.dims[0];
      if (rows !== undefined) return Number(rows);
    }
    if (PASSING.has(opType) && ids.has(from[0] ?? '')) for (const name of output) ids.add(name);
  }
  return null;
}

/** The constant from which a table is unpacked. */
function stored(table: string, nodes: readonly Node[]): string {
  const maker = nodes.find(({ opType, output }) => UNPACKING.has(opType) && output.includes(table));
  return maker === undefined ? table : stored(maker.input[0] ?? '', nodes);
}
