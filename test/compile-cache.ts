import { fileURLToPath } from 'node:url';

/** Preloaded by the suite: its few hundred processes share Node's compile cache, which saves a third of their work. */
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('../node_modules/.cache/compiled', import.meta.url));
