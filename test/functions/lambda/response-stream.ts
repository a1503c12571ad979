import { Writable } from 'node:stream';

/**
 * The response stream of Lambda's Node 24 runtime, and how its output is processed
 * (aws/aws-lambda-nodejs-runtime-interface-client 4.0, src/stream and src/runtime/streaming-invoke-processor.ts).
 */

/** The response that a caller of the function URL sees. */
export interface Streamed {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies?: readonly string[];
  /** Base64. */
  readonly body: string;
  /** The function failed mid-stream: the caller sees an incomplete response. */
  readonly isCut?: true;
}

interface Metadata {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly cookies?: readonly string[];
}

type Handler = (event: unknown, stream: unknown, context: unknown) => Promise<unknown>;

const METHODS = ['cork', 'destroy', 'end', 'uncork', 'write', 'addListener', 'on', 'once', 'off'] as const;
const MORE_METHODS = ['removeListener', 'removeAllListeners', 'listenerCount', 'emit'] as const;
const STATES = ['writableFinished', 'writableEnded', 'writableNeedDrain', 'writableLength', 'writable'] as const;
/** Between the metadata and the body. */
const DELIMITER_BYTES = 8;
const INTEGRATION = 'application/vnd.awslambda.http-integration-response';

type Hook = (write: (chunk: string | Uint8Array) => void) => void;

/** Like the runtime's: not a Node stream, but an object with a stream's methods. */
interface ResponseStream {
  _onBeforeFirstWrite?: Hook;
  setContentType(type: string): void;
}

/** Calls a streaming handler and processes its stream as Lambda does. Rejects where Lambda would never respond. */
export async function runStreaming(handler: Handler, event: unknown, context: unknown): Promise<Streamed> {
  const chunks: Buffer[] = [];
  const inner = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(Buffer.from(chunk));
      setImmediate(done);
    },
  });
  inner.on('error', () => {});
  let contentType = 'application/octet-stream';
  let isBegun = false;
  const stream = { setContentType } as ResponseStream & Record<string, unknown>;
  for (const name of [...METHODS, ...MORE_METHODS]) stream[name] = (inner[name] as () => unknown).bind(inner);
  for (const name of STATES) Object.defineProperty(stream, name, { get: () => inner[name] });
  Object.defineProperty(stream, 'destroyed', { get: () => inner.destroyed });
  stream.write = (chunk: string | Uint8Array, ...rest: []) => {
    if (!isBegun) stream._onBeforeFirstWrite?.((first) => inner.write(first));
    isBegun = true;
    return inner.write(chunk, ...rest);
  };
  function setContentType(type: string): void {
    if (isBegun) throw new Error('Cannot set content-type, too late.');
    contentType = type;
  }

  const failure = await handler(event, stream, context).then(
    () => null,
    (error: unknown) => error,
  );
  if (failure !== null) inner.end();
  if (inner.destroyed && !inner.writableFinished) {
    throw new Error(
      'expected the stream to be ended, got it destroyed: Lambda waits until the time of the run is over',
    );
  }
  if (!inner.writableEnded) throw new Error('Response stream is not finished.');
  if (!inner.writableFinished) await new Promise((resolve) => inner.once('finish', resolve));
  return answerOf(Buffer.concat(chunks), contentType, failure !== null);
}

/** Parses the output like the service behind the function URL. */
function answerOf(sent: Buffer, contentType: string, isCut: boolean): Streamed {
  const cut = isCut ? { isCut: true as const } : {};
  const end = sent.indexOf(Buffer.alloc(DELIMITER_BYTES));
  if (contentType !== INTEGRATION && sent.length > 0) {
    return { statusCode: 200, headers: { 'content-type': contentType }, body: sent.toString('base64'), ...cut };
  }
  if (end < 0) return { statusCode: 502, headers: {}, body: '' };
  const metadata = JSON.parse(sent.toString('utf8', 0, end)) as Metadata;
  return { ...metadata, body: sent.subarray(end + DELIMITER_BYTES).toString('base64'), ...cut };
}

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');

/** The global that Lambda provides to functions. */
export const awslambda = {
  streamifyResponse: (handler: Handler): Handler => Object.assign(handler, { [STREAMING]: 'response' }),
  HttpResponseStream: {
    from(stream: ResponseStream, metadata: Metadata): ResponseStream {
      stream.setContentType(INTEGRATION);
      stream._onBeforeFirstWrite = (write) => {
        write(JSON.stringify(metadata));
        write(new Uint8Array(DELIMITER_BYTES));
      };
      return stream;
    },
  },
};

export function isStreaming(handler: object): boolean {
  return STREAMING in handler;
}
