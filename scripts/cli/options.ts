import { path, text, toggle, whole } from '../../core/option.ts';

/** Options that several commands have in common. */

export const JSON_OUTPUT = toggle({ text: 'one JSON document instead of lines, and nothing else on standard output' });

export const DATA = path({ text: 'folder of the index', shown: 'data' });

export const CONCURRENCY = whole({ min: 1, max: 64, text: 'pictures at the same time', shown: 'cores, at least 2' });

/** Where the vectors are, and the pictures when they are in a bucket. */
export const INDEX = {
  data: DATA,
  bucket: text({ unit: 's3://NAME', text: 'S3 bucket that is served instead of a folder' }),
  qdrant: text({ unit: 'URL', text: 'Qdrant server with the vectors, instead of a file (key: QDRANT_API_KEY)' }),
};
