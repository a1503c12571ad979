import { z } from '@hono/zod-openapi';
import { spaceId } from './common.ts';
import { knownChange } from './event-stream.ts';
import { folder } from './folders.ts';

export const status = z
  .strictObject({
    version: z.string(),
    space: spaceId,
    liveSpace: spaceId.describe(
      'The live space. It differs from `space` between a change of models and the deployment of the new ones: ' +
        'until then queries are answered from `space`, and writes wait.',
    ),
    uptimeSeconds: z.int(),
    pictures: z.int(),
    captions: z.int(),
    failures: z.int(),
    backlog: z
      .int()
      .nullable()
      .describe('Pictures waiting or being indexed; for an SQS queue, its messages; null when unknown.'),
    outage: z
      .string()
      .nullable()
      .describe('Why the backlog cannot be indexed now, such as a full disk; it resumes by itself.'),
    outdated: z
      .int()
      .describe('Pictures indexed by an older version whose files will be read again for newer metadata.'),
    leftOut: z.record(z.string(), z.int()).openapi({
      description:
        'Files left out because they are not pictures, by reason, as of the last comparison of each folder: hidden, ' +
        'system, sidecar, video, audio, database, ignored, own-data, link, special, archived; and other: files that ' +
        'were read and are not pictures by name or content.',
      example: { sidecar: 12, video: 3 },
    }),
    folders: z.array(folder).describe('The folders of the index.'),
    folderChanges: z.boolean().describe('Whether folders can be added, moved and taken out here.'),
    hidden: z.int().describe('Pictures of folders that are missing at the moment.'),
    change: z
      .strictObject({
        profile: z.string().describe('The new models.'),
        done: z.int().describe('Pictures and captions in the new space so far.'),
        total: z.int().nullable().describe('Null while unknown.'),
        partial: z.boolean().describe('The old models are not available: searches find only what is done already.'),
        problem: z.string().nullable().describe('Why it is stuck; it is retried.'),
      })
      .nullable()
      .describe('A change of models in progress in the background.'),
    indexed: z
      .strictObject({ lastMinute: z.int(), lastHour: z.int() })
      .nullable()
      .describe('Pictures indexed by this process; null where not counted.'),
    readOnly: z.boolean().describe('Whether uploads are refused and picture files are never changed.'),
    signedUploads: z.boolean().describe('Whether POST /uploads is there.'),
    uploadPrefix: z.string().describe('A prefix allowed for keys in POST /uploads.'),
    storage: z.enum(['folder', 's3']).describe('Where pictures are stored.'),
    report: z.boolean().describe('Whether GET /report has a report on the head.'),
    recent: z.array(knownChange).describe('The latest changes by this process, newest first.'),
  })
  .openapi('Status');
