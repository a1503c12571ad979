import { signal } from '@preact/signals';
import type { FacetCount } from '../client.ts';
import { client } from './server-urls.ts';

/** Values of some fields in the collection, most frequent first. */
export interface Facets {
  readonly folder: readonly FacetCount[];
  readonly camera: readonly FacetCount[];
  readonly contentType: readonly FacetCount[];
}

export const facets = signal<Facets>({ folder: [], camera: [], contentType: [] });

export async function refreshFacets(): Promise<void> {
  try {
    const names = ['folder', 'camera', 'contentType'] as const;
    const [folder = [], camera = [], contentType = []] = await Promise.all(names.map((name) => client.facet(name)));
    // Pictures at the top level have no named folder.
    facets.value = { folder: folder.filter(({ value }) => value !== ''), camera, contentType };
  } catch {
    // Only a convenience; active filters keep working.
  }
}
