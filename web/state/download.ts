import type { ImageItem } from '../client.ts';
import { t } from '../i18n/translate.ts';
import { emptyQuery } from '../route.ts';
import { copyText } from './actions.ts';
import { urlOf } from './navigation.ts';
import { report } from './notices.ts';
import { folders } from './server-status.ts';
import { addressOf, client } from './server-urls.ts';

/** Downloads, file paths and links of pictures. */

/** Downloads pictures as one zip file. Uses a form, so that the browser streams it to disk, however large it is. */
export async function downloadZip(ids: readonly string[]): Promise<void> {
  try {
    // An error response to a form would replace the page, so a missing key is asked for first.
    await client.getImage(ids[0]!);
  } catch (error) {
    report(error, () => void downloadZip(ids));
    return;
  }
  const form = document.createElement('form');
  form.method = 'post';
  form.action = addressOf('archive');
  for (const id of ids) {
    const field = document.createElement('input');
    field.type = 'hidden';
    field.name = 'ids';
    field.value = id;
    form.append(field);
  }
  document.body.append(form);
  form.submit();
  form.remove();
}

/** The local path of a picture's file; undefined if the server does not reveal it. */
export function pathOf({ bucket, key }: ImageItem): string | undefined {
  const root = folders.value.find((folder) => folder.bucket === bucket)?.path;
  if (root === undefined) return;
  const separator = root.includes('\\') ? '\\' : '/';
  return root.replace(/[\\/]+$/, '') + separator + key.replaceAll('/', separator);
}

export function copyPaths(images: readonly ImageItem[]): Promise<void> {
  const paths = images.map(pathOf).filter((path) => path !== undefined);
  return copyText(paths.join('\n'), t('notice.pathsCopied', { count: paths.length }));
}

/** Links that open each picture, for everyone with access. */
export function copyLinks(ids: readonly string[]): Promise<void> {
  const links = ids.map((id) => addressOf(urlOf({ view: 'search', query: emptyQuery, photo: id })));
  return copyText(links.join('\n'), t('notice.linksCopied', { count: links.length }));
}
