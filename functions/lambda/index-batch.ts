import PQueue from 'p-queue';
import { createIndexer, type IndexJob, type IndexOptions } from '../../core/index-image.ts';
import { groupCalls } from '../../core/vectors/batch-calls.ts';
import { confirming } from './composition-root.ts';

/**
 * Pictures decoded and embedded at the same time: one is embedded while the other is decoded, and memory has room for
 * two.
 */
const EMBEDDED_TOGETHER = 2;

/**
 * Indexes the pictures of a batch together: their reads and writes are grouped into few requests.
 */
export function createBatchIndexer(deps: IndexOptions): IndexJob {
  const { vectors, buckets, job } = groupCalls(deps.vectors, deps.buckets);
  const slots = new PQueue({ concurrency: EMBEDDED_TOGETHER });
  const embedder = {
    ...deps.embedder,
    embedImage: (bytes: Uint8Array) => slots.add(() => deps.embedder.embedImage(bytes)),
  };
  const index = confirming(createIndexer({ ...deps, embedder, vectors, buckets, serialise: false }), vectors);
  return (one) => job(() => index(one));
}
