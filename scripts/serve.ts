import { toggle } from '../core/setting-value.ts';
import { flagOf, SETTINGS } from '../core/settings.ts';
import { userPath } from '../server/environment.ts';
import type { CreateProgress } from '../server/picture-source.ts';
import { command, EXIT } from './cli/command.ts';
import { INDEX } from './cli/options.ts';

export default command({
  usage: '[FOLDER ...] [options]',
  about: 'Serves a picture search over folders, and keeps their index up to date.',
  words: { min: 0, max: 1000, rows: { FOLDER: 'same as --photos' } },
  options: {
    photos: flagOf(SETTINGS.photos),
    ...INDEX,
    queue: flagOf(SETTINGS.queueUrl),
    ignore: flagOf(SETTINGS.ignore),
    'read-only': flagOf(SETTINGS.readOnly),
    profile: flagOf(SETTINGS.profile),
    yes: toggle({ text: 'download the models of --profile without asking' }),
    port: flagOf(SETTINGS.port),
    host: flagOf(SETTINGS.host),
  },
  notes: `
--profile NAME downloads the models of a profile if needed, after it has said which and asked; nothing else is ever
downloaded while serving. An existing index is migrated to them in the background. npm run models -- list shows the
profiles. More settings: docs/configuration.md.`,
  run: async ({ qdrant, queue, photos = [], 'read-only': readOnly, yes, ...flags }, folders) => {
    if (flags.profile !== undefined) {
      const { pullProfile } = await import('./cli/pull-profile.ts');
      if (!(await pullProfile(flags.profile, flags.data, yes))) return EXIT.failed;
    }
    const { serveLocally } = await import('../server/serve.ts');
    const { askMoved } = await import('./cli/ask-moved.ts');
    const all = [...photos, ...folders.map(userPath)];
    const named = all.length === 0 ? undefined : all;
    const given = { ...flags, readOnly, photos: named, queueUrl: queue, qdrantUrl: qdrant };
    // Loaded on first use.
    const createProgress: CreateProgress = async (...what) =>
      (await import('./cli/progress.ts')).createProgress(...what);
    await serveLocally(given, createProgress, askMoved);
    return EXIT.done;
  },
});
