import { createHash, createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

interface SignedRequest {
  readonly method: string;
  readonly pathname: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
const hex = (text: string) => createHash('sha256').update(text).digest('hex');
const encode = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/**
 * Returns why S3 would reject a presigned PUT or GET (Amazon S3 API reference, "Authenticating requests: using query
 * parameters") or a form upload ("Creating a POST policy"). Returns null if S3 would accept it or if the request is not
 * presigned.
 */
export function refusedSignature(request: SignedRequest, credentials: { secretAccessKey: string }): Refusal | null {
  const type = request.headers['content-type'] ?? '';
  if (request.query.has('X-Amz-Signature')) return refusedQuery(request, credentials.secretAccessKey);
  if (request.method === 'POST' && type.startsWith('multipart/form-data')) {
    return refusedForm(request.body, type, credentials.secretAccessKey);
  }
  return null;
}

function signingKey(secret: string, credential: string): Buffer {
  const [, date, region, service] = credential.split('/');
  return hmac(hmac(hmac(hmac(`AWS4${secret}`, date!), region!), service!), 'aws4_request');
}

const denied = (message: string): Refusal => ({ status: 403, code: 'AccessDenied', message });

function refusedQuery({ method, pathname, query, headers }: SignedRequest, secret: string): Refusal | null {
  const param = (name: string) => query.get(`X-Amz-${name}`) ?? '';
  const date = param('Date');
  const signedAt = Date.parse(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (Date.now() > signedAt + Number(param('Expires')) * 1000) return denied('Request has expired');
  const names = param('SignedHeaders').split(';');
  const unsigned = Object.keys(headers).filter((name) => name.startsWith('x-amz-') && !names.includes(name));
  if (unsigned.length > 0)
    return denied(`There were headers present in the request which were not signed: ${unsigned}`);
  const canonical = [
    method,
    pathname,
    [...query]
      .filter(([name]) => name !== 'X-Amz-Signature')
      .map(([name, value]) => `${encode(name)}=${encode(value)}`)
      .sort()
      .join('&'),
    ...names.map((name) => `${name}:${String(headers[name] ?? '').trim()}`),
    '',
    names.join(';'),
    'UNSIGNED-PAYLOAD',
  ].join('\n');
  const scope = param('Credential').split('/').slice(1).join('/');
  const text = ['AWS4-HMAC-SHA256', date, scope, hex(canonical)].join('\n');
  const expected = hmac(signingKey(secret, param('Credential')), text).toString('hex');
  if (expected === param('Signature')) return null;
  return {
    status: 403,
    code: 'SignatureDoesNotMatch',
    message: `expected a signature of ${JSON.stringify(canonical)}`,
  };
}

function refusedForm(body: Buffer, type: string, secret: string): Refusal | null {
  const { fields, fileBytes } = parseForm(body, /boundary=(\S+)/.exec(type)?.[1] ?? '');
  const policyText = fields.get('policy') ?? '';
  const expected = hmac(signingKey(secret, fields.get('x-amz-credential') ?? ''), policyText).toString('hex');
  if (expected !== fields.get('x-amz-signature')) {
    return { status: 403, code: 'SignatureDoesNotMatch', message: 'the policy was signed otherwise' };
  }
  const policy: { expiration: string; conditions: unknown[] } = JSON.parse(
    Buffer.from(policyText, 'base64').toString(),
  );
  if (Date.now() > Date.parse(policy.expiration)) return denied('Invalid according to Policy: Policy expired.');
  for (const condition of policy.conditions) {
    if (!Array.isArray(condition)) {
      const [[name, value]] = Object.entries(condition as object) as [[string, string]];
      if (name !== 'bucket' && fields.get(name.toLowerCase()) !== value)
        return denied(`Policy Condition failed: ${name}`);
    } else if (condition[0] === 'eq') {
      if (fields.get(condition[1].slice(1).toLowerCase()) !== condition[2])
        return denied(`Policy Condition failed: ${condition}`);
    } else if (condition[0] === 'content-length-range') {
      const large = fileBytes > condition[2];
      if (large)
        return {
          status: 400,
          code: 'EntityTooLarge',
          message: 'Your proposed upload exceeds the maximum allowed size',
        };
      if (fileBytes < condition[1])
        return { status: 400, code: 'EntityTooSmall', message: 'smaller than the minimum allowed size' };
    }
  }
  return null;
}

/** Fields by lower-case name, and the length of the part named `file`. */
function parseForm(body: Buffer, boundary: string): { fields: Map<string, string>; fileBytes: number } {
  const fields = new Map<string, string>();
  let fileBytes = 0;
  for (const part of body.toString('latin1').split(`--${boundary}`).slice(1, -1)) {
    const headEnd = part.indexOf('\r\n\r\n');
    const name = /name="([^"]*)"/.exec(part.slice(0, headEnd))?.[1] ?? '';
    const value = part.slice(headEnd + 4, -2);
    if (name === 'file') fileBytes = value.length;
    else fields.set(name.toLowerCase(), Buffer.from(value, 'latin1').toString());
  }
  return { fields, fileBytes };
}
