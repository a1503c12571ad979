import { arrange, placeNew } from './arrange.ts';
import { fitted } from './geometry.ts';

/** Message from the page: vectors and, to keep an existing map, positions, with NaN where unknown. */
export interface MapTask {
  readonly bytes: Int8Array;
  readonly dimension: number;
  readonly positions?: Float32Array;
}

export interface MapAnswer {
  readonly positions: Float32Array;
  readonly share: number;
}

self.onmessage = ({ data }: MessageEvent<MapTask>) => {
  const answer = (positions: Float32Array, share: number) => self.postMessage({ positions, share } satisfies MapAnswer);
  if (data.positions) answer(placeNew(data, data.positions), 1);
  else answer(fitted(arrange(data, (positions, share) => answer(fitted(positions), Math.min(share, 0.99)))), 1);
};
