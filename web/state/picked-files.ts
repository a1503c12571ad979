/** Files from a drop, a paste or a file dialog. */

export interface NamedFile {
  readonly file: File;
  readonly name: string;
}

/** All files of a drop, including those in folders. Must be called during the event: entries are invalid afterwards. */
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

/** Extensions of types that many systems do not know, mostly camera raw. */
const endings = 'heic heif avif tif tiff jxl cr2 cr3 nef arw dng raf orf rw2 pef srw'.split(' ');

/** The `accept` attribute of file inputs for pictures. */
export const acceptedFiles = ['image/*', ...endings.map((ending) => `.${ending}`)].join(',');

/** Folders are filtered, since they hold other files too; files chosen one by one are left to the server to judge. */
function mayBePicture({ type, name }: File): boolean {
  return type.startsWith('image/') || endings.includes(name.slice(name.lastIndexOf('.') + 1).toLowerCase());
}

/** The pictures of a chosen folder, without hidden files. */
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
