import { ApiFault } from '../api-error.ts';
import type { UploadedImage, UploadRequest } from '../client.ts';
import { t } from '../i18n/translate.ts';
import { faultOf, hasId, parse } from '../transport.ts';
import { addressOf, client } from './server.ts';
import { refreshStatus, serverStatus } from './server-status.ts';

/** How one picture gets to the server: straight to the bucket where uploads are signed, through the API elsewhere. */

export interface Stored {
  readonly id: string;
  /** False for what went to the bucket: it is indexed by the event that this makes. */
  readonly indexed: boolean;
  readonly key?: string;
  /** The same bytes were there already. */
  readonly isCopy: boolean;
}

/** Types that the API signs. */
const signable: readonly UploadRequest['contentType'][] = [
  'image/jpeg',
  'image/png',
  'image/webp',
  'image/gif',
  'image/avif',
  'image/tiff',
];

/**
 * Sends one picture, which keeps `path`, its folders and name; `onSent` is called with the share that has left, 0 to 1.
 * Rejects with ApiFault or AbortError.
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
      // A bucket that lets no page in: the next attempt goes through the API, which has its say about the size.
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

/** XMLHttpRequest, because fetch does not tell how much has been sent. Answers the body. */
function put(
  { method, url, headers, body }: Sending,
  onSent: (share: number) => void,
  abort: AbortSignal,
): Promise<string> {
  const request = new XMLHttpRequest();
  return new Promise<string>((resolve, reject) => {
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) {
      // The browser sets it itself, and refuses to be told.
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

/** The bucket let no page in: pictures go through the API from then on. */
let bucketRefuses = false;

/** Whether uploads go past the API. */
async function isSigned(): Promise<boolean> {
  if (serverStatus.value === null) await refreshStatus();
  return serverStatus.value?.signedUploads === true && !bucketRefuses;
}
