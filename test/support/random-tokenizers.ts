/**
 * Tokenizers of the same kinds as those of CLIP and SigLIP, with the same special ids and vocabulary sizes; most tokens
 * are placeholders that no text produces.
 */

const json = (value: unknown) => Buffer.from(JSON.stringify(value));

/** An added token of a tokenizer.json. */
export const special = (id: number, content: string) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
});

/**
 * The characters GPT-2 and CLIP use for bytes: printable ones stand for themselves; others are mapped from 256 upwards.
 */
function byteCharacters(): string[] {
  const printable = (byte: number) =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
}

/** CLIP's byte-level BPE with the original ids for bytes and special tokens, a few merges, and placeholders. */
export function clipTokenizer(): { 'tokenizer.json': Buffer; 'tokenizer_config.json': Buffer } {
  const bytes = byteCharacters();
  const vocab = new Map<string, number>();
  const add = (token: string) => vocab.set(token, vocab.get(token) ?? vocab.size);
  for (const byte of bytes) add(byte);
  for (const byte of bytes) add(`${byte}</w>`);
  const merges = ['d o', 'do g</w>', 'c a', 'ca t</w>', 'i n', 'b e', 'be a', 'bea c', 'beac h</w>'];
  for (const merge of merges) add(merge.replace(' ', ''));
  for (let i = vocab.size; i < 49_406; i++) add(`<|unused${i}|>`);
  add('<|startoftext|>');
  add('<|endoftext|>');
  const ends = { sep: ['<|endoftext|>', 49_407], cls: ['<|startoftext|>', 49_406] };
  return {
    'tokenizer.json': json({
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: [special(49_406, '<|startoftext|>'), special(49_407, '<|endoftext|>')],
      normalizer: {
        type: 'Sequence',
        normalizers: [
          { type: 'NFC' },
          { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
          { type: 'Lowercase' },
        ],
      },
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          {
            type: 'Split',
            behavior: 'Removed',
            invert: true,
            pattern: { Regex: "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+" },
          },
          { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
        ],
      },
      post_processor: { type: 'RobertaProcessing', ...ends, trim_offsets: false, add_prefix_space: false },
      decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: '<|endoftext|>',
        continuing_subword_prefix: '',
        end_of_word_suffix: '</w>',
        fuse_unk: false,
        vocab: Object.fromEntries(vocab),
        merges,
      },
    }),
    'tokenizer_config.json': json({
      tokenizer_class: 'CLIPTokenizer',
      model_max_length: 77,
      pad_token: '<|endoftext|>',
      bos_token: '<|startoftext|>',
      eos_token: '<|endoftext|>',
      unk_token: '<|endoftext|>',
    }),
  };
}

/** SigLIP's SentencePiece (Unigram) with its special ids, pieces for letters and a few words, and placeholders. */
export function siglipTokenizer(): { 'tokenizer.json': Buffer; 'tokenizer_config.json': Buffer } {
  const vocab: [string, number][] = [
    ['<pad>', 0],
    ['</s>', 0],
    ['<unk>', 0],
    ['▁', -3],
  ];
  for (const letter of 'abcdefghijklmnopqrstuvwxyz0123456789') vocab.push([letter, -6]);
  for (const word of ['▁a', '▁dog', '▁cat', '▁on', '▁the', '▁beach', 'ing', '▁run']) vocab.push([word, -4]);
  for (let i = vocab.length; i < 32_000; i++) vocab.push([`▁unused${i}`, -20]);
  return {
    'tokenizer.json': json({
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: [special(0, '<pad>'), special(1, '</s>'), special(2, '<unk>')],
      normalizer: {
        type: 'Sequence',
        normalizers: [
          { type: 'Lowercase' },
          { type: 'Replace', pattern: { Regex: '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~]' }, content: '' },
          { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
          { type: 'Strip', strip_left: true, strip_right: true },
        ],
      },
      pre_tokenizer: { type: 'Metaspace', replacement: '▁', add_prefix_space: true, prepend_scheme: 'always' },
      post_processor: {
        type: 'TemplateProcessing',
        single: [{ Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: '</s>', type_id: 0 } }],
        pair: [],
        special_tokens: { '</s>': { id: '</s>', ids: [1], tokens: ['</s>'] } },
      },
      decoder: { type: 'Metaspace', replacement: '▁', add_prefix_space: true, prepend_scheme: 'always' },
      model: { type: 'Unigram', unk_id: 2, vocab },
    }),
    'tokenizer_config.json': json({
      tokenizer_class: 'SiglipTokenizer',
      model_max_length: 64,
      pad_token: '</s>',
      eos_token: '</s>',
      unk_token: '<unk>',
    }),
  };
}
