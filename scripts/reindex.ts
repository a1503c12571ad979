// npm run reindex -- [--profile NAME] [--head DIR]     or     npm run reindex -- s3://BUCKET/PREFIX --queue URL
import { runCommand, UsageError } from './cli/command.ts';
import { announce } from './reindex/announce.ts';
import { BUILD_OPTIONS, buildOptions, changeSpace } from './reindex/build.ts';

const usage = `
Usage: npm run reindex -- [--profile NAME] [--head DIR] [options]
       npm run reindex -- s3://BUCKET[/PREFIX] --queue URL [options]

Without a bucket: changes the models of an index while it is served. The new space is filled beside the live one, from the
stored pictures and captions; what is uploaded, deleted or tagged meanwhile goes into both. Then it is checked and takes
over at once; running servers follow by themselves. The old space is kept: npm run spaces. May be interrupted or killed
at any moment: the next call goes on from there.

  --profile NAME   models, a profile of models/manifest.json (default: the head's, or the manifest's)
  --head DIR       folder of the head (default: the profile's)
  --rate N         pictures embedded a second at most (default: as many as there can be)
  --concurrency N  pictures embedded at the same time (default: cores, at least 2)
  --sample N       pictures and captions that are looked for in the check, 0 to 1000 (default: 100)
  --min-overlap N  share of the 10 nearest pictures that old and new space must have in common, 0 to 1 (default: 0.1)
  --skip-missing   leave out pictures that are not there any more as they were indexed, instead of refusing
  --no-switch      fill and check only
  --data DIR       folder of the index (default: data)
  --bucket NAME    S3 bucket that is served instead of a folder, as s3://name
  --qdrant URL     Qdrant server with the vectors, instead of a file (key: QDRANT_API_KEY)

With a bucket: lists it and announces every object to the queue of the stack, so that its functions index what was there
before they were, or what they missed. What is indexed already is found unchanged and costs next to nothing. May be
interrupted, too.

  s3://BUCKET/PREFIX  what to announce; the functions need to be allowed to read it (SIGHTLINE_READ_BUCKETS)
  --queue URL      the stack's output "queue"
  --rate N         pictures a second at most (default: 500)
  --dry-run        count only, and estimate what it would cost
  --seconds N      of one picture on one core, for the estimate (default: 0.1)
  --restart        from the beginning, not from where an earlier call stopped
  --data DIR       folder for the state of an interrupted call (default: data)
  --region NAME    of bucket and queue (default: as the AWS SDK finds it)
  --endpoint URL   of another server that speaks S3, instead of AWS (default: S3_ENDPOINT)

  --json           the summary as one JSON document
  --help           this text

Exit code 0 when all was done, 1 when it was interrupted, refused or failed.
`;

/** Options that only one of the two forms has. */
const OF_ANNOUNCING = ['queue', 'dry-run', 'seconds', 'restart', 'region', 'endpoint'] as const;
const OF_CHANGING = ['profile', 'head', 'no-switch', 'min-overlap', ...Object.keys(BUILD_OPTIONS)].filter(
  (name) => !['rate', 'data', 'json'].includes(name),
);

await runCommand(
  {
    usage,
    options: {
      ...BUILD_OPTIONS,
      profile: { type: 'string' },
      head: { type: 'string' },
      'min-overlap': { type: 'string' },
      'no-switch': { type: 'boolean', default: false },
      queue: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      seconds: { type: 'string' },
      restart: { type: 'boolean', default: false },
      region: { type: 'string' },
      endpoint: { type: 'string' },
    },
    positionals: { min: 0, max: 1 },
  },
  async (flags, [source]) => {
    const [other] = (source === undefined ? OF_ANNOUNCING : OF_CHANGING).filter(
      (name) => Object.entries(flags).find(([given]) => given === name)?.[1],
    );
    if (other !== undefined) {
      throw new UsageError(`--${other} is ${source === undefined ? 'only' : 'not'} for announcing s3://BUCKET`);
    }
    if (source !== undefined) return announce(source, { ...flags, seconds: flags.seconds ?? '0.1' });
    const { data, bucket, qdrant, profile, head } = flags;
    return changeSpace({ data, bucket, qdrantUrl: qdrant, profile, head }, null, {
      ...buildOptions(flags, flags['min-overlap'] ?? '0.1'),
      switch: !flags['no-switch'],
      json: flags.json,
    });
  },
);
