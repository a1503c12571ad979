/**
 * Files in picture folders that are not pictures: they are left out unread, and are not failures. A file that should
 * have been a picture and is not remains a failure.
 */
export type LeftOutReason =
  /** A name that begins with a dot. */
  | 'hidden'
  /** Files of operating systems and network drives: previews, recycle bins, folder settings. */
  | 'system'
  /** A file of another program with data about a picture. */
  | 'sidecar'
  | 'video'
  | 'audio'
  | 'database'
  /** By a .sightlineignore or a setting. */
  | 'ignored'
  /** The index itself. */
  | 'own-data'
  /** A symbolic link to something within the same folder. */
  | 'link'
  /** A device, a socket or a pipe. */
  | 'special'
  /** Must be restored from an archive before it can be read. */
  | 'archived'
  /** Not a picture by name or content, such as notes, letters and archives. */
  | 'other';

/** Reason in the failure log for files that were read and are left out as `other`; they are not listed. */
export const NO_PICTURE = 'no-picture';

/** Files left out, by reason. */
export type LeftOut = Partial<Record<LeftOutReason, number>>;

/** Full names, in lower case; for folders with everything below them. */
const SYSTEM_NAMES = new Set(
  (
    'thumbs.db|ehthumbs.db|ehthumbs_vista.db|desktop.ini|picasa.ini|zbthumbnail.info|icon\r|' +
    '@eadir|@tmp|#recycle|#snapshot|@recycle|@recently-snapshot|@__thumb|__macosx|$recycle.bin|recycler|' +
    'system volume information|lost+found'
  ).split('|'),
);

const EXTENSIONS: Readonly<Record<string, LeftOutReason>> = {
  ...reasonOf('sidecar', 'json xmp aae thm'),
  ...reasonOf(
    'video',
    'mp4 m4v mov qt avi mkv webm wmv asf flv mpg mpeg mpe m2v mts m2ts 3gp 3g2 ogv vob insv lrv mxf',
  ),
  ...reasonOf('audio', 'mp3 m4a aac wav flac ogg oga opus wma aif aiff amr'),
  ...reasonOf('database', 'db db-wal db-shm db-journal db3 lrcat lrcat-data lrcat-wal lrcat-shm'),
  ...reasonOf('database', 'sqlite sqlite-wal sqlite-shm sqlite-journal sqlite3 sqlite3-wal sqlite3-shm'),
};

function reasonOf(reason: LeftOutReason, extensions: string): Record<string, LeftOutReason> {
  return Object.fromEntries(extensions.split(' ').map((extension) => [extension, reason]));
}

/** Why a file or a folder with this name is left out, or null. */
export function leftOutByName(name: string): LeftOutReason | null {
  const lower = name.toLowerCase();
  if (SYSTEM_NAMES.has(lower)) return 'system';
  if (name.startsWith('.')) return 'hidden';
  const dot = lower.lastIndexOf('.');
  return dot < 0 ? null : (EXTENSIONS[lower.slice(dot + 1)] ?? null);
}

/** Why an object is left out by the names in its key, or null. Folders are judged only by their full names. */
export function leftOutByKey(key: string): LeftOutReason | null {
  const names = key.split('/');
  const file = names.pop()!;
  for (const name of names) {
    const reason = leftOutFolder(name);
    if (reason !== null) return reason;
  }
  return leftOutByName(file);
}

/** Why a folder with this name is left out. A folder may be named like a file (`holiday.mov`, by some programs). */
export function leftOutFolder(name: string): 'system' | 'hidden' | null {
  const reason = leftOutByName(name);
  return reason === 'system' || reason === 'hidden' ? reason : null;
}

/** Adds to the count of a reason. */
export function countLeftOut(counts: LeftOut, reason: LeftOutReason, files = 1): void {
  if (files > 0) counts[reason] = (counts[reason] ?? 0) + files;
}

export function sumLeftOut(all: Iterable<LeftOut>): LeftOut {
  const sum: LeftOut = {};
  for (const counts of all) {
    for (const [reason, files] of Object.entries(counts)) countLeftOut(sum, reason as LeftOutReason, files);
  }
  return sum;
}
