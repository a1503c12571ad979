import { z } from '@hono/zod-openapi';
import { spaceId } from './common.ts';
import { knownChange } from './event-stream.ts';
import { folder } from './folders.ts';

export const status = z
  .strictObject({
    version: z.string(),
    space: spaceId,
    liveSpace: spaceId.openapi({
      description:
        'The space that is live. Another than `space` between a change of models and the deployment that brings ' +
        'them: queries are answered from `space` until then, and writes wait.',
    }),
    uptimeSeconds: z.int(),
    pictures: z.int(),
    captions: z.int(),
    failures: z.int(),
    backlog: z.int().nullable().openapi({
      description: 'Pictures that wait to be indexed or are, of an SQS queue its messages; null where not known.',
    }),
    outage: z.string().nullable().openapi({
      description: 'Why nothing of the backlog can be indexed for now, such as a full disk; it goes on by itself.',
    }),
    outdated: z.int().openapi({
      description:
        'Pictures that an older version indexed, and whose files are to be read again for what it did not read.',
    }),
    leftOut: z.record(z.string(), z.int()).openapi({
      description:
        'Files left out as no pictures, by reason: hidden, system, sidecar, video, audio, database, ignored, ' +
        'own-data, link, special, archived, as of the last comparison of each folder; and other: what was read and ' +
        'is no picture by its name nor by its bytes.',
      example: { sidecar: 12, video: 3 },
    }),
    folders: z.array(folder).openapi({ description: 'The folders of the index.' }),
    folderChanges: z.boolean().openapi({ description: 'Whether folders can be added, moved and taken out here.' }),
    hidden: z.int().openapi({ description: 'Pictures of folders that are not there now.' }),
    change: z
      .strictObject({
        profile: z.string().openapi({ description: 'The models that are to take over.' }),
        done: z.int().openapi({ description: 'Pictures and captions that are in the new space.' }),
        total: z.int().nullable().openapi({ description: 'Null while it is not known.' }),
        partial: z.boolean().openapi({
          description: 'The models of before are not here: searches find only what is done already.',
        }),
        problem: z.string().nullable().openapi({ description: 'What it waits for; it is tried again.' }),
      })
      .nullable()
      .openapi({ description: 'A change of models that goes on in the background.' }),
    indexed: z
      .strictObject({ lastMinute: z.int(), lastHour: z.int() })
      .nullable()
      .openapi({ description: 'Pictures indexed by this process; null where not counted.' }),
    readOnly: z.boolean().openapi({ description: 'Nothing can be uploaded, and files of pictures are never changed.' }),
    signedUploads: z.boolean().openapi({ description: 'Whether POST /uploads is there.' }),
    uploadPrefix: z.string().openapi({ description: 'How a key may begin that is asked for with POST /uploads.' }),
    storage: z.enum(['folder', 's3']).openapi({ description: 'Where pictures are stored.' }),
    report: z.boolean().openapi({ description: 'Whether GET /report has a report on the head.' }),
    recent: z.array(knownChange).openapi({ description: 'The latest changes by this process, newest first.' }),
  })
  .openapi('Status');
