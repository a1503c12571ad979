import { gzipSync } from 'node:zlib';
import type { MiddlewareHandler } from 'hono';
import { accepts } from 'hono/accepts';

const COMPRESSIBLE = /^(application\/([a-z]+\+)?json|text\/(html|css|javascript))\b/;

/** A smaller response fits into one packet anyway. */
const SMALL_BYTES = 1024;
/** Compressing more than this at once (about 2 ms) would keep other requests waiting. */
const LARGE_BYTES = 64 * 1024;

/** Compresses JSON and the page; pictures are compressed already. */
export function compressed(): MiddlewareHandler {
  return async (c, next) => {
    await next();
    const { body, headers } = c.res;
    if (body === null || !COMPRESSIBLE.test(headers.get('Content-Type') ?? '') || headers.has('Content-Encoding'))
      return;
    headers.append('Vary', 'Accept-Encoding');
    const wanted = accepts(c, { header: 'Accept-Encoding', supports: ['gzip', 'identity'], default: 'identity' });
    if (wanted !== 'gzip' || c.req.method === 'HEAD') return;
    const plain = await c.res.bytes();
    const isPacked = plain.byteLength >= SMALL_BYTES;
    const packed = !isPacked
      ? plain
      : plain.byteLength <= LARGE_BYTES
        ? new Uint8Array(gzipSync(plain))
        : new Blob([plain]).stream().pipeThrough(new CompressionStream('gzip'));
    const answer = new Response(packed, c.res);
    answer.headers.delete('Content-Length');
    if (isPacked) {
      answer.headers.set('Content-Encoding', 'gzip');
      // A strong ETag names the uncompressed bytes.
      const tag = answer.headers.get('ETag');
      if (tag !== null && !tag.startsWith('W/')) answer.headers.set('ETag', `W/${tag}`);
    }
    c.res = undefined;
    c.res = answer;
  };
}
