import { z } from '@hono/zod-openapi';

/** A folder of the index, as the API shows it. */
export const folder = z
  .strictObject({
    name: z.string().openapi({ description: 'May be given to the filter `bucket`.' }),
    bucket: z.string(),
    path: z.string().optional().openapi({
      description: 'Where it is; told at the machine itself and to keys that may write.',
    }),
    pictures: z.int(),
    watched: z.boolean().openapi({ description: 'Changes in it are followed.' }),
    there: z.boolean().openapi({ description: 'False while its drive is away: its pictures are hidden.' }),
  })
  .openapi('Folder');
export type FolderResource = z.output<typeof folder>;

export const folderList = z.strictObject({ items: z.array(folder) }).openapi('FolderList');

/** Longer than any system takes. */
const MAX_PATH = 4096;
/** A name is the last one of a path, perhaps with a number. */
const MAX_NAME = 300;

const path = z
  .string()
  .min(1)
  .max(MAX_PATH)
  .refine((text) => text.isWellFormed() && !text.includes('\0'), 'expected a path, got what no path can hold')
  .openapi({
    type: 'string',
    minLength: 1,
    maxLength: MAX_PATH,
    description: 'Path on the machine that the server runs on, from its root or from `~`.',
    example: '/home/me/Pictures',
  });

export const addBody = z
  .strictObject({
    path,
    moved: z.boolean().optional().openapi({
      description: 'Whether it is the folder that the answer `perhaps-moved` names, moved, or another one.',
    }),
  })
  .openapi('NewFolder', { example: { path: '/home/me/Pictures' } });

export const moveBody = z.strictObject({ path }).openapi('FolderPlace', { example: { path: '/home/me/Pictures' } });

export const nameParams = z.strictObject({
  name: z.string().min(1).max(MAX_NAME).openapi({ minLength: 1, maxLength: MAX_NAME, example: 'Pictures' }),
});
