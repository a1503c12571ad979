#!/usr/bin/env node
// Plain JavaScript for any Node, so that one that is too old can say so in a sentence.
// @example npx sightline ~/Pictures
// @example npx sightline search "a dog on the beach" --limit 3
'use strict';
if (Number(process.versions.node.split('.')[0]) < 24) {
  console.error(
    `sightline needs Node 24 or newer, and this is ${process.version}: install it from https://nodejs.org, or beside ` +
      'this package by "npm install node@24", and call npx sightline again. In a clone, npm start brings its own.',
  );
  process.exitCode = 1;
} else {
  // SQLite is still announced as experimental; other warnings stay.
  const { emitWarning } = process;
  process.emitWarning = (warning, ...rest) => {
    const type = typeof rest[0] === 'string' ? rest[0] : rest[0]?.type;
    if (type !== 'ExperimentalWarning') emitWarning.call(process, warning, ...rest);
  };
  // Another parent later means that npm has ended (server/environment.ts).
  process.startedBy = process.ppid;
  // Pictures leave much that is short-lived behind, which V8 lets pile up until there is several times what it needs
  // (docs/decisions/0019-memory-of-the-server.md).
  const v8 = require('node:v8');
  v8.setFlagsFromString('--semi-space-growth-factor=1');
  v8.setFlagsFromString('--heap-growing-percent=30');
  // A clone has the sources, which Node runs as they are; below node_modules it would not.
  const sources = require('node:path').join(__dirname, '..', 'scripts', 'sightline.ts');
  import(require('node:fs').existsSync(sources) ? '../scripts/sightline.ts' : '../dist/app/sightline.js');
}
