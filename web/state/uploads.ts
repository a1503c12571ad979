import { computed, signal } from '@preact/signals';
import { ApiFault, explain, mayPass } from '../problem.ts';
import { faultOf, parse } from '../transport.ts';
import { searchAgain } from './results.ts';
import { apiKey, client, keyWanted } from './session.ts';

export type UploadState = 'waiting' | 'sending' | 'indexing' | 'done' | 'failed' | 'cancelled';

export interface Upload {
  readonly id: number;
  readonly file: File;
  /** Path below the folder that was dropped, or the file's name. */
  readonly name: string;
  readonly state: UploadState;
  /** 0 to 1. */
  readonly sent: number;
  /** Why it failed, for people. */
  readonly reason?: string;
  /** Sending the same file again can help. */
  readonly retryable?: boolean;
  /** Id of the stored picture. */
  readonly picture?: string;
}

/** Sent at the same time; the server embeds on few cores, more would only wait there. */
const parallel = 3;
const maxAttempts = 3;
/** Smaller pictures are indexed when the answer comes; larger ones may be more than a function takes (6 MB on Lambda). */
const directFromBytes = 4_000_000;
/** Types that the API signs. */
const signable = /^image\/(jpeg|png|webp|gif|avif|tiff)$/;

export const uploads = signal<readonly Upload[]>([]);
export const uploadSummary = computed(() => {
  const count = (state: UploadState) => uploads.value.filter((one) => one.state === state).length;
  const active = count('waiting') + count('sending') + count('indexing');
  return { total: uploads.value.length, active, done: count('done'), failed: count('failed') };
});

let nextId = 1;
const requests = new Map<number, XMLHttpRequest>();
let refreshTimer: ReturnType<typeof setTimeout> | undefined;

export function addUploads(files: readonly { readonly file: File; readonly name: string }[]): void {
  const added = files.map(({ file, name }): Upload => ({ id: nextId++, file, name, state: 'waiting', sent: 0 }));
  uploads.value = [...uploads.value, ...added];
  startNext();
}

export function cancelUpload(id: number): void {
  requests.get(id)?.abort();
  change(id, { state: 'cancelled' });
  startNext();
}

export function cancelAll(): void {
  for (const one of uploads.value) if (isActive(one)) cancelUpload(one.id);
}

export function retryUpload(id: number): void {
  change(id, { state: 'waiting', sent: 0, reason: undefined });
  startNext();
}

export function retryFailed(): void {
  for (const one of uploads.value) if (one.state === 'failed' && one.retryable) retryUpload(one.id);
}

/** Takes away what has ended. */
export function clearUploads(): void {
  uploads.value = uploads.value.filter(isActive);
}

export function isActive({ state }: Upload): boolean {
  return state === 'waiting' || state === 'sending' || state === 'indexing';
}

function change(id: number, what: Partial<Upload>): void {
  uploads.value = uploads.value.map((one) => (one.id === id ? { ...one, ...what } : one));
}

function startNext(): void {
  const running = uploads.value.filter(({ state }) => state === 'sending' || state === 'indexing').length;
  const waiting = uploads.value.filter(({ state }) => state === 'waiting');
  for (const upload of waiting.slice(0, Math.max(0, parallel - running))) void run(upload);
}

async function run(upload: Upload): Promise<void> {
  change(upload.id, { state: 'sending', sent: 0 });
  for (let attempt = 1; ; attempt++) {
    try {
      change(upload.id, { state: 'done', sent: 1, picture: await send(upload) });
      refreshSoon();
      break;
    } catch (error) {
      if (stateOf(upload.id) === 'cancelled') break;
      if (mayPass(error) && attempt < maxAttempts) {
        await pause(error instanceof ApiFault && error.retryAfter ? error.retryAfter : attempt);
        if (stateOf(upload.id) !== 'cancelled') continue;
        break;
      }
      fail(upload.id, error);
      break;
    }
  }
  startNext();
}

