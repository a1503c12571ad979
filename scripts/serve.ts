// npm start -- [--photos DIR] [--data DIR] [--port N] [--host ADDRESS]
import { enableCompileCache } from 'node:module';
import { EXIT, runCommand } from './cli/command.ts';

const usage = `
Usage: npm start -- [options]

Serves a picture search over a folder and keeps its index up to date while it runs.

  --photos DIR     folder to watch (default: data/photos, which starts with 23 sample photos)
  --data DIR       folder for the index (default: data)
  --bucket NAME    S3 bucket to serve instead of a folder, as s3://name
  --queue URL      SQS queue that the bucket announces its changes to; they are indexed as they come
  --qdrant URL     Qdrant server for the vectors, instead of a file (key: QDRANT_API_KEY)
  --port N         port, 0 for any free one (default: PORT or 8787)
  --host ADDRESS   address to listen on (default: 127.0.0.1)
  --help           this text

More settings: README.md, "Configuration".
`;

// Compiled modules are kept between starts; what follows must be imported after this, or it would not be among them.
enableCompileCache();

await runCommand(
  {
    usage,
    options: {
      photos: { type: 'string' },
      data: { type: 'string' },
      bucket: { type: 'string' },
      queue: { type: 'string' },
      qdrant: { type: 'string' },
      port: { type: 'string' },
      host: { type: 'string' },
    },
    positionals: { min: 0, max: 0 },
  },
  async ({ qdrant, queue, ...flags }) => {
    const { serveLocally } = await import('../server/serve.ts');
    const { createProgress } = await import('./cli/progress.ts');
    await serveLocally({ ...flags, queueUrl: queue, qdrantUrl: qdrant }, createProgress);
    return EXIT.done;
  },
);
