/**
 * Names of the files in an archive: the keys with their folders, made valid on every system, and distinct even if upper
 * and lower case are the same: `a.jpg`, `a (2).jpg`.
 */
export function archiveFileNames(keys: readonly string[]): string[] {
  const taken = new Set<string>();
  return keys.map((key) => {
    const safe =
      key
        .split('/')
        .map(safePart)
        .filter((part) => part !== '')
        .join('/') || 'picture';
    const [, stem, extension] = /^(.*?)(\.[^./]*)?$/s.exec(safe)!;
    let name = safe;
    for (let n = 2; taken.has(folded(name)); n++) name = `${stem} (${n})${extension ?? ''}`;
    taken.add(folded(name));
    return name;
  });
}

const folded = (name: string) => name.normalize('NFC').toLowerCase();

/** Cannot escape the folder where it is unpacked, and has no character that Windows refuses. */
function safePart(part: string): string {
  return part
    .replace(/[\p{Cc}<>:"\\|?*]/gu, '_')
    .replace(/^\.{1,2}$/, '_')
    .toWellFormed();
}
