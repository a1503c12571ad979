import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { SightlineError } from '../../core/errors.ts';
import { archiveStem } from './picture-names.ts';
import type { Shard, SourceFile } from './source-files.ts';

/**
 * A tar archive, optionally gzipped, read from front to back: from a folder, a bucket, a server or standard input.
 * Holds one file in memory at a time, besides those being processed.
 */
export function tarShard(name: string, open: () => AsyncIterable<Uint8Array>): Shard {
  return {
    name,
    async *files(wanted) {
      const archive = archiveStem(name);
      const entries = extract();
      const input = Readable.from(unpacked(open()));
      // An input error must also end the reading of entries.
      input.on('error', (error) => entries.destroy(error));
      input.pipe(entries);
      try {
        for await (const entry of entries) {
          const { name: written, size = 0, type, mtime } = entry.header;
          // `tar cf x.tar .` adds this prefix to every name.
          const path = written.replace(/^(\.\/)+/, '');
          if ((type !== 'file' && type !== 'contiguous-file') || !wanted(path, size)) {
            entry.resume();
            continue;
          }
          const chunks: Uint8Array[] = [];
          for await (const chunk of entry) chunks.push(chunk as Uint8Array);
          const file: SourceFile = {
            path,
            archive,
            bytes: size,
            stamp: `${size} ${mtime?.getTime() ?? 0}`,
            async *open() {
              yield* chunks;
            },
          };
          yield file;
        }
      } catch (error) {
        if (error instanceof SightlineError) throw error;
        const text = error instanceof Error ? error.message : String(error);
        throw new SightlineError('invalid-input', `${name}: expected a whole tar archive, got: ${text}`, {
          cause: error,
        });
      } finally {
        input.destroy();
      }
    },
  };
}

/** Decompresses the input if it starts like gzip. */
async function* unpacked(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = bytes[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done) return;
  const whole = (async function* () {
    yield first.value;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
  })();
  if (first.value[0] !== 0x1f || first.value[1] !== 0x8b) yield* whole;
  else {
    const input = Readable.from(whole);
    const gunzip = createGunzip();
    input.on('error', (error) => gunzip.destroy(error));
    yield* input.pipe(gunzip);
  }
}