function fail(id: number, error: unknown): void {
  const { title, advice } = explain(error);
  const needsKey = error instanceof ApiFault && error.status === 401;
  change(id, { state: 'failed', reason: `${title}. ${advice}`, retryable: needsKey || mayPass(error) });
  if (needsKey && !keyWanted.value) keyWanted.value = { retry: retryFailed };
}

function stateOf(id: number): UploadState | undefined {
  return uploads.value.find((one) => one.id === id)?.state;
}

/** Large pictures go straight to the bucket where that is possible, all others through the API. Answers the id. */
async function send(upload: Upload): Promise<string> {
  const { file } = upload;
  if (file.size > directFromBytes && signable.test(file.type) && (await hasSignedUploads())) {
    const key = keyFor(file.name);
    const signed = await client.signUpload({ contentType: file.type, bytes: file.size, key });
    await put(upload, { ...signed, body: file }).catch((error: unknown) => {
      // A bucket that lets no page in: the next attempt goes through the API, which has its say about the size.
      if (error instanceof ApiFault && error.kind === 'unreachable') signedUploads = Promise.resolve(false);
      throw error;
    });
    return signed.id;
  }
  const body = new FormData();
  body.append('file', file, file.name);
  const headers = {
    accept: 'application/json, application/problem+json',
    ...(apiKey.value === '' ? {} : { authorization: `Bearer ${apiKey.value}` }),
  };
  const url = new URL('images', document.baseURI).href;
  const answer = parse(await put(upload, { method: 'POST', url, headers, body }), true, '/images');
  if (typeof answer === 'object' && answer !== null && 'id' in answer) return String(answer.id);
  throw new ApiFault('unexpected-answer', 'The upload was answered by something else than expected.');
}

interface Sending {
  readonly method: 'POST' | 'PUT';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: File | FormData;
}

/** XMLHttpRequest, because fetch does not tell how much has been sent. Answers the body. */
function put(upload: Upload, { method, url, headers, body }: Sending): Promise<string> {
  const request = new XMLHttpRequest();
  requests.set(upload.id, request);
  return new Promise<string>((resolve, reject) => {
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) {
      // The browser sets it itself, and refuses to be told.
      if (name.toLowerCase() !== 'content-length') request.setRequestHeader(name, value);
    }
    request.upload.onprogress = ({ loaded, total }) => {
      const sent = total > 0 ? loaded / total : 0;
      change(upload.id, { sent, state: sent >= 1 ? 'indexing' : 'sending' });
    };
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) return resolve(request.responseText);
      const answered = { get: (name: string) => request.getResponseHeader(name) };
      const problem = parse(request.responseText, false, url);
      reject(faultOf({ status: request.status, headers: answered }, problem));
    };
    request.onerror = () => reject(new ApiFault('unreachable', 'The connection was lost while sending.'));
    request.onabort = () => reject(new DOMException('cancelled', 'AbortError'));
    request.send(body);
  }).finally(() => requests.delete(upload.id));
}

/** Asked once: it does not change while a server runs. */
let signedUploads: Promise<boolean> | undefined;

function hasSignedUploads(): Promise<boolean> {
  signedUploads ??= client.status().then(
    (status) => status.signedUploads,
    () => {
      signedUploads = undefined;
      return false;
    },
  );
  return signedUploads;
}

/** Like the API's own keys: the day, something unique, and what can be kept of the name. */
function keyFor(name: string): string {
  const day = new Date().toISOString().slice(0, 10).replaceAll('-', '/');
  const unique = Array.from(crypto.getRandomValues(new Uint8Array(4)), (byte) => byte.toString(16).padStart(2, '0'));
  const safe = name
    .normalize('NFC')
    .replaceAll(/[^\p{L}\p{N}._-]+/gu, '-')
    .replaceAll(/^[.-]+|[.-]+$/g, '')
    .slice(-80);
  return `${day}/${unique.join('')}-${safe || 'picture'}`;
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.min(30, seconds) * 1000));
}

/** New pictures come into the results without a reload; many at once in one go. */
function refreshSoon(): void {
  if (refreshTimer !== undefined) return;
  refreshTimer = setTimeout(() => {
    refreshTimer = undefined;
    if (scrollY < innerHeight) void searchAgain(true);
  }, 400);
}
