import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  AutoTokenizer,
  CLIPTextModelWithProjection,
  env,
  type PreTrainedModel,
  type PreTrainedTokenizer,
  pipeline,
  SiglipTextModel,
} from '@xenova/transformers';
import type { TextEncoderEntry } from '../../core/encode/manifest-encoder.ts';
import { special } from './random-tokenizers.ts';
import { weightsInside } from './weights-inside.ts';

/** The original library, `@xenova/transformers`, with a text encoder's files: the reference for our ids and vectors. */

export interface Reference {
  /** Token ids of a text, including special tokens, without truncation (which would drop the last one) or padding. */
  ids(text: string): number[];
  /** Unit vector of a text: only the model's own output, without the parts we add. */
  embed(text: string): Promise<Float32Array>;
}

/** Tokenizer types, and the settings the library needs for each. */
const KINDS = {
  WordPiece: { model_type: 'bert', tokenizer_class: 'BertTokenizer' },
  BPE: { model_type: 'clip_text_model', tokenizer_class: 'CLIPTokenizer' },
  Unigram: { model_type: 'siglip_text_model', tokenizer_class: 'SiglipTokenizer' },
  pieces: { model_type: 'xlm-roberta', tokenizer_class: 'XLMRobertaTokenizer' },
} as const;
export type TokenizerKind = keyof typeof KINDS;

/**
 * Opens an encoder from a models folder in the library.
 * @param to an empty folder, for the layout that the library expects
 */
export async function openReference(
  entry: TextEncoderEntry,
  models: string,
  to: string,
): Promise<Reference & { readonly kind: TokenizerKind }> {
  const from = join(models, entry.folder);
  const { json, kind } = tokenizerOf(join(from, entry.files.tokenizer.path));
  const { model_type, tokenizer_class } = KINDS[kind];
  mkdirSync(join(to, entry.folder, 'onnx'), { recursive: true });
  const write = (name: string, value: unknown) => writeFileSync(join(to, entry.folder, name), JSON.stringify(value));
  const config = JSON.parse(readFileSync(join(from, entry.files.tokenizerConfig.path), 'utf8')) as object;
  write('tokenizer.json', json);
  write('tokenizer_config.json', { ...config, tokenizer_class, model_max_length: entry.maxTokens });
  write('config.json', { model_type });
  const model = join(from, entry.files.model.path);
  const place = join(to, entry.folder, 'onnx', 'model.onnx');
  // The library loads the model from bytes, so it cannot find external weights next to the file.
  if (entry.files.weights !== undefined) writeFileSync(place, weightsInside(from, entry));
  else if (process.platform === 'win32') cpSync(model, place);
  else symlinkSync(model, place);
  env.allowRemoteModels = false;
  env.localModelPath = to;

  const tokenizer = await AutoTokenizer.from_pretrained(entry.folder);
  const prefix = entry.prefix[entry.prefix.used];
  const ids = (text: string) => {
    const { input_ids } = tokenizer(prefix + text, { truncation: false, padding: false }) as {
      input_ids: { data: BigInt64Array };
    };
    return Array.from(input_ids.data, Number);
  };
  const embed = await embedding(entry, tokenizer, kind);
  return { kind, ids, embed: (text) => embed(prefix + text) };
}

async function embedding(
  entry: TextEncoderEntry,
  tokenizer: PreTrainedTokenizer,
  kind: TokenizerKind,
): Promise<(text: string) => Promise<Float32Array>> {
  const options = { dtype: 'fp32', model_file_name: 'model' } as const;
  if (kind === 'WordPiece' || kind === 'pieces') {
    const extract = await pipeline('feature-extraction', entry.folder, options);
    const pooling = entry.pooling as 'mean' | 'cls';
    return async (text) => (await extract(text, { pooling, normalize: true })).data as Float32Array;
  }
  const Model = kind === 'BPE' ? CLIPTextModelWithProjection : SiglipTextModel;
  const model: PreTrainedModel = await Model.from_pretrained(entry.folder, options);
  const padding = entry.padding === 'max' ? ('max_length' as const) : false;
  return async (text) => {
    const inputs = tokenizer(text, { padding, truncation: true, max_length: entry.maxTokens });
    const answer = (await model(inputs)) as Record<string, { normalize(): { data: Float32Array } }>;
    return answer[entry.tensors.output]!.normalize().data;
  };
}

/** tokenizer.json, generated here if we store only a plain vocabulary. */
function tokenizerOf(path: string): { json: object; kind: TokenizerKind } {
  if (path.endsWith('.unigram')) return { json: unigramJson(readFileSync(path)), kind: 'pieces' };
  const json = JSON.parse(readFileSync(path, 'utf8')) as { model: { type?: string; vocab: unknown } };
  return { json, kind: (json.model.type ?? 'WordPiece') as TokenizerKind };
}

/** Converts XLM-R's SentencePiece model the way `tokenizers` does. */
function unigramJson(bytes: Buffer): object {
  const count = bytes.readUInt32LE(0);
  const pieces = bytes.toString('utf8', 4 + 4 * count).split('\n');
  const vocab = Array.from({ length: count }, (_, id) => [pieces[id]!, bytes.readFloatLE(4 + 4 * id)]);
  const idOf = (piece: string) => pieces.indexOf(piece);
  const added = ['<s>', '<pad>', '</s>', '<unk>'].map((content) => special(idOf(content), content));
  const token = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
  const tokens = Object.fromEntries(['<s>', '</s>'].map((id) => [id, { id, ids: [idOf(id)], tokens: [id] }]));
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: {
      type: 'Sequence',
      normalizers: [{ type: 'NFKC' }, { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' }],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'WhitespaceSplit' },
        { type: 'Metaspace', replacement: '▁', add_prefix_space: true, prepend_scheme: 'always' },
      ],
    },
    post_processor: {
      type: 'TemplateProcessing',
      single: [token('<s>'), { Sequence: { id: 'A', type_id: 0 } }, token('</s>')],
      pair: [],
      special_tokens: tokens,
    },
    decoder: { type: 'Metaspace', replacement: '▁', add_prefix_space: true, prepend_scheme: 'always' },
    model: { type: 'Unigram', unk_id: idOf('<unk>'), vocab },
  };
}
