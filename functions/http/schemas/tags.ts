import { z } from '@hono/zod-openapi';
import { plainText, repeated } from './common.ts';

/** Maximum tags of one picture or caption, and in one filter. */
export const MAX_TAGS = 32;
const MAX_TAG_LENGTH = 64;

/** One tag. */
export const tag = plainText(MAX_TAG_LENGTH).openapi({ type: 'string', minLength: 1, maxLength: MAX_TAG_LENGTH });

/** Tags in the order given, without duplicates. */
export const tags = z
  .array(tag)
  .max(MAX_TAGS)
  .transform((list) => [...new Set(list)])
  .openapi({ description: 'Each once; duplicates are dropped.', example: ['beach', 'dog'] });

/** What something has when tags are added: its own, and as many of the others as it may have. */
export function withTags(own: readonly string[], added: readonly string[]): string[] {
  return [...new Set([...own, ...added])].slice(0, Math.max(MAX_TAGS, own.length));
}

/** Tags as a parameter, given once or repeated. */
export const tagParameters = repeated(tag, MAX_TAGS);
