import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';

/**
 * Stands in for Lambda's runtime inside a fresh process: loads a handler from the artifact that is the current folder,
 * runs one invocation a message, and answers over the process channel. Nothing of the repository is imported here.
 *
 * argv: the handler as Lambda names it, such as functions/api.handler
 */

export interface Invocation {
  readonly id: number;
  readonly event: unknown;
  /** Time until Lambda would end the run, in ms. */
  readonly timeMs: number;
}

export type Answer =
  | { readonly type: 'started'; readonly startMs: number }
  | {
      readonly type: 'result';
      readonly id: number;
      readonly result: unknown;
      readonly ms: number;
      readonly rss: number;
    }
  | { readonly type: 'error'; readonly id: number; readonly message: string };

/** What a streaming handler answered. */
export interface Streamed {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Base64. */
  readonly body: string;
}

type Handler = (event: unknown, ...rest: unknown[]) => Promise<unknown>;

class ResponseStream extends Writable {
  readonly chunks: Buffer[] = [];
  metadata: { statusCode: number; headers: Record<string, string> } = { statusCode: 200, headers: {} };

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(Buffer.from(chunk));
    done();
  }
}

/** The global that Lambda gives handlers which stream. */
const awslambda = {
  streamifyResponse: (handler: Handler): Handler =>
    async function streaming(event, context) {
      const stream = new ResponseStream();
      await handler(event, stream, context);
      return { ...stream.metadata, body: Buffer.concat(stream.chunks).toString('base64') } satisfies Streamed;
    },
  HttpResponseStream: {
    from(stream: ResponseStream, metadata: ResponseStream['metadata']): ResponseStream {
      stream.metadata = metadata;
      return stream;
    },
  },
};

/** What Lambda says to X-Ray: nothing while it starts, then the trace of each invocation. */
const trace = process.env._X_AMZN_TRACE_ID;
delete process.env._X_AMZN_TRACE_ID;

const begin = performance.now();
Object.assign(globalThis, { awslambda });
const [file = '', name = ''] = process.argv[2]!.split(/\.(?=[^.]+$)/);
const module = (await import(pathToFileURL(join(process.cwd(), `${file}.mjs`)).href)) as Record<string, Handler>;
const handler = module[name]!;
const send = (answer: Answer) => void process.send!(answer);

process.on('message', async ({ id, event, timeMs }: Invocation) => {
  if (trace !== undefined) process.env._X_AMZN_TRACE_ID = trace;
  const start = performance.now();
  const context = {
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    awsRequestId: `request-${id}`,
    memoryLimitInMB: '1769',
    getRemainingTimeInMillis: () => Math.max(0, timeMs - (performance.now() - start)),
  };
  try {
    const result = await handler(event, context);
    const ms = performance.now() - start;
    send({ type: 'result', id, result, ms, rss: process.resourceUsage().maxRSS * 1024 });
  } catch (error) {
    send({ type: 'error', id, message: String((error as Error).stack ?? error) });
  }
});
// Whoever started this is gone.
process.on('disconnect', () => process.exit());
send({ type: 'started', startMs: performance.now() - begin });
