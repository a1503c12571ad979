import { z } from '@hono/zod-openapi';

export const folder = z
  .strictObject({
    name: z.string().describe('Value for the filter `bucket`.'),
    bucket: z.string(),
    path: z.string().optional().describe('Its path; only for requests from the machine itself and for write keys.'),
    pictures: z.int(),
    watched: z.boolean().describe('Whether changes in it are picked up.'),
    there: z.boolean().describe('False while its drive is missing: its pictures are hidden.'),
  })
  .openapi('Folder');
export type FolderResource = z.output<typeof folder>;

export const folderList = z.strictObject({ items: z.array(folder) }).openapi('FolderList');

/** Longer than any system allows. */
const MAX_PATH = 4096;
/** A name is the last part of a path, perhaps with a number. */
const MAX_NAME = 300;

const path = z
  .string()
  .min(1)
  .max(MAX_PATH)
  .refine(
    (text) => text.isWellFormed() && !text.includes('\0'),
    'expected a path, got characters that no path can hold',
  )
  .openapi({
    type: 'string',
    minLength: 1,
    maxLength: MAX_PATH,
    description: "Path on the server's machine, absolute or from `~`.",
    example: '/home/me/Pictures',
  });

export const addBody = z
  .strictObject({
    path,
    moved: z
      .boolean()
      .optional()
      .describe('After `perhaps-moved`: true if it is the folder named there, moved; false if it is another one.'),
  })
  .openapi('NewFolder', { example: { path: '/home/me/Pictures' } });

export const moveBody = z.strictObject({ path }).openapi('FolderLocation', { example: { path: '/home/me/Pictures' } });

export const nameParams = z.strictObject({
  name: z.string().min(1).max(MAX_NAME).openapi({ minLength: 1, maxLength: MAX_NAME, example: 'Pictures' }),
});
