import { decimal, path, text, toggle } from '../core/setting-value.ts';
import { readConfig } from '../server/environment.ts';
import { command, UsageError } from './cli/command.ts';
import { CAPTIONED, LOCATION } from './cli/training-options.ts';
import { announce } from './reindex/announce.ts';
import { BUILD_OPTIONS, buildOptions, changeSpace } from './reindex/build.ts';
import { refuseWorse } from './reindex/refuse-worse.ts';

/** Options that only one of the two forms has. */
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
Without a bucket: changes the models of an index while it is served. The new space is filled beside the live one, from
the stored pictures and captions; what is uploaded, deleted or tagged meanwhile goes into both. Then it is checked and
takes over at once; running servers follow by themselves. The old space is kept: npm run spaces. May be interrupted or
killed at any moment: the next call goes on from there.

With a bucket: lists it and announces every object to the queue of the stack, so that its functions index what was
there before they were, or what they missed. What is indexed already is found unchanged and costs next to nothing. May
be interrupted, too. The functions need to be allowed to read it (SIGHTLINE_READ_BUCKETS).`,
  words: { min: 0, max: 1, rows: { 's3://BUCKET/PREFIX': 'what to announce' } },
  options: {
    ...BUILD_OPTIONS,
    profile: text({
      unit: 'NAME',
      text: 'models, a profile of models/manifest.json',
      shown: "the head's, or the manifest's",
    }),
    head: path({ text: 'folder of the head', shown: "the profile's" }),
    'min-overlap': decimal({
      min: 0,
      max: 1,
      text: 'share of the 10 nearest pictures that old and new space must have in common, 0 to 1',
      shown: '0.1',
    }),
    captioned: text({
      ...LOCATION,
      text:
        `${CAPTIONED}, that the head is judged on beside the one in use; one that is significantly worse ` +
        `is refused`,
      shown: 'what its training found',
    }),
    anyway: toggle({ text: 'change to the head also when it is worse' }),
    'no-switch': toggle({ text: 'fill and check only' }),
    queue: text({ unit: 'URL', text: 'announcing: the stack\'s output "queue"' }),
    'dry-run': toggle({ text: 'announcing: count only, and estimate what it would cost' }),
    seconds: decimal({
      above: 0,
      text: 'announcing: of one picture on one core, for the estimate',
      shown: '0.1',
    }),
    restart: toggle({ text: 'announcing: from the beginning, not from where an earlier call stopped' }),
    region: text({ unit: 'NAME', text: 'announcing: of bucket and queue', shown: 'as the AWS SDK finds it' }),
    endpoint: text({
      unit: 'URL',
      text: 'announcing: of another server that speaks S3, instead of AWS',
      shown: 'S3_ENDPOINT',
    }),
  },
  notes: 'Exit code 0 when all was done, 1 when it was interrupted, refused or failed.',
  run: async (flags, [source]) => {
    const [other] = (source === undefined ? OF_ANNOUNCING : OF_CHANGING).filter(
      (name) => Object.entries(flags).find(([given]) => given === name)?.[1],
    );
    if (other !== undefined) {
      throw new UsageError(`--${other} is ${source === undefined ? 'only' : 'not'} for announcing s3://BUCKET`);
    }
    if (source !== undefined) return announce(source, { ...flags, seconds: flags.seconds ?? 0.1 });
    const { data, bucket, qdrant, profile, head, captioned } = flags;
    if (captioned !== undefined && head === undefined) throw new UsageError('expected --captioned with --head');
    const config = readConfig({ data, bucket, qdrantUrl: qdrant, logLevel: 'warn' });
    if (head !== undefined && !flags.anyway) await refuseWorse(config, head, captioned);
    return changeSpace({ data, bucket, qdrantUrl: qdrant, profile, head }, null, {
      ...buildOptions(flags, flags['min-overlap'] ?? 0.1),
      switch: !flags['no-switch'],
      json: flags.json,
    });
  },
});
