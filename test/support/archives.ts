import { buffer } from 'node:stream/consumers';
import sharp from 'sharp';
import { pack } from 'tar-stream';
import { ZipFile } from 'yazl';

/** Creates small pictures, and archives of them, in memory. */

/** A JPEG of a single colour, which depends on the number. */
export function jpeg(number: number): Promise<Buffer> {
  const background = { r: (number * 53) % 256, g: (number * 101) % 256, b: (number * 197) % 256 };
  return sharp({ create: { width: 24, height: 16, channels: 3, background } })
    .jpeg()
    .toBuffer();
}

export type Content = Readonly<Record<string, Uint8Array | string>>;

/** `zip64` writes sizes and offsets as in an archive above 4 GiB. */
export function zip(content: Content, options: { zip64?: boolean; compress?: boolean } = {}): Promise<Buffer> {
  const { zip64 = false, compress = false } = options;
  const file = new ZipFile();
  for (const [name, bytes] of Object.entries(content)) {
    file.addBuffer(Buffer.from(bytes as Uint8Array), name, { compress, forceZip64Format: zip64 });
  }
  file.end({ forceZip64Format: zip64, comment: '' });
  return buffer(file.outputStream);
}

export function tar(content: Content): Promise<Buffer> {
  const archive = pack();
  for (const [name, bytes] of Object.entries(content)) archive.entry({ name }, Buffer.from(bytes as Uint8Array));
  archive.finalize();
  return buffer(archive);
}
