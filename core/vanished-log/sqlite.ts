import { openExpiryClock } from '../files/expiry-clock.ts';
import { type DatabaseFormat, openDatabase, translated } from '../files/sqlite-file.ts';
import type { Vanished, VanishedLog } from '../ports.ts';
import type { ImagePayload, JointEmbedding } from '../types.ts';

const VANISHED: DatabaseFormat = {
  what: 'list of vanished pictures',
  applicationId: 0x53_4c_76_61,
  version: 1,
  schema: `
    CREATE TABLE vanished (
      id TEXT PRIMARY KEY,
      sha256 TEXT NOT NULL,
      vanished_ms INTEGER NOT NULL,
      payload TEXT NOT NULL,
      space TEXT NOT NULL,
      vector BLOB NOT NULL
    ) STRICT;
    CREATE INDEX vanished_by_content ON vanished (sha256, vanished_ms DESC);
    CREATE INDEX vanished_by_age ON vanished (vanished_ms);
  `,
};

/** Time of entries that are kept until their file is repaired or gone. */
const REFUSED_MS = Number.MAX_SAFE_INTEGER;

/** How often the counted time advances. Milliseconds. */
const LOOK_MS = 60_000;

/**
 * The vanished pictures of one machine, in a SQLite file that several processes may have open.
 * @param hours how long they are kept
 * @throws {schema-mismatch} when the file is no such log or has another version
 * @throws {unavailable} when it cannot be opened
 */
export function openVanishedLog(file: string, hours: number, clock: () => number = Date.now): VanishedLog {
  const db = openDatabase(file, VANISHED);
  const now = openExpiryClock(`${file}-time.json`, hours * 3_600_000, clock);
  const oldest = () => now() - hours * 3_600_000;
  const forgetOld = () =>
    translated(file, () => {
      const isEmpty = db.prepare('SELECT 1 FROM vanished WHERE vanished_ms < ?').get(REFUSED_MS) === undefined;
      if (!isEmpty) db.prepare('DELETE FROM vanished WHERE vanished_ms < ?').run(oldest());
    });
  forgetOld();
  const timer = setInterval(() => {
    try {
      forgetOld();
    } catch {
      // The next use tries again.
    }
  }, LOOK_MS).unref();
  return {
    async keep({ id, payload, space, vector }, why) {
      forgetOld();
      const bytes = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
      translated(file, () =>
        db
          .prepare('INSERT OR REPLACE INTO vanished VALUES (?, ?, ?, ?, ?, ?)')
          .run(id, payload.sha256, why === 'gone' ? now() : REFUSED_MS, JSON.stringify(payload), space, bytes),
      );
    },
    async find(sha256) {
      const rows = translated(file, () =>
        db
          .prepare('SELECT * FROM vanished WHERE sha256 = ? AND vanished_ms >= ? ORDER BY vanished_ms DESC LIMIT 1000')
          .all(sha256, oldest()),
      );
      return rows.map(vanishedOf);
    },
    async findRefused(id) {
      const row = translated(file, () =>
        db.prepare('SELECT * FROM vanished WHERE id = ? AND vanished_ms = ?').get(id, REFUSED_MS),
      );
      return row === undefined ? null : vanishedOf(row);
    },
    async forget({ id }) {
      translated(file, () => db.prepare('DELETE FROM vanished WHERE id = ?').run(id));
    },
    async close() {
      clearInterval(timer);
      if (db.isOpen) db.close();
    },
  };
}

function vanishedOf({ id, payload, space, vector }: Record<string, unknown>): Vanished {
  const bytes = Uint8Array.from(vector as Uint8Array);
  return {
    id: id as string,
    payload: JSON.parse(payload as string) as ImagePayload,
    space: space as string,
    vector: new Float32Array(bytes.buffer) as JointEmbedding,
  };
}
