import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Why a small file system cannot be mounted here, or false if it can. */
export function smallDisk(): string | false {
  if (process.platform !== 'linux' || process.geteuid?.() !== 0) return 'mounting a small disk needs root on Linux';
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'this machine does not allow mounting';
  }
}

/** Calls back with the path of a real, empty file system of this size. */
export async function onSmallDisk(kilobytes: number, run: (path: string) => Promise<void>): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), 'small-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', path]);
  try {
    await run(path);
  } finally {
    execFileSync('umount', [path]);
    await rm(path, { recursive: true });
  }
}
