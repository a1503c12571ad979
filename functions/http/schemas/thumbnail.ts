import { z } from '@hono/zod-openapi';
import { integerWithDefault } from './common.ts';

const MIN_THUMBNAIL = 64;
/** Maximum pixels of a thumbnail's longer edge: large enough to show formats that browsers cannot display. */
const MAX_THUMBNAIL = 2048;
const DEFAULT_THUMBNAIL = 256;

export const thumbnailQuery = z.strictObject({
  size: integerWithDefault({
    min: MIN_THUMBNAIL,
    max: MAX_THUMBNAIL,
    default: DEFAULT_THUMBNAIL,
  }).describe('Pixels of the longer edge; smaller pictures are not enlarged.'),
});
