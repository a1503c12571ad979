import type { Context } from 'hono';
import type { Logger } from 'pino';
import type { LeftOut } from '../../core/files/left-out.ts';
import type { IndexJob } from '../../core/index-image.ts';
import type { Embedder, FailureLog, ObjectStore, VectorStore } from '../../core/ports.ts';
import type { Trash } from '../../core/trash.ts';
import type { SpaceId } from '../../core/types.ts';
import type { KnownKey } from './auth.ts';
import type { Caller } from './caller.ts';
import type { Changes } from './change-feed.ts';
import type { Metrics } from './metrics.ts';
import type { HttpOptions } from './options.ts';
import type { Report } from './report-file.ts';
import type { ModelInfo } from './schemas/system.ts';
import type { Sessions } from './session-cookie.ts';

/** Whether the service can answer. Anything but `ready` makes GET /ready a 503. */
export type Readiness = 'starting' | 'ready' | 'stopping';

/** A file of the page or of the documentation. `etag` without quotes. */
export interface StaticFile {
  readonly body: Uint8Array<ArrayBuffer> | string;
  readonly contentType: string;
  readonly etag: string;
  /** `public, no-cache` when not given: asked for again each time. */
  readonly cacheControl?: string;
}

/** Looks a file up by its URL path, such as `/` or `/app.js`. */
export type StaticFiles = (path: string) => StaticFile | null | Promise<StaticFile | null>;

/** A folder whose pictures are in the index. */
export interface FolderSummary {
  readonly name: string;
  readonly bucket: string;
  readonly path: string;
  readonly pictures: number;
  readonly watched: boolean;
  /** Whether it is there now; of others the pictures are hidden. */
  readonly isThere: boolean;
}

/** What people do with the folders of an index by hand. Throws as `Folders` of a server does. */
export interface FolderChanges {
  /**
   * Answers the bucket of the folder.
   * @param moved whether it is the folder of the index that it resembles; undefined: throws `perhaps-moved` then
   */
  add(path: string, moved: boolean | undefined): Promise<string>;
  move(name: string, path: string): Promise<string>;
  remove(name: string): Promise<void>;
}

/** How far a change of models has come that goes on in the background. */
export interface ChangeProgress {
  /** Name of the models that are to take over. */
  readonly profile: string;
  /** Pictures and captions that the new space has, and that it is to have; null while that is not known. */
  readonly done: number;
  readonly total: number | null;
  /** The models of before are not here: searches find only what is done already. */
  readonly partial: boolean;
  /** What keeps it from going on; it is tried again. */
  readonly problem: string | null;
}

/** Everything the HTTP edge needs; the composition root puts it together. */
export interface AppDeps {
  readonly embedder: Embedder;
  readonly vectors: VectorStore;
  readonly failures: FailureLog;
  readonly buckets: ReadonlyMap<string, ObjectStore>;
  /** Where uploads go; a key of `buckets` unless its drive is away. */
  readonly uploadBucket: () => string;
  /**
   * Signs an upload to `uploadBucket` that goes past this service: of exactly this length and type. Without it there
   * is no
   * POST /uploads.
   */
  readonly presignUpload?: (
    key: string,
    options: { contentType: string; bytes: number; onlyIfNew: boolean; expiresInSeconds: number },
  ) => Promise<{ url: string; headers: Readonly<Record<string, string>>; expiresAt: string }>;
  /**
   * Beginnings of the keys in `uploadBucket` whose changes are announced: a signed upload elsewhere would not be found.
   * None for all.
   */
  readonly uploadPrefixes?: readonly string[];
  readonly index: IndexJob;
  /** What browsers have instead of keys. */
  readonly sessions: Sessions;
  /** Where deleted pictures go. */
  readonly trash: Trash;
  /**
   * Runs work that writes on the space that is live now, and again on its successor when that took over meanwhile. What
   * one answer reads comes from `embedder` and `vectors`, which stay of one space.
   */
  readonly onLiveSpace: <T>(work: (space: Pick<AppDeps, 'embedder' | 'vectors'>) => Promise<T>) => Promise<T>;
  /**
   * A small version of a picture whose longer edge has at most `maxEdge` pixels.
   * @throws {unreadable-image}
   * @throws {too-large}
   */
  readonly thumbnail: (bytes: Uint8Array, maxEdge: number) => Promise<{ bytes: Uint8Array; contentType: string }>;
  /** What happens in this process, for GET /events and /status; absent where an answer cannot be a stream. */
  readonly changes?: Changes;
  /** Objects that wait to be indexed and those under way, where that is known; of a queue in the cloud its messages. */
  readonly backlog?: () => number | Promise<number>;
  /** Why nothing of the backlog can be indexed for now; null when it can. */
  readonly outage?: () => string | null;
  /** A change of models in the background; null when there is none. */
  readonly change?: () => ChangeProgress | null;
  /** The space that is live now, where it may be another than that of `vectors`: functions wait for a deployment. */
  readonly liveSpace?: () => Promise<SpaceId | null>;
  /** What is left out of all folders as no pictures, where they are compared with the index. */
  readonly leftOut?: () => Promise<LeftOut>;
  /** Where pictures are stored; keys and buckets say something to people only in S3. @default 'folder' */
  readonly storage?: 'folder' | 's3';
  /** Whether changes of a folder are followed. */
  readonly isWatched?: (bucket: string) => boolean;
  /** The folders of the index, where it is one of folders. */
  readonly folders?: () => Promise<readonly FolderSummary[]>;
  /** Only where folders are served: on one machine, without a bucket. */
  readonly folderChanges?: FolderChanges;
  /** The answer of GET /model. */
  readonly model: ModelInfo;
  readonly ready: () => Readiness;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly options: HttpOptions;
  /** Version of the program, for /health and the OpenAPI document. */
  readonly version: string;
  /** One process on one machine: /metrics is served, and HTTPS is not demanded. */
  readonly local: boolean;
  /** The caller's network address as the host knows it, or null. Never from a header that the caller can set. */
  readonly clientAddress: (c: Context) => string | null;
  /** The page people use: `/` and its assets. */
  readonly page?: StaticFiles;
  /** The report of the head's training; without it there is no GET /report. */
  readonly report?: Report;
  /** Files of Swagger UI by name; from node_modules when not given. */
  readonly docsAssets?: StaticFiles;
}

/** What middleware leaves for handlers. */
export interface AppEnv {
  Variables: {
    requestId: string;
    log: Logger;
    /** The API key that was shown, itself or by a session, and is known; null when none was. */
    apiKey: KnownKey | null;
    /** Who asks, from where. */
    caller: Caller;
    /** Aborts when the client goes away or the time is up. */
    signal: AbortSignal;
    /** Lets this request take as long as it takes. */
    unhurried: () => void;
  };
}
