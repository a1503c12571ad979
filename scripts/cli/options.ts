import { toggle } from '../../core/setting-value.ts';
import { flagOf, SETTINGS } from '../../core/settings.ts';

/** Options shared by several commands. */

export const JSON_OUTPUT = toggle({ text: 'print one JSON document and nothing else on standard output' });

export const DATA = flagOf(SETTINGS.data);

export const CONCURRENCY = flagOf(SETTINGS.concurrency);

/** Where the vectors are, and the pictures if they are in a bucket. */
export const INDEX = { data: DATA, bucket: flagOf(SETTINGS.bucket), qdrant: flagOf(SETTINGS.qdrantUrl) };
