import { path, text } from '../core/option.ts';
import { command, EXIT } from './cli/command.ts';
import { INDEX } from './cli/options.ts';

export default command({
  usage: '[FOLDER] [options]',
  about: 'Serves a picture search over a folder and keeps its index up to date while it runs.',
  words: { min: 0, max: 1, rows: { FOLDER: 'the same as --photos' } },
  options: {
    photos: path({ text: 'folder to watch', shown: 'data/photos, which starts with 23 sample photos' }),
    ...INDEX,
    queue: text({
      unit: 'URL',
      text: 'SQS queue that the bucket announces its changes to; they are indexed as they come',
    }),
    port: text({ unit: 'N', text: 'port, 0 for any free one', shown: 'PORT or 8787' }),
    host: text({ unit: 'ADDRESS', text: 'address to listen on', shown: '127.0.0.1' }),
  },
  notes: 'More settings: README.md, "Configuration".',
  run: async ({ qdrant, queue, photos, ...flags }, [folder]) => {
    const { serveLocally } = await import('../server/serve.ts');
    const { createProgress } = await import('./cli/progress.ts');
    await serveLocally({ ...flags, photos: photos ?? folder, queueUrl: queue, qdrantUrl: qdrant }, createProgress);
    return EXIT.done;
  },
});
