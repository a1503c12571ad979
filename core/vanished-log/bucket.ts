import { setTimeout as sleep } from 'node:timers/promises';
import { isSightlineError, SightlineError } from '../errors.ts';
import { readJsonObject, writeJsonObject } from '../objects/json-object.ts';
import type { ObjectStore, Vanished, VanishedLog } from '../ports.ts';
import type { ImagePayload, JointEmbedding } from '../types.ts';

/** One JSON object for all pictures of the same bytes, which a lifecycle rule deletes (infra/storage.ts). */
const GONE = 'vanished/';
/** One JSON object for each picture whose file was refused. */
const REFUSED = 'refused/';
/** Maximum pictures kept per hash, about 1 kB each: as many as a rename considers. */
const MOST = 1000;
/** Attempts to write under contention: one writer succeeds in each round. */
const TRIES = 100;
/** Longest wait before another attempt: a random part of it, so that writers do not collide again. Milliseconds. */
const LONGEST_WAIT_MS = 200;

/** A stored entry; the vector is base64 of float32. */
interface Entry {
  readonly id: string;
  readonly payload: ImagePayload;
  readonly space: string;
  readonly vector: string;
  /** Milliseconds since 1970. */
  readonly keptAt: number;
}

/**
 * The vanished pictures of a deployment, in its state bucket. A look-up costs one read.
 * @param hours how long they are kept
 */
export function openVanishedObjects(state: ObjectStore, hours: number, now: () => number = Date.now): VanishedLog {
  const isYoung = ({ keptAt }: Entry) => keptAt >= now() - hours * 3_600_000;

  /** Changes the entries of a hash; concurrent changes are applied one after another. */
  async function change(sha256: string, to: (entries: readonly Entry[]) => readonly Entry[]): Promise<void> {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const found = await read(state, goneKey(sha256));
      const entries = to(found.entries.filter(isYoung));
      if (entries.length === 0 && found.etag === undefined) return;
      try {
        if (entries.length === 0) return await state.delete(goneKey(sha256), { ifMatch: found.etag });
        const condition = found.etag === undefined ? { ifNoneMatch: '*' as const } : { ifMatch: found.etag };
        return await writeJsonObject(state, goneKey(sha256), entries.slice(0, MOST), condition);
      } catch (error) {
        if (!isSightlineError(error, 'precondition-failed')) throw error;
        await sleep(Math.random() * Math.min(LONGEST_WAIT_MS, 5 * 2 ** attempt));
      }
    }
    throw new SightlineError('unavailable', `too many concurrent writers of the vanished pictures with hash ${sha256}`);
  }

  return {
    async keep(picture, why) {
      const { id, payload } = picture;
      const entry = entryOf(picture, now());
      if (why === 'gone') await change(payload.sha256, (entries) => [entry, ...entries.filter((one) => one.id !== id)]);
      else await writeJsonObject(state, refusedKey(id), [entry]);
    },
    async find(sha256) {
      return (await read(state, goneKey(sha256))).entries.filter(isYoung).map(vanishedOf);
    },
    async findRefused(id) {
      const [entry] = (await read(state, refusedKey(id))).entries;
      return entry === undefined ? null : vanishedOf(entry);
    },
    async forget({ id, payload }) {
      await state.delete(refusedKey(id));
      await change(payload.sha256, (entries) => entries.filter((entry) => entry.id !== id));
    },
    // The bucket belongs to the caller.
    async close() {},
  };
}

function goneKey(sha256: string): string {
  return `${GONE}${sha256}.json`;
}

function refusedKey(id: string): string {
  return `${REFUSED}${id}.json`;
}

async function read(state: ObjectStore, key: string): Promise<{ entries: readonly Entry[]; etag?: string }> {
  const found = await readJsonObject(state, key);
  return found === null ? { entries: [] } : { entries: found.value as Entry[], etag: found.etag };
}

function entryOf({ id, payload, space, vector }: Vanished, keptAt: number): Entry {
  const bytes = Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
  return { id, payload, space, vector: bytes.toString('base64'), keptAt };
}

function vanishedOf({ id, payload, space, vector }: Entry): Vanished {
  const bytes = Uint8Array.from(Buffer.from(vector, 'base64'));
  return { id, payload, space, vector: new Float32Array(bytes.buffer) as JointEmbedding };
}
