import type { Context } from 'aws-lambda';
import { Hono } from 'hono';
import { handle, type LambdaEvent } from 'hono/aws-lambda';
import type { AppEnv } from '../http/deps.ts';
import { answerProblem, HttpProblem } from '../http/problem.ts';
import type { LambdaBindings } from './app.ts';

/**
 * The app as a handler of HTTP events, which hono parses. Responses are written here, because hono would sometimes send
 * none, or a truncated picture as if it were complete.
 */

type App = Hono<AppEnv>;
type Handler = (event: LambdaEvent, context: Context) => Promise<unknown>;

/** Lambda accepts responses of up to 6,291,556 bytes of JSON, including the envelope ("Lambda quotas"). */
const MAX_BUFFERED_CHARACTERS = 6_000_000;

/** For a function URL. */
export function streamed(app: App) {
  return awslambda.streamifyResponse<LambdaEvent, void>(async (event, stream, context) => {
    let response: Response | undefined;
    const read = reading(async (request, bindings) => {
      // The function URL decompresses streamed responses, and behind CloudFront they sometimes become a 502
      // (aws-lambda-nodejs-runtime-interface-client, issue 96; opennextjs-aws, issue 1127).
      request.headers.delete('accept-encoding');
      response = await app.fetch(request, bindings);
      return new Response(null);
    });
    await read(event, context);
    await send(response ?? (await problem(new HttpProblem('malformed-http', 'expected an HTTP request'))), stream);
  });
}

/** For API Gateway, which takes a response as one JSON text. */
export function buffered(app: App): Handler {
  return reading(async (request, bindings) => {
    const response = await app.fetch(request, bindings);
    const bytes = Number(response.headers.get('content-length') ?? 0);
    if (response.body === null || (bytes * 4) / 3 <= MAX_BUFFERED_CHARACTERS) return response;
    await response.body.cancel();
    const expected = 'expected a response of at most 6 MB in base64, the limit of API Gateway';
    return problem(new HttpProblem('too-large', `${expected}, got ${bytes} bytes: ask for parts of it with Range`));
  });
}

function reading(fetch: (request: Request, bindings: LambdaBindings) => Promise<Response>): Handler {
  const handler = handle({ fetch } as unknown as App) as unknown as Handler;
  return (event, context) => handler(withoutContent(event), context);
}

/** Removes the content of a GET: it means nothing (RFC 9110, 9.3.1), and a web-standard Request refuses it. */
function withoutContent(event: LambdaEvent): LambdaEvent {
  const request = event as { requestContext?: { http?: { method?: string } }; httpMethod?: string };
  const method = request.requestContext?.http?.method ?? request.httpMethod;
  return method === 'GET' || method === 'HEAD' ? ({ ...event, body: null } as LambdaEvent) : event;
}

async function problem(what: HttpProblem): Promise<Response> {
  return new Hono<AppEnv>().all('*', (c) => answerProblem(what, c)).request('/');
}

/**
 * If the body fails, throws its error and leaves the stream open: the runtime then tells Lambda, and the client sees
 * that the response is incomplete. Destroying the stream, as Node's `pipeline` does, would make the runtime wait until
 * its timeout (aws-lambda-ric 4.0, `failResponseStream`).
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
  // Status and headers are sent with the first write, even if there is no body.
  if (!isBegun) await write(stream, '');
  stream.end();
}

/** Waits until the chunk has been sent, so that a slow client does not fill the memory. */
function write(stream: awslambda.HttpResponseStream, chunk: Uint8Array | string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}
