/// <reference path="./.sst/platform/config.d.ts" />

/**
 * The whole system in one AWS account: bucket -> queue -> ingest function -> Qdrant <- api function. `npm run deploy`
 * builds and deploys both functions; see docs/deploy.md. Stage `production` is protected and keeps its data,
 * every other stage can be removed completely.
 */
export default $config({
  app(input) {
    const production = input.stage === 'production';
    return {
      name: 'sightline',
      home: 'aws',
      removal: production ? 'retain' : 'remove',
      protect: production,
    };
  },
  async run() {
    const { readSettings } = await import('./infra/stack-settings');
    const { allowUploads, createStorage } = await import('./infra/storage');
    const { createSecrets } = await import('./infra/secrets');
    const { createEvents } = await import('./infra/queue');
    const { createFunctions } = await import('./infra/functions');
    const { createRouter } = await import('./infra/router');
    const { createAlarms, createBudget } = await import('./infra/alarms');
    const { createDashboard } = await import('./infra/dashboard');

    const settings = readSettings($app.stage, process.env);
    const storage = createStorage(settings);
    const events = createEvents(settings, storage);
    const router = await createRouter(settings);
    const functions = createFunctions(settings, { storage, events, router, secrets: createSecrets() });
    allowUploads(settings, storage, functions.url);
    createAlarms(settings, { events, functions });
    createBudget(settings);
    if (settings.dashboard === 'on') createDashboard({ events, functions });

    return {
      url: functions.url,
      bucket: storage.pictures.name,
      stateBucket: storage.state.name,
      queue: events.queue.url,
      // Its ARN, which is what `aws sqs start-message-move-task` asks for.
      deadLetterQueueArn: events.deadLetters.arn,
    };
  },
});
