/** Names that come from archives and captions files, written by anybody. */

/** What a picture may be called; whether it is one shows when it is decoded. */
const PICTURE = /\.(jpe?g|png|webp|gif|avif|tiff?|heic|bmp)$/i;

export function isPictureName(path: string): boolean {
  return PICTURE.test(path) && !isLitter(path);
}

/** What file managers leave behind: hidden files, and macOS's copies of attributes in zips. */
export function isLitter(path: string): boolean {
  return (
    path.split('/').some((name) => name.startsWith('.') && name !== '.' && name !== '..') ||
    /(^|\/)__MACOSX\//.test(path)
  );
}

/** Why a file of this path is not taken, or null: it could lead out of the folder, or has no safe name everywhere. */
export function unsafeName(path: string): string | null {
  if (path === '' || path.includes('\0')) return 'is empty or holds a zero byte';
  if (/^([/\\]|[A-Za-z]:)/.test(path)) return 'is an absolute path';
  if (path.includes('\\')) return 'holds a backslash';
  if (path.split('/').some((name) => name === '..' || name === '.' || name === ''))
    return 'leads out of its folder or through nothing';
  return null;
}

/** `a/b.c.jpg` to `a/b.c`. */
export function stemOf(path: string): string {
  return path.replace(/\.[^./]*$/, '');
}

/** `photos/train-000.tar.gz` to `train-000`. */
export function archiveStem(path: string): string {
  return path.replace(/^.*\//, '').replace(/(\.tar)?\.[^.]*$/i, '');
}
