import { SightlineError } from '../../errors.ts';

/** S3's limit for a key, and the common limit of file systems for one name. Both in UTF-8 bytes. */
const MAX_KEY_BYTES = 1024;
const MAX_NAME_BYTES = 255;

/** Device names on Windows, with or without an extension (Microsoft, "Naming Files, Paths, and Namespaces"). */
const RESERVED = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\.|$)/i;
/** Not allowed in a Windows file name; the colon would even open an alternate data stream. */
const WINDOWS_FORBIDDEN = /[<>:"|?*]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: it looks for these
const CONTROL = /[\u0000-\u001f\u007f]/;

/**
 * The names along the path of a key, from the root of the folder down.
 * @throws {invalid-key} for every key without a safe and unambiguous path below the root, before anything is touched
 */
export function segmentsOf(key: string): string[] {
  const problem = keyProblem(key);
  if (problem !== null) throw invalidKey(key, problem);
  return key.split('/');
}

/**
 * The same for a key to be written, with the rules of Windows on every system, so that the folder can be copied to any
 * machine. Names that break them can still be read if the system allows them.
 */
export function newSegmentsOf(key: string): string[] {
  const problem = keyProblem(key) ?? portabilityProblemOf(key);
  if (problem !== null) throw invalidKey(key, problem);
  return key.split('/');
}

/** Whether a file with this path ('/' between names) is an object of the folder. */
export function isKey(path: string): boolean {
  return keyProblem(path) === null;
}

/** Whether a name is hidden: hidden files of the user or the system, and our own unfinished writes. */
export function isHidden(name: string): boolean {
  return name.startsWith('.');
}

export function invalidKey(key: string, problem: string): SightlineError {
  const shown = key.length > 100 ? `${key.slice(0, 100)}...` : key;
  return new SightlineError('invalid-key', `the key ${JSON.stringify(shown)} ${problem}`);
}

/** Why a file with this path is not an object of the folder, as the end of a sentence; null when it is one. */
export function keyProblem(key: string): string | null {
  if (key === '') return 'is empty';
  if (!key.isWellFormed()) return 'is not well-formed Unicode';
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) return `is longer than ${MAX_KEY_BYTES} bytes of UTF-8`;
  if (CONTROL.test(key)) return 'contains a control character';
  if (key.includes('\\')) return 'contains a backslash';
  for (const name of key.split('/')) {
    const problem = problemOfName(name);
    if (problem !== null) return problem;
  }
  if (process.platform !== 'win32') return null;
  if (WINDOWS_FORBIDDEN.test(key)) return 'contains a character that Windows does not allow in file names';
  return portabilityProblemOf(key);
}

function problemOfName(name: string): string | null {
  if (name === '') return 'begins or ends with a slash or has two in a row';
  if (name === '.' || name === '..') return `contains the path segment "${name}"`;
  if (isHidden(name)) return `contains the hidden name ${JSON.stringify(name)}`;
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `contains a name longer than ${MAX_NAME_BYTES} bytes of UTF-8`;
  return null;
}

function portabilityProblemOf(key: string): string | null {
  for (const name of key.split('/')) {
    if (RESERVED.test(name)) return `contains the name ${JSON.stringify(name)}, which is a device on Windows`;
    if (/[. ]$/.test(name)) return `contains the name ${JSON.stringify(name)}, which ends with a dot or a space`;
  }
  return null;
}
