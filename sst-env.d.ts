/**
 * What `Resource` holds in a function. SST writes this file anew whenever a stack runs; it is committed so that the
 * functions type-check where none ever has.
 */
import 'sst';

declare module 'sst' {
  export interface Resource {
    ApiKeys: { type: 'sst.sst.Secret'; value: string };
    QdrantApiKey: { type: 'sst.sst.Secret'; value: string };
    QdrantUrl: { type: 'sst.sst.Secret'; value: string };
  }
}
