/** Makes `await using` close a thing at the end of the block. */
export function closing<T extends { close(): unknown }>(thing: T): T & AsyncDisposable {
  return Object.assign(thing, {
    async [Symbol.asyncDispose]() {
      await thing.close();
    },
  });
}
