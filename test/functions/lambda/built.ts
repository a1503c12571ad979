import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { SQSBatchResponse } from 'aws-lambda';
import { tempFolder } from '../../support/temp-folder.ts';
import { type Cloud, startCloud } from './cloud.ts';
import { type HttpRequest, httpEvent, type message } from './events.ts';
import { type BuildReport, buildFunctions, jsonOf, type LambdaFunction, placed, startFunction } from './function.ts';
import type { Streamed } from './response-stream.ts';

/** The functions as built by `npm run build:lambda`, one running instance of each, with their surroundings. */
export interface Built {
  readonly build: BuildReport;
  readonly cloud: Cloud;
  readonly ingest: LambdaFunction;
  readonly api: LambdaFunction;
  /** The functions' HOME, empty at the start. */
  readonly home: string;
  /** Starts another process of a function with extra environment variables. The caller ends it. */
  start(name: 'api' | 'ingest', env?: Record<string, string>, handler?: string): Promise<LambdaFunction>;
  /** Calls `api`, or the given process. */
  request(asked: HttpRequest, fn?: LambdaFunction): Promise<Streamed>;
  /** Delivers messages to `ingest`, or to the given process; returns the ids of those that failed. */
  deliver(messages: readonly ReturnType<typeof message>[], fn?: LambdaFunction): Promise<string[]>;
}

/**
 * Builds and starts everything before the tests of the calling suite, and removes it afterwards. Its values are
 * available only in between.
 */
export function builtFunctions(): Built {
  let build: BuildReport & { remove(): Promise<void> };
  let cloud: Cloud;
  let ingest: LambdaFunction;
  let api: LambdaFunction;
  const home = tempFolder();
  const places = new Map<string, Awaited<ReturnType<typeof placed>>>();

  const start: Built['start'] = (name, env = {}, handler = 'handler') =>
    startFunction(places.get(name)!.folder, `functions/${name}.${handler}`, { HOME: home, ...cloud.env, ...env });

  before(async () => {
    build = await buildFunctions();
    for (const name of ['api', 'ingest']) places.set(name, await placed(join(build.out, name)));
    cloud = await startCloud();
    [ingest, api] = await Promise.all([start('ingest'), start('api')]);
  });
  after(async () => {
    await Promise.all([ingest?.kill(), api?.kill()]);
    await cloud?.stop();
    await Promise.all([...places.values(), build].map((place) => place?.remove()));
  });
  return {
    get build() {
      return build;
    },
    get cloud() {
      return cloud;
    },
    get ingest() {
      return ingest;
    },
    get api() {
      return api;
    },
    home,
    start,
    request: async (asked, fn = api) => (await fn.invoke<Streamed>(httpEvent(asked))).result,
    async deliver(messages, fn = ingest) {
      const { result } = await fn.invoke<SQSBatchResponse>({ Records: messages });
      return result.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
    },
  };
}

export const keysOf = (answer: Streamed) => jsonOf<{ items: { key: string }[] }>(answer).items.map(({ key }) => key);

export const readPhoto = (name: string) =>
  readFile(fileURLToPath(new URL(`../../../examples/photos/${name}`, import.meta.url)));
