import type { Context } from 'hono';
import type { Logger } from 'pino';
import type { LeftOut } from '../../core/files/non-picture-files.ts';
import type { IndexJob } from '../../core/index-image.ts';
import type { Embedder, FailureLog, ObjectStore, VectorStore } from '../../core/ports.ts';
import type { Trash } from '../../core/trash.ts';
import type { SpaceId } from '../../core/types.ts';
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
  /** @default `public, no-cache`, revalidated every time */
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
  /** Whether it is available now; otherwise its pictures are hidden. */
  readonly isThere: boolean;
}

/** Where something is on this machine, and what it is called for callers who are not told paths. */
export interface Place {
  readonly path: string;
  readonly name: string;
}

/** Changes that people make to the folders of an index. */
export interface FolderChanges {
  /**
   * Returns the bucket of the folder.
   * @param moved whether it is the indexed folder that it resembles
   * @throws {perhaps-moved} when it resembles one and `moved` is undefined
   * @throws {unavailable} when it does not exist
   * @throws {invalid-config} when it lies within another indexed folder, or contains one
   * @throws {invalid-input} when it cannot be a folder of pictures
   */
  add(path: string, moved: boolean | undefined): Promise<string>;
  /**
   * Sets the new path of a folder, and returns its bucket.
   * @throws {not-found} when the index has no such folder
   * @throws {unavailable} when nothing is at that path
   * @throws {invalid-config} when the path lies within another indexed folder, or contains one
   * @throws {invalid-input} when none of its pictures can be there
   */
  move(name: string, path: string): Promise<string>;
  /** @throws {not-found} when the index has no such folder */
  remove(name: string): Promise<void>;
}

/** Progress of a change of models in the background. */
export interface ChangeProgress {
  /** Name of the new models. */
  readonly profile: string;
  /** Pictures and captions in the new space so far, and in total; the total is null while unknown. */
  readonly done: number;
  readonly total: number | null;
  /** The old models are not available: searches find only what is done already. */
  readonly partial: boolean;
  /** Why it is stuck; it is retried. */
  readonly problem: string | null;
}

/** Everything the HTTP layer needs, assembled by the composition root. */
export interface AppDeps {
  readonly embedder: Embedder;
  readonly vectors: VectorStore;
  readonly failures: FailureLog;
  readonly buckets: ReadonlyMap<string, ObjectStore>;
  /** Where uploads go; a key of `buckets` unless its drive is missing. */
  readonly uploadBucket: () => string;
  /**
   * Signs an upload of exactly this length and type that goes directly to `uploadBucket`. Without it there is no POST
   * /uploads.
   */
  readonly presignUpload?: (
    key: string,
    options: { contentType: string; bytes: number; onlyIfNew: boolean; expiresInSeconds: number },
  ) => Promise<{ url: string; headers: Readonly<Record<string, string>>; expiresAt: string }>;
  /**
   * Key prefixes in `uploadBucket` that send events: a signed upload elsewhere would not be indexed. Empty means all.
   */
  readonly uploadPrefixes?: readonly string[];
  readonly index: IndexJob;
  /** Browsers use these instead of keys. */
  readonly sessions: Sessions;
  /** Where deleted pictures go. */
  readonly trash: Trash;
  /**
   * Runs work that writes on the live space, and again on its successor if that took over meanwhile. Reads of one
   * answer use `embedder` and `vectors`, which stay in one space.
   */
  readonly onLiveSpace: <T>(work: (space: Pick<AppDeps, 'embedder' | 'vectors'>) => Promise<T>) => Promise<T>;
  /**
   * A small version of a picture whose longer edge has at most `maxEdge` pixels.
   * @throws {unreadable-image}
   * @throws {too-large}
   */
  readonly thumbnail: (bytes: Uint8Array, maxEdge: number) => Promise<{ bytes: Uint8Array; contentType: string }>;
  /** Changes by this process, for GET /events and /status; absent where responses cannot be streamed. */
  readonly changes?: Changes;
  /** Number of objects waiting or being indexed, if known; for a cloud queue, its messages. */
  readonly backlog?: () => number | Promise<number>;
  /** Why the backlog cannot be indexed at the moment; null when it can. */
  readonly outage?: () => string | null;
  /** A change of models in the background; null when there is none. */
  readonly change?: () => ChangeProgress | null;
  /** The live space, if it may differ from that of `vectors`: functions wait for a deployment. */
  readonly liveSpace?: () => Promise<SpaceId | null>;
  /** Counts of files left out of all folders, where folders are compared with the index. */
  readonly leftOut?: () => Promise<LeftOut>;
  /** Where pictures are stored; keys and buckets mean something to people only in S3. @default 'folder' */
  readonly storage?: 'folder' | 's3';
  /** Whether a folder is watched. */
  readonly isWatched?: (bucket: string) => boolean;
  /** The folders of the index, if it has any. */
  readonly folders?: () => Promise<readonly FolderSummary[]>;
  /** The paths that messages may name. */
  readonly places?: () => readonly Place[];
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
  /** The client's network address as the host knows it, or null. Never from a header that the client can set. */
  readonly clientAddress: (c: Context) => string | null;
  /** The page people use: `/` and its assets. */
  readonly page?: StaticFiles;
  /** The report on the head's training; without it there is no GET /report. */
  readonly report?: Report;
}

/** What a caller may do. Write includes read. */
export type Scope = 'read' | 'write';

/** A valid key of a request. */
export interface KnownKey {
  /** The first 8 digits of its hash. */
  readonly name: string;
  readonly scope: Scope;
  /** Whether a browser sent it by itself, in a cookie. */
  readonly byCookie: boolean;
}

/** The client and the URL it sees this service at, according to the connection or a trusted proxy. */
export interface Caller {
  /** Network address; null when unknown. */
  readonly address: string | null;
  /** The authority in the client's URL, such as `photos.example:8443`. */
  readonly host: string;
  readonly scheme: 'http' | 'https';
  /** The path of this service as the client sees it: '' or for example `/photos`. */
  readonly basePath: string;
  /** Whether a proxy may be involved: headers say so, or the connection comes from a trusted proxy. */
  readonly isForwarded: boolean;
}

/** What middleware sets for handlers. */
export interface AppEnv {
  Variables: {
    requestId: string;
    log: Logger;
    /** The valid API key of the request, sent itself or through a session; null when there is none. */
    apiKey: KnownKey | null;
    caller: Caller;
    /** Aborts when the client goes away or the time is up. */
    signal: AbortSignal;
    /** Aborts only when the time is up. */
    late: AbortSignal;
    /** Lifts the time limit of this request. */
    disableTimeLimit: () => void;
    /** Counts its time from now on, unless it is up or not limited. */
    restartTimeLimit: () => void;
  };
}
