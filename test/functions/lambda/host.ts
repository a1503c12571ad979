import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { awslambda, isStreaming, runStreaming } from './response-stream.ts';

/**
 * Lambda's stand-in, in a fresh process: loads a handler from the artifact in the current folder, runs one invocation
 * per message, and replies over the process channel. Imports nothing of the product.
 * argv: the handler in Lambda's notation, such as functions/api.handler
 */

export interface Invocation {
  readonly id: number;
  readonly event: unknown;
  /** Remaining time before Lambda would end the invocation, in ms. */
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

type Handler = (event: unknown, ...rest: unknown[]) => Promise<unknown>;

const begin = performance.now();
Object.assign(globalThis, { awslambda });
const [file = '', name = ''] = process.argv[2]!.split(/\.(?=[^.]+$)/);
const module = (await import(pathToFileURL(join(process.cwd(), `${file}.mjs`)).href)) as Record<string, Handler>;
const handler = module[name]!;
const send = (answer: Answer) => void process.send!(answer);

process.on('message', async ({ id, event, timeMs }: Invocation) => {
  const start = performance.now();
  const context = {
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    awsRequestId: `request-${id}`,
    memoryLimitInMB: '1769',
    getRemainingTimeInMillis: () => Math.max(0, timeMs - (performance.now() - start)),
  };
  try {
    const result = await (isStreaming(handler) ? runStreaming(handler, event, context) : handler(event, context));
    const ms = performance.now() - start;
    send({ type: 'result', id, result, ms, rss: process.resourceUsage().maxRSS * 1024 });
  } catch (error) {
    send({ type: 'error', id, message: String((error as Error).stack ?? error) });
  }
});
// The parent process is gone.
process.on('disconnect', () => process.exit());
send({ type: 'started', startMs: performance.now() - begin });
