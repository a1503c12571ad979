import { ApiFault } from '../api-error.ts';
import type { UploadedImage, UploadRequest } from '../client.ts';
import { t } from '../i18n/translate.ts';
import { faultOf, hasId, parse } from '../transport.ts';
import { refreshStatus, serverStatus } from './server-status.ts';
import { addressOf, client } from './server-urls.ts';

/** Uploads one picture: straight to the bucket if uploads are signed, otherwise through the API. */

export interface Stored {
  readonly id: string;
  /** False for uploads to the bucket, which are indexed later, by an event. */
  readonly indexed: boolean;
  readonly key?: string;
  /** The same bytes were already stored. */
  readonly isCopy: boolean;
}

/** Media types that the API signs. */
const signable: readonly UploadRequest['contentType'][] = [
  'image/jpeg',
  'image/png',
  'image/webp',
  'image/gif',
  'image/avif',
  'image/tiff',
];

/**
 * Uploads one picture. `path`, its folders and name, is kept. `onSent` receives the fraction sent, 0 to 1. Rejects with
 * ApiFault or AbortError.
 */
export async function sendPicture(
  file: File,
  path: string,
  onSent: (share: number) => void,
  abort: AbortSignal,
): Promise<Stored> {
  const contentType = signable.find((type) => type === file.type);
  if (contentType !== undefined && (await isSigned())) {
    const upload = await client.signUpload({ contentType, bytes: file.size, path }, abort);
    await put({ ...upload, body: file }, onSent, abort).catch((error: unknown) => {
      // The bucket rejects uploads from pages: the next attempt goes through the API, which has its own size limit.
      if (error instanceof ApiFault && error.kind === 'unreachable') bucketRefuses = true;
      throw error;
    });
    return { id: upload.id, indexed: false, key: upload.key, isCopy: false };
  }
  const body = new FormData();
  body.append('path', path);
  body.append('file', file, file.name);
  const headers = { accept: 'application/json, application/problem+json' };
  const url = addressOf('images');
  const answer = parse(await put({ method: 'POST', url, headers, body }, onSent, abort), true, '/images');
  if (!hasId(answer)) {
    throw new ApiFault('unexpected-answer', t('fault.upload'));
  }
  const { id, duplicateOf } = answer as UploadedImage;
  return { id, indexed: true, isCopy: duplicateOf !== undefined };
}

interface Sending {
  readonly method: 'POST' | 'PUT';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: File | FormData;
}

/** Uses XMLHttpRequest, because fetch does not report upload progress. Returns the body. */
function put(
  { method, url, headers, body }: Sending,
  onSent: (share: number) => void,
  abort: AbortSignal,
): Promise<string> {
  const request = new XMLHttpRequest();
  return new Promise<string>((resolve, reject) => {
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) {
      // The browser sets this header itself and forbids setting it.
      if (name.toLowerCase() !== 'content-length') request.setRequestHeader(name, value);
    }
    request.upload.onprogress = ({ loaded, total }) => onSent(total > 0 ? loaded / total : 0);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) return resolve(request.responseText);
      const answered = { get: (name: string) => request.getResponseHeader(name) };
      const problem = parse(request.responseText, false, url);
      reject(faultOf({ status: request.status, headers: answered }, problem));
    };
    request.onerror = () => reject(new ApiFault('unreachable', 'The connection was lost while sending.'));
    request.onabort = () => reject(new DOMException('cancelled', 'AbortError'));
    abort.addEventListener('abort', () => request.abort(), { once: true });
    if (abort.aborted) return request.onabort?.(new ProgressEvent('abort'));
    request.send(body);
  });
}

/** The bucket rejected an upload; from then on, pictures go through the API. */
let bucketRefuses = false;

/** Whether uploads bypass the API. */
async function isSigned(): Promise<boolean> {
  if (serverStatus.value === null) await refreshStatus();
  return serverStatus.value?.signedUploads === true && !bucketRefuses;
}
