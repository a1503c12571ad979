import { isSightlineError, SightlineError } from '../errors.ts';

/** What a person can do about a failed system call, by its error code. */
const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: free some space and try again',
  EDQUOT: 'the disk quota is used up: free some space and try again',
  EACCES: 'permission denied: give the user of this program access to it',
  EPERM: 'operation not permitted: give the user of this program access to it',
  EROFS: 'the file system is read-only: mount it writable, or store elsewhere',
  EIO: 'the disk reported an error: check the drive',
  EMFILE: 'too many open files: raise the limit (ulimit -n)',
  ENFILE: 'too many open files on this machine',
  EFBIG: 'the file is larger than the file system or the limit of this process allows',
  ENOENT: 'it does not exist',
  EISDIR: 'it is a folder: name a file',
  ENOTDIR: 'it is not a folder, or is below something that is not',
  EEXIST: 'something else has this name',
  ESTALE: 'the network drive was reconnected: try again',
  EXDEV: 'it is on another file system, mounted below the folder: open that one as a folder of its own',
};

/** What was tried when a folder of pictures is opened: it may be on a drive. */
export const OPEN_FOLDER = 'open the folder';
const MOUNTED = 'it does not exist (any more): if it is on a removable or network drive, is that mounted?';

/** The code of a failed system call, or null when the error is something else. */
export function systemCode(error: unknown): string | null {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}

/** Turns a failed system call into `unavailable`, naming the path and what to do; returns other errors unchanged. */
export function unavailable(error: unknown, doing: string, path: string): unknown {
  const code = systemCode(error);
  if (code === null || isSightlineError(error)) return error;
  const advice =
    (doing === OPEN_FOLDER && code === 'ENOENT' ? MOUNTED : ADVICE[code]) ??
    'try again, and check the drive if it happens again';
  return new SightlineError('unavailable', `cannot ${doing} ${path}: ${advice} (${code})`, {
    cause: error,
    details: { path, code },
  });
}
