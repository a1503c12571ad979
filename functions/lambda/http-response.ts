import type { Context } from 'aws-lambda';
import { Hono } from 'hono';
import { handle, type LambdaEvent } from 'hono/aws-lambda';
import type { AppEnv } from '../http/deps.ts';
import { answerProblem, HttpProblem } from '../http/problem.ts';
import type { LambdaBindings } from './app.ts';

/**
 * The app as a handler of HTTP events, which hono reads. Answers are written here, where hono would leave the caller
 * with none, or with half a picture as if it were whole.
 */

type App = Hono<AppEnv>;
type Handler = (event: LambdaEvent, context: Context) => Promise<unknown>;

/** Lambda takes answers of up to 6,291,556 bytes of JSON ("Lambda quotas"), what is around the body included. */
const MAX_BUFFERED_CHARACTERS = 6_000_000;

/** For a function URL. */
export function streamed(app: App) {
  return awslambda.streamifyResponse<LambdaEvent, void>(async (event, stream, context) => {
    let response: Response | undefined;
    const read = reading(async (request, bindings) => {
      // What is streamed compressed is unpacked by the function URL on its way, and behind CloudFront answered with 502
      // now and then (aws-lambda-nodejs-runtime-interface-client, issue 96; opennextjs-aws, issue 1127).
      request.headers.delete('accept-encoding');
      response = await app.fetch(request, bindings);
      return new Response(null);
    });
    await read(event, context);
    await send(response ?? (await problem(new HttpProblem('malformed-http', 'expected a request of HTTP'))), stream);
  });
}

/** For API Gateway, which takes an answer as one JSON text. */
export function buffered(app: App): Handler {
  return reading(async (request, bindings) => {
    const response = await app.fetch(request, bindings);
    const bytes = Number(response.headers.get('content-length') ?? 0);
    if (response.body === null || (bytes * 4) / 3 <= MAX_BUFFERED_CHARACTERS) return response;
    await response.body.cancel();
    const expected = 'expected an answer of at most 6 MB in base64, as API Gateway takes them';
    return problem(new HttpProblem('too-large', `${expected}, got ${bytes} bytes: ask for parts of it with Range`));
  });
}

function reading(fetch: (request: Request, bindings: LambdaBindings) => Promise<Response>): Handler {
  const handler = handle({ fetch } as unknown as App) as unknown as Handler;
  return (event, context) => handler(withoutContent(event), context);
}

/** Content of a GET means nothing (RFC 9110, 9.3.1), and no web-standard request with some can be made. */
function withoutContent(event: LambdaEvent): LambdaEvent {
  const request = event as { requestContext?: { http?: { method?: string } }; httpMethod?: string };
  const method = request.requestContext?.http?.method ?? request.httpMethod;
  return method === 'GET' || method === 'HEAD' ? ({ ...event, body: null } as LambdaEvent) : event;
}

async function problem(what: HttpProblem): Promise<Response> {
  return new Hono<AppEnv>().all('*', (c) => answerProblem(what, c)).request('/');
}

/**
 * Throws what the body breaks off with, and leaves the stream as it is: the runtime then tells Lambda, and the caller
 * sees that the answer is not whole. A stream that is destroyed, as Node's `pipeline` does, keeps the runtime waiting
 * for its end until the time of the run is over (aws-lambda-ric 4.0, `failResponseStream`).
 */
async function send(response: Response, raw: awslambda.HttpResponseStream): Promise<void> {
  const headers = Object.fromEntries([...response.headers].filter(([name]) => name !== 'set-cookie'));
  const metadata = { statusCode: response.status, headers, cookies: response.headers.getSetCookie() };
  const stream = awslambda.HttpResponseStream.from(raw, metadata);
  let isBegun = false;
  for await (const chunk of response.body ?? []) {
    await write(stream, chunk);
    isBegun = true;
  }
  // Status and headers leave with the first write, also when nothing else does.
  if (!isBegun) await write(stream, '');
  stream.end();
}

/** Waits until the chunk has left, so that a slow caller does not fill the memory. */
function write(stream: awslambda.HttpResponseStream, chunk: Uint8Array | string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}
