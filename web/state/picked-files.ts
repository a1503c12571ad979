/** Files out of a drop, a paste or a picker. */

export interface NamedFile {
  readonly file: File;
  readonly name: string;
}

/** All files of a drop, folders walked through. Must be called while the event runs: entries are gone afterwards. */
export function filesOf(transfer: DataTransfer): Promise<NamedFile[]> {
  const entries = [...transfer.items]
    .filter((item) => item.kind === 'file')
    .map((item) => item.webkitGetAsEntry() ?? item.getAsFile());
  return Promise.all(entries.map(walk)).then((lists) => lists.flat());
}

async function walk(entry: FileSystemEntry | File | null): Promise<NamedFile[]> {
  if (entry === null) return [];
  if (entry instanceof File) return [{ file: entry, name: entry.name }];
  if (isFileEntry(entry)) {
    const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject));
    return [{ file, name: entry.fullPath.replace(/^\//, '') }];
  }
  const children = await childrenOf(entry as FileSystemDirectoryEntry);
  const lists = [];
  for (const child of children.filter(({ name }) => !name.startsWith('.'))) lists.push(await walk(child));
  return lists.flat().filter(({ file }) => mayBePicture(file));
}

/** Pictures whose type many systems do not know, camera raw above all. */
const endings = 'heic heif avif tif tiff jxl cr2 cr3 nef arw dng raf orf rw2 pef srw'.split(' ');

/** For fields that pick pictures. */
export const acceptedFiles = ['image/*', ...endings.map((ending) => `.${ending}`)].join(',');

/** In a folder there is more than pictures; what was chosen as such is the server's to refuse. */
function mayBePicture({ type, name }: File): boolean {
  return type.startsWith('image/') || endings.includes(name.slice(name.lastIndexOf('.') + 1).toLowerCase());
}

/** The pictures of a folder that was picked, hidden ones left out. */
export function picturesOf(files: readonly File[]): NamedFile[] {
  return files
    .map((file) => ({ file, name: file.webkitRelativePath || file.name }))
    .filter(({ file, name }) => mayBePicture(file) && !name.split('/').some((part) => part.startsWith('.')));
}

function isFileEntry(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

async function childrenOf(directory: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = directory.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return all;
    all.push(...some);
  }
}

export function pictureOf(transfer: DataTransfer | null): File | undefined {
  return [...(transfer?.files ?? [])].find(mayBePicture);
}
