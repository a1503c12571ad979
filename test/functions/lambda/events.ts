import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { SQSEvent, SQSRecord } from 'aws-lambda';
import { encodeKey } from '../../../functions/events/s3-event.ts';

/** AWS events from the folder beside this file, with a test's values filled in. */

const read = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`./events/${name}.json`, import.meta.url), 'utf8'));

export interface HttpEvent {
  rawPath: string;
  rawQueryString: string;
  headers: Record<string, string>;
  requestContext: { http: { method: string; path: string; sourceIp: string } };
  cookies?: string[];
  body?: string;
  isBase64Encoded: boolean;
}

export interface HttpRequest {
  readonly method?: string;
  /** Includes the query string. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** A request from the function URL (or API Gateway with payload 2.0); bodies are base64. */
export function httpEvent(request: HttpRequest, kind: 'function-url-get' | 'api-gateway-v2-get' = 'function-url-get') {
  const event = read<HttpEvent>(kind);
  const [path = '', query = ''] = request.url.split('?');
  event.rawPath = path;
  event.rawQueryString = query;
  event.headers = { ...event.headers, ...request.headers };
  event.requestContext.http.method = request.method ?? 'GET';
  event.requestContext.http.path = path;
  if (request.body !== undefined) {
    event.body = Buffer.from(request.body).toString('base64');
    event.isBase64Encoded = true;
    event.headers['content-length'] = String(request.body.byteLength);
  }
  return event;
}

/** One message of the queue. */
export function message(body: unknown, options: { attempt?: number; receiptHandle?: string } = {}): SQSRecord {
  const [record] = read<SQSEvent>('sqs-s3-put').Records;
  return {
    ...record!,
    messageId: randomUUID(),
    receiptHandle: options.receiptHandle ?? randomUUID(),
    body: typeof body === 'string' ? body : JSON.stringify(body),
    attributes: { ...record!.attributes, ApproximateReceiveCount: String(options.attempt ?? 1) },
  };
}

export interface Change {
  readonly key: string;
  readonly sequencer: string;
  /** @default 'ObjectCreated:Put' */
  readonly name?: string;
  readonly bucket?: string;
}

/** S3's notification about these changes, in one body. */
export function s3Body(...changes: readonly Change[]): string {
  const [record] = read<SQSEvent>('sqs-s3-put').Records;
  const [template] = JSON.parse(record!.body).Records;
  return JSON.stringify({
    Records: changes.map(({ key, sequencer, name = 'ObjectCreated:Put', bucket = 'pictures' }) => ({
      ...template,
      eventName: name,
      s3: {
        ...template.s3,
        bucket: { ...template.s3.bucket, name: bucket },
        object: { ...template.s3.object, key: encodeKey(key), sequencer },
      },
    })),
  });
}

/** The test event that S3 sends when notifications are set up. */
export const testEvent = {
  Service: 'Amazon S3',
  Event: 's3:TestEvent',
  Time: '2026-11-23T15:39:00.000Z',
  Bucket: 'pictures',
  RequestId: '5582815E1AEA5ADF',
  HostId: '8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE',
};

/** A request from a REST API of API Gateway (payload 1.0). */
export function restEvent(url: string, headers: Readonly<Record<string, string>> = {}): object {
  const event = read<{ multiValueHeaders: Record<string, string[]> }>('api-gateway-v1-get');
  const { pathname, searchParams } = new URL(url, 'https://api.example');
  const lists = Object.fromEntries([...searchParams.keys()].map((name) => [name, searchParams.getAll(name)]));
  return {
    ...event,
    path: pathname,
    headers,
    multiValueHeaders: {
      ...event.multiValueHeaders,
      ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    },
    queryStringParameters: Object.fromEntries(searchParams),
    multiValueQueryStringParameters: lists,
  };
}
