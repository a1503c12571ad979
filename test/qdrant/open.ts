import type { VectorStore } from '../../core/ports.ts';
import { openQdrantSpaces, type QdrantSpacesOptions } from '../../core/vectors/qdrant-spaces.ts';

/** The live store of a server as the program opens it, which closes its connection, too. */
export async function openQdrantStore(
  options: QdrantSpacesOptions & { readonly space: string; readonly dimension: number },
): Promise<VectorStore> {
  const spaces = await openQdrantSpaces(options);
  try {
    const store = await spaces.openLive(options.space, options.dimension);
    return { ...store, close: () => spaces.close() };
  } catch (error) {
    await spaces.close();
    throw error;
  }
}
