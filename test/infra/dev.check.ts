import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { imageId } from '../../core/point-ids.ts';
import { readPhoto } from '../functions/lambda/built.ts';
import { type Cloud, startCloud } from '../functions/lambda/cloud.ts';
import { httpEvent, message, s3Body } from '../functions/lambda/events.ts';
import { startFakeQdrant } from '../support/fake-qdrant.ts';
import { type DevProject, openDevProject } from './dev-project.ts';
import { evaluate, installPlatform, type Stack } from './evaluate.ts';

/** What `sst dev` does once the stack exists: bundles the functions as the stack says and runs them on this machine. */

const secrets = { QdrantUrl: 'https://qdrant.example:6333', QdrantApiKey: 'secret' };

describe('sst dev', () => {
  let stack: Stack;
  let cloud: Cloud;
  let qdrant: Awaited<ReturnType<typeof startFakeQdrant>>;
  let project: DevProject;
  before(async () => {
    await installPlatform();
    [stack, cloud, qdrant] = await Promise.all([
      evaluate({ stage: 'ci', dev: true, secrets, env: { SIGHTLINE_ARTIFACTS: '/nowhere' } }),
      startCloud(),
      startFakeQdrant({ apiKey: secrets.QdrantApiKey }),
    ]);
    project = await openDevProject();
  });
  after(async () => {
    await project?.remove();
    await Promise.all([cloud?.stop(), qdrant?.stop()]);
  });

  /** Uses local names and secrets instead of those in the account. */
  const run = (name: 'Api' | 'Ingest') => {
    const target = stack.targets.find(({ functionID }) => functionID === name)!;
    const { variables } = stack.resources.find((resource) => resource.name === `${name}Function`)!.inputs
      .environment as { variables: Record<string, string> };
    // The bridge keeps the key of the deployed secrets to itself and passes on linked values.
    const { SST_KEY: _key, SST_KEY_FILE: _file, ...deployed } = variables;
    const { SIGHTLINE_DATA: _data, ...env } = cloud.env;
    const links = { ...target.links, QdrantUrl: { type: 'sst.sst.Secret', value: qdrant.url } };
    return project.run(target, { ...deployed, SIGHTLINE_QUEUE_URL: '', ...env }, links);
  };

  it('deploys the bridge in place of the functions and needs no build', () => {
    for (const name of ['ApiFunction', 'IngestFunction']) {
      const [bridge] = stack.resources.filter((resource) => resource.name === name);
      assert.equal(bridge!.inputs.handler, 'bootstrap');
    }
    assert.deepEqual(
      stack.targets.map(({ functionID, handler, links }) => [functionID, handler, ...Object.keys(links).sort()]).sort(),
      [
        ['Api', 'functions/api.handler', 'ApiKeys', 'QdrantApiKey', 'QdrantUrl'],
        ['Ingest', 'functions/ingest.handler', 'QdrantApiKey', 'QdrantUrl'],
      ],
    );
  });

  it('runs both: an event of S3 is indexed, found with words, and its picture is streamed', async () => {
    const [ingest, api] = await Promise.all([run('Ingest'), run('Api')]);
    await cloud.pictures.put('photos/cat.jpg', await readPhoto('cat.jpg'), { contentType: 'image/jpeg' });
    const Records = [message(s3Body({ key: 'photos/cat.jpg', sequencer: '01' }))];
    const batch = await ingest.invoke({ Records });
    assert.deepEqual(JSON.parse(batch.body.toString()), { batchItemFailures: [] }, ingest.log());

    const found = await api.request(httpEvent({ url: '/search?q=a+cat' }));
    assert.equal(found.statusCode, 200, api.log());
    const { items } = JSON.parse(found.body.toString()) as { items: { key: string }[] };
    assert.deepEqual(
      items.map(({ key }) => key),
      ['photos/cat.jpg'],
    );
    const id = imageId('pictures', 'photos/cat.jpg');
    const picture = await api.request(httpEvent({ url: `/images/${id}/content` }));
    assert.deepEqual([picture.statusCode, picture.headers['content-type']], [200, 'image/jpeg']);
    assert.ok(picture.body.equals(await readPhoto('cat.jpg')));
    assert.equal((await api.request(httpEvent({ url: `/images/${id}/thumbnail?size=128` }))).statusCode, 200);
    assert.equal((await api.request(httpEvent({ url: '/docs/swagger-ui.css' }))).statusCode, 200);
    await Promise.all([ingest.end(), api.end()]);
  });

  // The CLI watches the files of each bundle. After a change it kills the function's worker, bundles again, and starts
  // another with the same id (FileChangedEvent in cmd/sst/mosaic/aws/function.go). Here the test does so in its place.
  it('runs a file as it is after a change', async () => {
    const file = join(project.folder, 'functions', 'api.ts');
    const api = await run('Api');
    const status = async (fn: typeof api) => (await fn.request(httpEvent({ url: '/ready' }))).statusCode;
    assert.equal(await status(api), 200);
    const source = await readFile(file, 'utf8');
    assert.ok(source.includes("ready: () => 'ready'"));
    await writeFile(file, source.replace("ready: () => 'ready'", "ready: () => 'stopping'"));
    await api.end();
    const changed = await run('Api');
    assert.equal(await status(changed), 503, changed.log());
    await changed.end();
  });

  it('tells why a function does not start', async () => {
    const file = join(project.folder, 'functions', 'ingest.ts');
    const source = await readFile(file, 'utf8');
    await writeFile(file, `${source}\nthrow new Error('broken at start');\n`);
    await assert.rejects(run('Ingest'), /broken at start/);
    await writeFile(file, source);
  });
});
