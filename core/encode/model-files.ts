import { createHash } from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SightlineError } from '../errors.ts';
import type { OnnxOutline } from '../onnx/inspect.ts';
import { loadOnnx, type OnnxModel, type OnnxOptions } from '../onnx/onnx-session.ts';
import type { ModelFile } from './manifest-encoder.ts';

/** Finds model files and verifies that they match the manifest. */

/** Large reads: hashing 35 MB takes a few tens of milliseconds. */
const READ_BYTES = 1 << 20;

/**
 * The folder in the first of the directories that has it.
 * @throws {model-mismatch} with the advice, when none has it
 */
export async function findFolder(modelDirs: readonly string[], folder: string, advice?: string): Promise<string> {
  for (const dir of modelDirs) {
    const path = join(dir, folder);
    const info = await stat(path).catch(() => null);
    if (info?.isDirectory()) return path;
  }
  const found = `found none${advice === undefined ? '' : `: ${advice}`}`;
  throw new SightlineError('model-mismatch', `expected a folder ${folder} in ${modelDirs.join(' or ')}, ${found}`, {
    details: { folder },
  });
}

/**
 * The folder of an encoder, under the first of its names that exists.
 * @throws {model-mismatch} when neither exists
 */
export async function findEncoder(
  modelDirs: readonly string[],
  { folder, otherFolder }: { readonly folder: string; readonly otherFolder?: string | undefined },
  advice?: string,
): Promise<string> {
  try {
    return await findFolder(modelDirs, folder, advice);
  } catch (error) {
    if (otherFolder === undefined) throw error;
    return findFolder(modelDirs, otherFolder).catch(() => {
      throw error;
    });
  }
}

/** SHA-256 of a file as lower-case hex, read in pieces. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of readInPieces(path)) hash.update(piece);
  return hash.digest('hex');
}

/**
 * The bytes of a file in pieces, each valid until the next: they share one buffer, because garbage of tens of megabytes
 * would enlarge the process for good.
 */
