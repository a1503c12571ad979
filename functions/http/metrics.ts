import type { Embedder } from '../../core/ports.ts';

/** Metrics of this process. A host without /metrics provides its own implementation. */
export interface Metrics {
  request(labels: { method: string; route: string; status: number }, seconds: number): void;
  embedding(kind: 'text' | 'image', count: number, seconds: number): void;
  /** Registers a gauge, such as a queue's length, that is read on each request of /metrics. */
  watch(name: `sightline_${string}`, help: string, read: () => number | Promise<number>): void;
  /** Prometheus text format and its content type. */
  expose(): Promise<{ body: string; contentType: string }>;
}

/** The same embedder, with its successful calls measured. */
export function measured(embedder: Embedder, metrics: Metrics): Embedder {
  const timed = async <T>(kind: 'text' | 'image', count: number, work: () => Promise<T>): Promise<T> => {
    const start = performance.now();
    const result = await work();
    metrics.embedding(kind, count, (performance.now() - start) / 1000);
    return result;
  };
  return {
    ...embedder,
    embedTexts: (texts) => timed('text', texts.length, () => embedder.embedTexts(texts)),
    readTexts: (texts, hint) => timed('text', texts.length, () => embedder.readTexts(texts, hint)),
    embedImage: (bytes) => timed('image', 1, () => embedder.embedImage(bytes)),
  };
}
