import type { Values } from '../../settings.ts';
import type { QdrantSpacesOptions } from './spaces.ts';

type QdrantSettings = Pick<
  Values<'server'> & Values<'functions'>,
  | 'qdrantSearch'
  | 'qdrantExactBelow'
  | 'qdrantEf'
  | 'qdrantM'
  | 'qdrantQuantization'
  | 'qdrantOnDisk'
  | 'qdrantShards'
  | 'qdrantReplicas'
>;

/** The driver's options from the settings. */
export function qdrantOptions(config: QdrantSettings): Pick<QdrantSpacesOptions, 'search' | 'collection'> {
  const limits = { exact: Number.POSITIVE_INFINITY, graph: 0, auto: config.qdrantExactBelow };
  return {
    search: { exactBelow: limits[config.qdrantSearch], ef: config.qdrantEf },
    collection: {
      shards: config.qdrantShards,
      replicas: config.qdrantReplicas,
      onDisk: config.qdrantOnDisk,
      quantization: config.qdrantQuantization,
      hnswM: config.qdrantM,
    },
  };
}