async function* readInPieces(path: string): AsyncGenerator<Buffer> {
  await using file = await open(path);
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  for (;;) {
    const { bytesRead } = await file.read(buffer);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

/**
 * Verifies that `folder` holds the file as described, and returns its actual SHA-256, which is the pinned one unless
 * the manifest says null.
 * @throws {model-mismatch} naming file, expectation and finding for a file that is missing, truncated or altered
 */
export async function verifyFile(folder: string, file: ModelFile): Promise<string> {
  const path = join(folder, file.path);
  const info = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  if (info instanceof Error || !info.isFile()) {
    if (info instanceof Error && info.code === 'ENOENT') throw mismatch(path, 'a file', 'none (ENOENT)');
    throw mismatch(path, 'a readable file', info instanceof Error ? info.message : 'something that is not a file');
  }
  if (file.bytes !== null && info.size !== file.bytes) throw mismatch(path, `${file.bytes} bytes`, `${info.size}`);
  let sha256: string;
  try {
    sha256 = await sha256OfFile(path);
  } catch (error) {
    throw mismatch(path, 'a readable file', (error as Error).message, error);
  }
  if (file.sha256 !== null && sha256 !== file.sha256) throw mismatch(path, `SHA-256 ${file.sha256}`, sha256);
  return sha256;
}

/** Tensors a model must have: name to declared shape, where null stands for any size. */
export interface ExpectedTensors {
  /** Element type of all inputs; outputs are float32. */
  readonly inputType: 'float32' | 'int64';
  readonly inputs: Readonly<Record<string, readonly (number | null)[]>>;
  readonly outputs: Readonly<Record<string, readonly (number | null)[]>>;
  /** Whether it may have further inputs. */
  readonly otherInputs?: boolean;
  /** Whether its weights are in another file, whose hash was also checked. */
  readonly hasWeightsBeside?: boolean;
}

/** Checks of a foreign file before onnxruntime loads it. */
export interface ExpectedFile {
  readonly opset?: number | undefined;
  /** An input of token ids, and how many ids there are. */
  readonly vocabulary?: { readonly input: string; readonly size: number };
}

/** Embedding tables are padded to a multiple of 8 to 256 rows; a larger difference means another vocabulary. */
const PADDING_ROWS = 255;

/**
 * Loads an ONNX file and verifies that it takes exactly these inputs and has at least these outputs, with these sizes
 * and types. With `file`, also checks its structure and that its operators are known; a file made by this program, or
 * with the hash of a checked one, does not need that.
 * @throws {model-mismatch} naming the file and both sides
 */
export async function loadChecked(
  path: string,
  expected: ExpectedTensors,
  file: ExpectedFile | null,
  options: OnnxOptions,
): Promise<OnnxModel> {
  if (!expected.hasWeightsBeside) await refuseExternal(path);
  if (file !== null) await checkFile(path, file);
  let model: OnnxModel;
  try {
    model = await loadOnnx(path, options);
  } catch (error) {
    throw mismatch(path, 'an ONNX model that onnxruntime runs', (error as Error).message, error);
  }
  try {
    checkTensors(path, model, expected);
    return model;
  } catch (error) {
    await model.release();
    throw error;
  }
}

/**
 * The first field of an entry of TensorProto.external_data, whose key `location` names another file (onnx.proto3: key =
 * 1). No operator has an attribute with this name, and weights contain these ten bytes by chance once in 2^80
 * positions. A byte search also covers tensors in attributes and subgraphs.
 */
const EXTERNAL = Buffer.from('\x0a\x08location');

/** Weights in another file are not covered by the hash of this one. */
async function refuseExternal(path: string): Promise<void> {
  const most = EXTERNAL.length - 1;
  let before = Buffer.alloc(0);
  try {
    for await (const piece of readInPieces(path)) {
      const across = Buffer.concat([before, piece.subarray(0, most)]);
      if (piece.includes(EXTERNAL) || across.includes(EXTERNAL)) {
        throw mismatch(path, 'a model with all its weights inside', 'one with external data: save it as one file');
      }
      before = Buffer.from(piece.subarray(-most));
    }
  } catch (error) {
    if (error instanceof SightlineError) throw error;
    throw mismatch(path, 'a readable file', (error as Error).message, error);
  }
}

async function checkFile(path: string, { opset, vocabulary }: ExpectedFile): Promise<void> {
  // Imported lazily: bundled models do not need it.
  const { readOutline } = await import('../onnx/inspect.ts');
  let outline: OnnxOutline;
  try {
    outline = readOutline(await readFile(path));
  } catch (error) {
    throw mismatch(path, 'an ONNX model that onnxruntime runs', `something else (${(error as Error).message})`, error);
  }
  if (outline.customOperators.length > 0) {
    const got = `the custom operators ${outline.customOperators.join(', ')}`;
    throw mismatch(path, 'operators of ONNX and onnxruntime only', got);
  }
  if (opset !== undefined && outline.opset !== opset) {
    throw mismatch(path, `opset ${opset}, as the manifest says`, `${outline.opset ?? 'none'}`);
  }
  const rows = vocabulary === undefined ? null : outline.tableRows(vocabulary.input);
  if (vocabulary !== undefined && rows !== null) {
    const { size } = vocabulary;
    if (rows >= size && rows - size <= PADDING_ROWS) return;
    throw mismatch(
      path,
      `embeddings of ${size} tokens, as its tokenizer has`,
      `${rows}: one of them is another model's`,
    );
  }
}

function checkTensors(path: string, model: OnnxModel, expected: ExpectedTensors): void {
  const { inputs, outputs, inputType } = expected;
  const wanted = Object.keys(inputs).sort().join(', ');
  const known = model.inputNames.filter((name) => name in inputs || !expected.otherInputs);
  const got = known.sort().join(', ');
  if (wanted !== got) throw mismatch(path, `inputs ${wanted}`, got);
  for (const [name, shape] of Object.entries({ ...inputs, ...outputs })) {
    if (!model.inputNames.includes(name) && !model.outputNames.includes(name)) {
      throw mismatch(path, `an output ${name}`, model.outputNames.join(', '));
    }
    const type = name in inputs ? inputType : 'float32';
    if (model.typeOf(name) !== type) throw mismatch(path, `${name} of type ${type}`, model.typeOf(name) ?? 'no tensor');
    const actual = model.shapeOf(name);
    // A dynamic size matches every expectation; the run itself will tell.
    const fits =
      actual !== null &&
      actual.length === shape.length &&
      shape.every((size, i) => size === null || typeof actual[i] !== 'number' || actual[i] === size);
    if (!fits)
      throw mismatch(path, `${name} of shape ${describe(shape)}`, actual === null ? 'no tensor' : describe(actual));
  }
}

function describe(shape: readonly (number | string | null)[]): string {
  return `[${shape.map((size) => size ?? 'any').join(', ')}]`;
}

function mismatch(path: string, expected: string, got: string, cause?: unknown): SightlineError {
  return new SightlineError('model-mismatch', `${path}: expected ${expected}, got ${got}`, {
    cause,
    details: { file: path, expected, got },
  });
}
