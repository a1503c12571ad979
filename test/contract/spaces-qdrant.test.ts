import { openQdrantSpaces } from '../../core/vectors/qdrant/spaces.ts';
import { onEveryQdrant } from '../core/vectors/qdrant/open.ts';
import { spacesContract } from './spaces.ts';

await onEveryQdrant('spaces', (name, ownNames) =>
  spacesContract(name, async () => {
    const { options, cleanup } = await ownNames();
    const again = () => openQdrantSpaces(options);
    const spaces = await again();
    return {
      spaces,
      again,
      async cleanup() {
        await spaces.close();
        await cleanup();
      },
    };
  }),
);
