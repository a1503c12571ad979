/**
 * Compares two well-formed strings by their UTF-8 bytes, the order in which S3 lists keys. JavaScript compares UTF-16
 * code units, which puts U+E000 to U+FFFF behind the characters above U+FFFF; everything else is the same. Negative
 * when `a` comes first.
 */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return utf8Rank(x) - utf8Rank(y);
  }
  return a.length - b.length;
}

/** Moves the surrogates (D800 to DFFF) behind all other code units and keeps their order. */
function utf8Rank(codeUnit: number): number {
  if (codeUnit < 0xd800) return codeUnit;
  return codeUnit > 0xdfff ? codeUnit - 0x800 : codeUnit + 0x2000;
}
