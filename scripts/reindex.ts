import { decimal, path, text, toggle } from '../core/setting-value.ts';
import { readConfig } from '../server/environment.ts';
import { command, UsageError } from './cli/command.ts';
import { CAPTIONED, LOCATION } from './cli/training-options.ts';
import { BUILD_OPTIONS, buildOptions, changeSpace } from './reindex/change-models.ts';
import { queueBackfill } from './reindex/queue-backfill.ts';
import { refuseWorseHead } from './reindex/refuse-worse-head.ts';

/** Options of only one of the two forms. */
const OF_ANNOUNCING = ['queue', 'dry-run', 'seconds', 'restart', 'region', 'endpoint'] as const;
const OF_CHANGING = [
  'profile',
  'head',
  'captioned',
  'anyway',
  'no-switch',
  'min-overlap',
  ...Object.keys(BUILD_OPTIONS),
].filter((name) => !['rate', 'data', 'json'].includes(name));

export default command({
  usage: ['[--profile NAME] [--head DIR] [options]', 's3://BUCKET[/PREFIX] --queue URL [options]'],
  about: `
Without a bucket: changes the models of an index while it is served. Fills a new space beside the live one from the
stored pictures and captions, including changes in the meantime, checks it, and switches to it; running servers follow
by themselves. The old space is kept (npm run spaces). Can be interrupted or killed at any moment; the next call
resumes.

With a bucket: queues every object for the functions of the stack, so that they index what was there before them, or
what they missed. Unchanged pictures cost next to nothing. Resumes when interrupted. The functions must be allowed to
read the bucket (SIGHTLINE_READ_BUCKETS).`,
  words: { min: 0, max: 1, rows: { 's3://BUCKET/PREFIX': 'objects to queue' } },
  options: {
    ...BUILD_OPTIONS,
    profile: text({
      unit: 'NAME',
      text: 'models to use: a profile from models/manifest.json',
      shown: 'that of the head, or compact',
    }),
    head: path({ text: 'folder of the head', shown: 'that of the profile' }),
    'min-overlap': decimal({
      min: 0,
      max: 1,
      text: 'minimum share of the 10 nearest pictures that old and new space have in common, 0 to 1',
      shown: '0.1',
    }),
    captioned: text({
      ...LOCATION,
      text: `${CAPTIONED}, to compare the head with the one in use; a significantly worse one is refused`,
      shown: 'the result of its training',
    }),
    anyway: toggle({ text: 'switch even to a worse head' }),
    'no-switch': toggle({ text: 'fill and check, but do not switch' }),
    queue: text({ unit: 'URL', text: 'with a bucket: the output "queue" of the stack' }),
    'dry-run': toggle({ text: 'with a bucket: only count and estimate the cost' }),
    seconds: decimal({
      above: 0,
      text: 'with a bucket: seconds per picture and core, for the estimate',
      shown: '0.1',
    }),
    restart: toggle({ text: 'with a bucket: start over instead of resuming' }),
    region: text({ unit: 'NAME', text: 'with a bucket: region of bucket and queue', shown: 'as configured for AWS' }),
    endpoint: text({
      unit: 'URL',
      text: 'with a bucket: S3-compatible server to use instead of AWS',
      shown: 'S3_ENDPOINT',
    }),
  },
  notes: 'Exit code 0 on success, 1 when interrupted, refused or failed.',
  run: async (flags, [source]) => {
    const [other] = (source === undefined ? OF_ANNOUNCING : OF_CHANGING).filter(
      (name) => Object.entries(flags).find(([given]) => given === name)?.[1],
    );
    if (other !== undefined) {
      throw new UsageError(`--${other} is ${source === undefined ? 'only' : 'not'} for announcing s3://BUCKET`);
    }
    if (source !== undefined) return queueBackfill(source, { ...flags, seconds: flags.seconds ?? 0.1 });
    const { data, bucket, qdrant, profile, head, captioned } = flags;
    if (captioned !== undefined && head === undefined) throw new UsageError('expected --captioned with --head');
    const config = readConfig({ data, bucket, qdrantUrl: qdrant, logLevel: 'warn' });
    if (head !== undefined && !flags.anyway) await refuseWorseHead(config, head, captioned);
    return changeSpace({ data, bucket, qdrantUrl: qdrant, profile, head }, null, {
      ...buildOptions(flags, flags['min-overlap'] ?? 0.1),
      switch: !flags['no-switch'],
      json: flags.json,
    });
  },
});
