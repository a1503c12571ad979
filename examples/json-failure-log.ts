import { z } from 'zod';
import { SightlineError } from '../core/errors.ts';
import { readJsonFile, writeJsonFile } from '../core/files/json-file.ts';
import type { Failure, FailureLog } from '../core/ports.ts';

/**
 * A custom driver: implements the port `FailureLog` with one readable JSON file. It passes the port's contract,
 * test/contract/failure-log.ts, unchanged, as every driver must. It supports a single process; the SQLite driver that
 * ships supports several.
 */

/** `order` grows with every record; it is negative for a dismissed one. */
const schema = z.array(z.custom<Failure & { readonly order: number }>((value) => typeof value === 'object'));

export function openJsonFailureLog(file: string, now = () => new Date()): FailureLog {
  const read = async () => (await readJsonFile(file, schema, 'delete it: what cannot be indexed is found again')) ?? [];
  let last: Promise<unknown> = Promise.resolve();

  /** Serialises changes: each reads what the previous one wrote. */
  function change<T>(
    how: (failures: z.infer<typeof schema>) => { kept: z.infer<typeof schema>; answer: T },
  ): Promise<T> {
    const changed = last.then(async () => {
      const { kept, answer } = how(await read());
      await writeJsonFile(file, kept);
      return answer;
    });
    last = changed.catch(() => {});
    return changed;
  }

  return {
    record: (failure, { dismissed = false } = {}) =>
      change((failures) => {
        const known = failures.find(({ id }) => id === failure.id);
        const same = known?.etag === failure.etag ? known : undefined;
        const at = now().toISOString();
        const recorded = { ...failure, attempts: (same?.attempts ?? 0) + 1, firstAt: same?.firstAt ?? at, lastAt: at };
        const next = Math.max(0, ...failures.map((other) => Math.abs(other.order))) + 1;
        const staysOff = same !== undefined && same.order < 0;
        const order = staysOff ? same.order : dismissed ? -next : next;
        return { kept: [...failures.filter((other) => other !== known), { ...recorded, order }], answer: recorded };
      }),
    resolve: (id) =>
      change((failures) => {
        const kept = failures.filter((failure) => failure.id !== id);
        return { kept, answer: kept.length < failures.length };
      }),
    dismiss: (id) =>
      change((failures) => {
        const kept = failures.map((failure) =>
          failure.id === id ? { ...failure, order: -Math.abs(failure.order) } : failure,
        );
        return { kept, answer: kept.some((failure) => failure.id === id) };
      }),
    async get(id) {
      const found = (await read()).find((failure) => failure.id === id);
      return found === undefined ? null : withoutOrder(found);
    },
    async list({ limit, cursor, dismissed = false, within }) {
      if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
        throw new SightlineError('invalid-input', `expected a limit from 1 to 1000, got ${limit}`);
      }
      const before = cursor === undefined ? Number.POSITIVE_INFINITY : orderOf(cursor);
      const left = (await read())
        .filter(({ order }) => order < 0 === dismissed && Math.abs(order) < before)
        .filter(({ bucket, key }) => !within || (bucket === within.bucket && key.startsWith(within.keyPrefix ?? '')))
        .sort((a, b) => Math.abs(b.order) - Math.abs(a.order));
      const page = left.slice(0, limit);
      const items = page.map(withoutOrder);
      return left.length > limit ? { items, next: `f${Math.abs(page.at(-1)!.order)}` } : { items };
    },
    count: async (reason) =>
      (await read()).filter((failure) => (reason === undefined ? failure.order > 0 : failure.reason === reason)).length,
    close: () => last.then(() => {}),
  };
}

function withoutOrder({ order: _, ...failure }: Failure & { readonly order: number }): Failure {
  return failure;
}

function orderOf(cursor: string): number {
  const order = Number(/^f([1-9][0-9]{0,15})$/.exec(cursor)?.[1]);
  if (Number.isSafeInteger(order)) return order;
  throw new SightlineError('invalid-cursor', 'expected a cursor from the previous page of the failures');
}
