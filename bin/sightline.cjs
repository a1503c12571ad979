#!/usr/bin/env node
// Plain JavaScript for any Node, so that one that is too old can say so in a sentence.
// @example npx sightline ~/Pictures
// @example npx sightline search "a dog on the beach" --limit 3
'use strict';
// biome-ignore lint/style/useNodejsImportProtocol: Node 12 does not know it.
const { spawn } = require('child_process');
// biome-ignore lint/style/useNodejsImportProtocol: Node 12 does not know it.
const { existsSync } = require('fs');
// biome-ignore lint/style/useNodejsImportProtocol: Node 12 does not know it.
const { join } = require('path');

if (Number(process.versions.node.split('.')[0]) >= 24) start();
else {
  // A clone has its own after `npm ci`.
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  const own = join(__dirname, '..', 'node_modules', 'node', 'bin', name);
  if (existsSync(own)) startWith(own);
  else refuse();
}

function refuse() {
  console.error(
    `sightline needs Node 24 or newer, and this is ${process.version}: install it from https://nodejs.org, or ` +
      'beside this package by "npm install node@24", and call npx sightline again.',
  );
  process.exitCode = 1;
}

function start() {
  // SQLite is still announced as experimental; other warnings stay.
  const { emitWarning } = process;
  process.emitWarning = (warning, ...rest) => {
    const [options] = rest;
    const type = typeof options === 'object' && options !== null ? options.type : options;
    if (type !== 'ExperimentalWarning') emitWarning.call(process, warning, ...rest);
  };
  // Another parent later means that npm has ended (server/environment.ts).
  process.startedBy = process.ppid;
  // Pictures leave much that is short-lived behind, which V8 lets pile up until there is several times what it needs
  // (docs/decisions/0019-memory-of-the-server.md).
  const v8 = require('node:v8');
  v8.setFlagsFromString('--semi-space-growth-factor=1');
  // While code is loaded, this would only collect again and again: a fifth of the time of a start.
  setTimeout(() => v8.setFlagsFromString('--heap-growing-percent=30'), 3000).unref();
  // A clone has the sources, which Node runs as they are; below node_modules it would not.
  const sources = join(__dirname, '..', 'scripts', 'sightline.ts');
  import(existsSync(sources) ? '../scripts/sightline.ts' : '../dist/app/sightline.js');
}

/** @param {string} node the executable of another Node, for the same arguments */
function startWith(node) {
  const child = spawn(node, [__filename, ...process.argv.slice(2)], { stdio: 'inherit' });
  // A terminal sends Ctrl-C to both.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  // Such as one for another processor.
  child.on('error', refuse);
  child.on('exit', (code) => {
    process.exitCode = code === null ? 1 : code;
  });
}
