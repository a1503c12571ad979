import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Metrics } from './metrics.ts';

/** Seconds; from a cached response to the time limit. */
const REQUEST_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const EMBED_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 5];

/** Prometheus metrics in their own registry, so that several apps in one process stay separate. */
export function createMetrics(options: { processMetrics: boolean }): Metrics {
  const registry = new Registry();
  if (options.processMetrics) collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'sightline_http_request_duration_seconds',
    help: 'Time until the response headers, by route template.',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: REQUEST_BUCKETS,
    registers: [registry],
  });
  const embeddings = new Histogram({
    name: 'sightline_embedding_duration_seconds',
    help: 'Time to embed one text or decode and embed one picture.',
    labelNames: ['kind'] as const,
    buckets: EMBED_BUCKETS,
    registers: [registry],
  });
  return {
    request: ({ method, route, status }, seconds) =>
      requests.observe({ method, route, status: String(status) }, seconds),
    embedding(kind, count, seconds) {
      for (let i = 0; i < count; i++) embeddings.observe({ kind }, seconds / count);
    },
    watch(name, help, read) {
      new Gauge({
        name,
        help,
        registers: [registry],
        async collect() {
          this.set(await read());
        },
      });
    },
    expose: async () => ({ body: await registry.metrics(), contentType: registry.contentType }),
  };
}
