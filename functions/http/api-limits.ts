/**
 * Limits that are part of the API: stated in the OpenAPI document, the same in every installation. Those that depend on
 * the machine (bytes of a picture, requests a minute, time) are options, see options.ts.
 */
export const LIMITS = {
  /** Characters (UTF-16 units) of a text; the text encoder reads 256 tokens, about 1,000 characters of English. */
  textLength: 2000,
  /** Items of one page. */
  page: 200,
  defaultPage: 20,
  /** Terms of one query. */
  terms: 8,
  /** Largest weight of a term, and smallest below zero. */
  weight: 2,
  tags: 32,
  tagLength: 64,
  /** Bytes of an object key in UTF-8, as in S3. */
  keyBytes: 1024,
  cursorLength: 2000,
  /** MIME types in one filter. */
  contentTypes: 16,
  /** Captions of one batch. */
  captions: 100,
  embedTexts: 64,
  embedImages: 16,
  /** Components of a vector in a query; how many it must have is the dimension of the space. */
  vectorLength: 4096,
  /** Bytes of a picture inside JSON, before base64; larger ones are sent as multipart. */
  inlineImageBytes: 10 * 1024 ** 2,
  /** Bytes of a JSON body without and with pictures in it. */
  jsonBytes: 1024 ** 2,
  jsonWithImagesBytes: 24 * 1024 ** 2,
  /** Bytes of a multipart body beside its files. */
  formOverheadBytes: 1024 ** 2,
  /** Pixels of a thumbnail's longer edge. */
  thumbnailMin: 64,
  thumbnailMax: 1024,
  thumbnailDefault: 256,
} as const;
