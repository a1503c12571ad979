import { z } from '@hono/zod-openapi';
import { id, repeated } from './common.ts';
import { filterBody } from './filter.ts';

/** Maximum pictures in one archive. */
export const MAX_ARCHIVED = 10_000;
/** Maximum size of a response on Lambda; AWS, "Response streaming for Lambda functions". Bytes. */
export const MAX_ON_LAMBDA_BYTES = 200 * 1000 ** 2;

export const archiveBody = z
  .strictObject({ ids: z.array(id).min(1).max(MAX_ARCHIVED).optional(), filter: filterBody.optional() })
  .refine(({ ids, filter }) => (ids === undefined) !== (filter === undefined), 'expected either ids or filter')
  .openapi('ArchiveRequest', {
    oneOf: [{ required: ['ids'] }, { required: ['filter'] }],
    example: { filter: { orientation: 'landscape' } },
  });

/** Ids as a form: a browser saves the response of a form while it arrives. */
export const archiveForm = z.strictObject({ ids: repeated(id, MAX_ARCHIVED).pipe(z.array(id)) });
