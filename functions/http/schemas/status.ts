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
        'The live space. It differs from `space` between a change of models and the deployment of the new ones: ' +
        'until then queries are answered from `space`, and writes wait.',
    }),
    uptimeSeconds: z.int(),
    pictures: z.int(),
    captions: z.int(),
    failures: z.int(),
    backlog: z.int().nullable().openapi({
      description: 'Pictures waiting or being indexed; for an SQS queue, its messages; null when unknown.',
    }),
    outage: z.string().nullable().openapi({
      description: 'Why the backlog cannot be indexed now, such as a full disk; it resumes by itself.',
    }),
    outdated: z.int().openapi({
      description: 'Pictures indexed by an older version whose files will be read again for newer metadata.',
    }),
    leftOut: z.record(z.string(), z.int()).openapi({
      description:
        'Files left out because they are not pictures, by reason, as of the last comparison of each folder: hidden, ' +
        'system, sidecar, video, audio, database, ignored, own-data, link, special, archived; and other: files that ' +
        'were read and are not pictures by name or content.',
      example: { sidecar: 12, video: 3 },
    }),
    folders: z.array(folder).openapi({ description: 'The folders of the index.' }),
    folderChanges: z.boolean().openapi({ description: 'Whether folders can be added, moved and taken out here.' }),
    hidden: z.int().openapi({ description: 'Pictures of folders that are missing at the moment.' }),
    change: z
      .strictObject({
        profile: z.string().openapi({ description: 'The new models.' }),
        done: z.int().openapi({ description: 'Pictures and captions in the new space so far.' }),
        total: z.int().nullable().openapi({ description: 'Null while unknown.' }),
        partial: z.boolean().openapi({
          description: 'The old models are not available: searches find only what is done already.',
        }),
        problem: z.string().nullable().openapi({ description: 'Why it is stuck; it is retried.' }),
      })
      .nullable()
      .openapi({ description: 'A change of models in progress in the background.' }),
    indexed: z
      .strictObject({ lastMinute: z.int(), lastHour: z.int() })
      .nullable()
      .openapi({ description: 'Pictures indexed by this process; null where not counted.' }),
    readOnly: z.boolean().openapi({ description: 'Whether uploads are refused and picture files are never changed.' }),
    signedUploads: z.boolean().openapi({ description: 'Whether POST /uploads is there.' }),
    uploadPrefix: z.string().openapi({ description: 'A prefix allowed for keys in POST /uploads.' }),
    storage: z.enum(['folder', 's3']).openapi({ description: 'Where pictures are stored.' }),
    report: z.boolean().openapi({ description: 'Whether GET /report has a report on the head.' }),
    recent: z.array(knownChange).openapi({ description: 'The latest changes by this process, newest first.' }),
  })
  .openapi('Status');
