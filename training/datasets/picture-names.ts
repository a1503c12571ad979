/** Checks untrusted names from archives and captions files. */

/** Picture extensions; whether a file really is a picture shows when it is decoded. */
const PICTURE = /\.(jpe?g|png|webp|gif|avif|tiff?|heic|bmp)$/i;

export function isPictureName(path: string): boolean {
  return PICTURE.test(path) && !isLitter(path);
}

/** Clutter from file managers: hidden files, and macOS attributes in zips. */
export function isLitter(path: string): boolean {
  return (
    path.split('/').some((name) => name.startsWith('.') && name !== '.' && name !== '..') ||
    /(^|\/)__MACOSX\//.test(path)
  );
}

/** Why a path is rejected, or null: it could escape the folder, or is unsafe on some systems. */
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
