// Made from /openapi.json by `npm run client`; do not edit.

export type ArchiveRequest = {
  readonly ids?: readonly string[];
  readonly filter?: Filter;
};

export type Caption = {
  readonly id: string;
  readonly kind: "caption";
  readonly caption: string;
  readonly tags: readonly string[];
  readonly indexedAt: string;
  readonly links: {
    readonly self: string;
  };
};

export type CaptionBatch = {
  readonly items: readonly CaptionInput[];
};

export type CaptionHit = {
  /** Cosine similarity to the query. */
  readonly score: number;
  /** Why it is there: where all words of the query stand in what it is called, or `meaning`. What is called so comes first, so scores need not fall from one to the next. */
  readonly why: readonly ("name" | "folder" | "tag" | "camera" | "keyword" | "caption" | "meaning")[];
  readonly id: string;
  readonly kind: "caption";
  readonly caption: string;
  readonly tags: readonly string[];
  readonly indexedAt: string;
  readonly links: {
    readonly self: string;
  };
};

export type CaptionInput = {
  readonly text: string;
  /** Language of the texts, such as `en` or `de`. `auto`: each by its own letters and words, and by `Accept-Language`. */
  readonly lang?: string;
  /** Those of a caption that is there already are kept when absent. */
  readonly tags?: readonly string[];
};

export type CaptionPage = {
  readonly items: readonly Caption[];
  /** Pass it as `cursor` for the following page; absent on the last one. */
  readonly next?: string;
};

export type CaptionResult = {
  readonly status: "created" | "updated" | "rejected";
  readonly id?: string;
  /** Why it was rejected. */
  readonly detail?: string;
};

export type CaptionResults = {
  /** One for each, in order. */
  readonly items: readonly CaptionResult[];
};

export type Change = KnownChange | {
  readonly type: "changed";
  readonly id: null;
  readonly key: null;
  readonly at: string;
};

export type EmbedForm = {
  readonly texts?: readonly string[];
  /** Language of the texts, such as `en` or `de`. `auto`: each by its own letters and words, and by `Accept-Language`. */
  readonly lang?: string;
  readonly images?: readonly string[];
};

export type EmbedRequest = {
  readonly texts?: readonly string[];
  readonly images?: readonly string[];
  /** Language of the texts, such as `en` or `de`. `auto`: each by its own letters and words, and by `Accept-Language`. */
  readonly lang?: string;
};

export type FacetCounts = {
  readonly items: readonly ({
    readonly value: string;
    readonly count: number;
  })[];
};

export type Failure = {
  readonly id: string;
  readonly bucket: string;
  readonly key: string;
  readonly etag: string;
  /** For programs. */
  readonly reason: string;
  /** For people. */
  readonly message: string;
  /** False when the same bytes can never succeed. */
  readonly retryable: boolean;
  readonly attempts: number;
  readonly firstAt: string;
  readonly lastAt: string;
  readonly links: {
    readonly retry: string;
  };
};

export type FailurePage = {
  readonly items: readonly Failure[];
  /** Pass it as `cursor` for the following page; absent on the last one. */
  readonly next?: string;
  readonly total: number;
};

/** All given conditions must hold; ranges include both ends. */
export type Filter = {
  readonly bucket?: string;
  readonly exceptBuckets?: readonly string[];
  readonly keyPrefix?: string;
  readonly folder?: string;
  readonly contentTypes?: readonly string[];
  readonly orientation?: "landscape" | "portrait" | "square";
  readonly minBytes?: number;
  readonly maxBytes?: number;
  readonly sha256?: string;
  /** Each once; duplicates are dropped. */
  readonly tagsAll?: readonly string[];
  /** Each once; duplicates are dropped. */
  readonly tagsAny?: readonly string[];
  /** Such as 2026-11-23: by the clock of the place where it was taken; an offset in it does not count. */
  readonly takenAfter?: string;
  /** Such as 2026-11-23: by the clock of the place where it was taken; an offset in it does not count. */
  readonly takenBefore?: string;
  readonly month?: string;
  readonly dayOfYear?: string;
  readonly camera?: string;
  readonly lens?: string;
  readonly colours?: readonly ("red" | "orange" | "yellow" | "green" | "blue" | "purple" | "pink" | "brown" | "black" | "white" | "grey" | "monochrome")[];
  /** Such as 2026-11-23 or 2026-11-23T20:36:00Z. */
  readonly indexedAfter?: string;
  /** Such as 2026-11-23 or 2026-11-23T20:36:00Z. */
  readonly indexedBefore?: string;
};

export type Folder = {
  /** May be given to the filter `bucket`. */
  readonly name: string;
  readonly bucket: string;
  /** Where it is; told at the machine itself and to keys that may write. */
  readonly path?: string;
  readonly pictures: number;
  /** Changes in it are followed. */
  readonly watched: boolean;
  /** False while its drive is away: its pictures are hidden. */
  readonly there: boolean;
};

export type FolderList = {
  readonly items: readonly Folder[];
};

export type FolderPlace = {
  /** Path on the machine that the server runs on, from its root or from `~`. */
  readonly path: string;
};

export type GeneralSearchRequest = {
  readonly terms: readonly SearchTerm[];
  /** Language of the texts, such as `en` or `de`. `auto`: each by its own letters and words, and by `Accept-Language`. */
  readonly lang?: string;
  /** Takes words as they are: "without people", "in black and white" and the like are not understood. */
  readonly literal?: boolean;
  /** What to rank: pictures, captions, or both in one list by cosine. Two texts are nearer to each other than a text and a picture that fits it as well, and so are two pictures: `any` puts what is like the query in kind first. To see the best of both, ask once for each. */
  readonly kind?: "image" | "caption" | "any";
  readonly filter?: Filter;
  readonly limit?: number;
  /** The `next` of the previous page of the same query. */
  readonly cursor?: string;
  readonly minScore?: number;
};

export type Health = {
  readonly status: "ok";
  readonly version: string;
  readonly uptimeSeconds: number;
};

export type Hit = ImageHit | CaptionHit;

export type Image = {
  readonly id: string;
  readonly kind: "image";
  /** Name of the bucket or folder. */
  readonly bucket: string;
  /** The object key: the path within the folder or bucket. */
  readonly key: string;
  /** The file name: the key without its folder. */
  readonly name: string;
  /** The folder part of the key; empty at the top. As a filter: exactly this folder, without subfolders. */
  readonly folder: string;
  /** MIME type detected from the content, whatever the file name says. */
  readonly contentType: string;
  /** Pixels, after EXIF orientation. */
  readonly width: number;
  /** Pixels, after EXIF orientation. */
  readonly height: number;
  /** Whether it is wider than it is high. */
  readonly orientation: "landscape" | "portrait" | "square";
  /** File size. */
  readonly bytes: number;
  /** SHA-256 of the bytes. As a filter: exact copies. */
  readonly sha256: string;
  /** Tags without duplicates, in the order they were given. */
  readonly tags: readonly string[];
  /** When it was taken, as local time at that place, with its offset from UTC where that is known. Null when unknown. */
  readonly takenAt: string | null;
  /** Year and month of `takenAt`; empty when that is unknown. */
  readonly month: string;
  /** Month and day of `takenAt`, to find the same day in other years; empty when that is unknown. */
  readonly dayOfYear: string;
  /** Which source `takenAt` is from. */
  readonly takenFrom: "exif" | "xmp" | "iptc" | "gps" | "png" | "tiff" | "sidecar" | "name" | "file" | null;
  /** Maker and model of the camera. */
  readonly camera: string | null;
  /** Keywords from IPTC, XMP and an `.xmp` file beside it; their words are searched. */
  readonly keywords: readonly string[];
  /** Lens model. */
  readonly lens: string | null;
  /** Seconds. */
  readonly exposureTime: number | null;
  /** The f-number. */
  readonly aperture: number | null;
  /** Sensitivity of film or sensor. */
  readonly iso: number | null;
  /** Of the lens itself, in millimetres. */
  readonly focalLength: number | null;
  /** Where it was taken, in degrees: north above 0. */
  readonly latitude: number | null;
  /** Degrees: east above 0. */
  readonly longitude: number | null;
  /** Perceptual hash: 128 bits as hexadecimal digits. Copies that were resized or recompressed differ in at most 10 of them. */
  readonly perceptualHash: string | null;
  /** Its main colours, and `monochrome` when it has only shades of grey. */
  readonly colours: readonly ("red" | "orange" | "yellow" | "green" | "blue" | "purple" | "pink" | "brown" | "black" | "white" | "grey" | "monochrome")[];
  /** When it was indexed. */
  readonly indexedAt: string;
  /** English words for what it may show, the likeliest first; none where nothing is likely. */
  readonly seen: readonly string[];
  readonly links: {
    readonly self: string;
    readonly content: string;
    readonly thumbnail: string;
  };
};

export type ImageHit = {
  /** Cosine similarity to the query. */
  readonly score: number;
  /** Why it is there: where all words of the query stand in what it is called, or `meaning`. What is called so comes first, so scores need not fall from one to the next. */
  readonly why: readonly ("name" | "folder" | "tag" | "camera" | "keyword" | "caption" | "meaning")[];
  /** How well it fits the one text that is looked for; absent where nobody can say. */
  readonly fit?: "good" | "fair" | "poor";
  readonly id: string;
  readonly kind: "image";
  /** Name of the bucket or folder. */
  readonly bucket: string;
  /** The object key: the path within the folder or bucket. */
  readonly key: string;
  /** The file name: the key without its folder. */
  readonly name: string;
  /** The folder part of the key; empty at the top. As a filter: exactly this folder, without subfolders. */
  readonly folder: string;
  /** MIME type detected from the content, whatever the file name says. */
  readonly contentType: string;
  /** Pixels, after EXIF orientation. */
  readonly width: number;
  /** Pixels, after EXIF orientation. */
  readonly height: number;
  /** Whether it is wider than it is high. */
  readonly orientation: "landscape" | "portrait" | "square";
  /** File size. */
  readonly bytes: number;
  /** SHA-256 of the bytes. As a filter: exact copies. */
  readonly sha256: string;
  /** Tags without duplicates, in the order they were given. */
  readonly tags: readonly string[];
  /** When it was taken, as local time at that place, with its offset from UTC where that is known. Null when unknown. */
  readonly takenAt: string | null;
  /** Year and month of `takenAt`; empty when that is unknown. */
  readonly month: string;
  /** Month and day of `takenAt`, to find the same day in other years; empty when that is unknown. */
  readonly dayOfYear: string;
  /** Which source `takenAt` is from. */
  readonly takenFrom: "exif" | "xmp" | "iptc" | "gps" | "png" | "tiff" | "sidecar" | "name" | "file" | null;
  /** Maker and model of the camera. */
  readonly camera: string | null;
  /** Keywords from IPTC, XMP and an `.xmp` file beside it; their words are searched. */
  readonly keywords: readonly string[];
  /** Lens model. */
  readonly lens: string | null;
  /** Seconds. */
  readonly exposureTime: number | null;
  /** The f-number. */
  readonly aperture: number | null;
  /** Sensitivity of film or sensor. */
  readonly iso: number | null;
  /** Of the lens itself, in millimetres. */
  readonly focalLength: number | null;
  /** Where it was taken, in degrees: north above 0. */
  readonly latitude: number | null;
  /** Degrees: east above 0. */
  readonly longitude: number | null;
  /** Perceptual hash: 128 bits as hexadecimal digits. Copies that were resized or recompressed differ in at most 10 of them. */
  readonly perceptualHash: string | null;
  /** Its main colours, and `monochrome` when it has only shades of grey. */
  readonly colours: readonly ("red" | "orange" | "yellow" | "green" | "blue" | "purple" | "pink" | "brown" | "black" | "white" | "grey" | "monochrome")[];
  /** When it was indexed. */
  readonly indexedAt: string;
  /** English words for what it may show, the likeliest first; none where nothing is likely. */
  readonly seen: readonly string[];
  readonly links: {
    readonly self: string;
    readonly content: string;
    readonly thumbnail: string;
  };
};

export type ImagePage = {
  readonly items: readonly Image[];
  /** Pass it as `cursor` for the following page; absent on the last one. */
  readonly next?: string;
  /** Pictures that the filters let through, on all pages. */
  readonly total: number;
};

export type KnownChange = {
  /** failed, resolved: of /failures. */
  readonly type: "indexed" | "removed" | "failed" | "resolved";
  readonly id: string;
  readonly key: string;
  readonly at: string;
};

export type MapPage = {
  /** Names the models and the head; scores and vectors compare only within one space. */
  readonly space: string;
  /** Components a vector. */
  readonly dimension: number;
  readonly items: readonly ({
    readonly id: string;
    readonly kind: "image" | "caption";
    /** The key of a picture, the text of a caption. */
    readonly label: string;
    /** Pixels; null for captions. */
    readonly width: number | null;
    readonly height: number | null;
  })[];
  /** In base64: for each item, in order, its vector as signed bytes, components times 127, rounded. */
  readonly vectors: string;
  /** Pass it as `cursor` for the following page; absent on the last one. */
  readonly next?: string;
};

export type Model = {
  /** Names the models and the head; scores and vectors compare only within one space. */
  readonly space: string;
  /** Components of a vector in the joint space. */
  readonly dimension: number;
  readonly profile: string;
  readonly text: {
    readonly name: string;
    readonly dimension: number;
    readonly licence: string;
    readonly source: string;
    readonly maxTokens: number;
  };
  /** What reads texts, by languages (ISO 639-1; none when nobody says). The first is loaded from the start, others with the first text that needs them. `sha256` is of the graph that brings them into the space. */
  readonly texts: readonly ({
    readonly encoder: string;
    readonly languages: readonly string[];
    readonly sha256: string | null;
  })[];
  readonly image: {
    readonly name: string;
    readonly dimension: number;
    readonly licence: string;
    readonly source: string;
    readonly cropPixels: number;
  };
  readonly head: {
    /** Begins with "none" when the encoders share a space without a head. */
    readonly name: string;
    /** Figures of its training. */
    readonly trained: { readonly [name: string]: string | number | null };
    /** Losses and the sum of recalls (R@1, R@5 and R@10, both ways, in percent) on the validation split. */
    readonly curves: readonly ({
      readonly epoch: number;
      readonly trainLoss: number;
      readonly validationLoss: number;
      readonly recallSum: number;
    })[];
  };
};

export type NewFolder = {
  /** Path on the machine that the server runs on, from its root or from `~`. */
  readonly path: string;
  /** Whether it is the folder that the answer `perhaps-moved` names, moved, or another one. */
  readonly moved?: boolean;
};

/** RFC 9457; `type` can be opened. */
export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** What was expected and what came. */
  readonly detail: string;
  /** The path that was asked. */
  readonly instance: string;
  /** The same as X-Request-Id; the log has it, too. */
  readonly requestId: string | null;
  readonly errors?: readonly ({
    /** JSON pointer into the body. */
    readonly pointer?: string;
    /** Name of a parameter or form field. */
    readonly parameter?: string;
    readonly detail: string;
  })[];
  /** Why a picture was refused, for programs. */
  readonly reason?: string;
  readonly [name: string]: unknown;
};

export type Ready = {
  readonly status: "ready";
  /** Names the models and the head; scores and vectors compare only within one space. */
  readonly space: string;
};

export type RetryResult = {
  readonly status: "indexed" | "unchanged" | "gone" | "rejected";
  readonly id: string;
  readonly image?: Image;
  readonly reason?: string;
  readonly message?: string;
};

export type SearchForm = {
  /** What to look for, in words. */
  readonly q?: string;
  /** What it should be without. */
  readonly minus?: string;
  /** Takes words as they are: "without people", "in black and white" and the like are not understood. */
  readonly literal?: boolean;
  /** Language of the texts, such as `en` or `de`. `auto`: each by its own letters and words, and by `Accept-Language`. */
  readonly lang?: string;
  /** Like this stored picture (or caption). */
  readonly imageId?: string;
  /** What to rank: pictures, captions, or both in one list by cosine. Two texts are nearer to each other than a text and a picture that fits it as well, and so are two pictures: `any` puts what is like the query in kind first. To see the best of both, ask once for each. */
  readonly kind?: "image" | "caption" | "any";
  /** Items of a page. */
  readonly limit?: number;
  /** The `next` of the previous page of the same query. */
  readonly cursor?: string;
  /** Leaves out what is less similar. */
  readonly minScore?: number;
  readonly bucket?: string;
  readonly exceptBuckets?: readonly string[];
  readonly keyPrefix?: string;
  readonly folder?: string;
  readonly contentTypes?: readonly string[];
  readonly orientation?: "landscape" | "portrait" | "square";
  readonly minBytes?: number;
  readonly maxBytes?: number;
  readonly sha256?: string;
  /** Every one of these; repeat the parameter for several. */
  readonly tagsAll?: readonly string[];
  /** At least one of these; repeat the parameter for several. */
  readonly tagsAny?: readonly string[];
  /** Such as 2026-11-23: by the clock of the place where it was taken; an offset in it does not count. */
  readonly takenAfter?: string;
  /** Such as 2026-11-23: by the clock of the place where it was taken; an offset in it does not count. */
  readonly takenBefore?: string;
  readonly month?: string;
  readonly dayOfYear?: string;
  readonly camera?: string;
  readonly lens?: string;
  /** Every one of these; repeat the parameter for several. */
  readonly colours?: readonly ("red" | "orange" | "yellow" | "green" | "blue" | "purple" | "pink" | "brown" | "black" | "white" | "grey" | "monochrome")[];
  /** Such as 2026-11-23 or 2026-11-23T20:36:00Z. */
  readonly indexedAfter?: string;
  /** Such as 2026-11-23 or 2026-11-23T20:36:00Z. */
  readonly indexedBefore?: string;
  /** A SearchRequest without `image`, instead of the other fields. */
  readonly request?: string;
  readonly image?: string;
};

export type SearchPage = {
  readonly items: readonly Hit[];
  /** Pass it as `cursor` for the following page; absent on the last one. */
  readonly next?: string;
  /** Names the models and the head; scores and vectors compare only within one space. */
  readonly space: string;
  /** How well the best hit of the first page fits; `poor` means that nothing fits well. Absent on later pages, and where nobody can say: for queries of several texts or of pictures, and models without a calibration. */
  readonly fit?: "good" | "fair" | "poor";
  /** ISO 639-1 code of the language that the words were read in; null when nothing says. */
  readonly language?: string | null;
  /** Text encoder that read them; one of `texts` of GET /model. Absent without words. */
  readonly side?: string;
  readonly understood?: Understood;
  /** The query in other words, where nothing fits well and some of its words are known to nobody: by what pictures are called, and by the vocabulary of the models. */
  readonly didYouMean?: string;
  /** Why the answer may not be what was meant; absent when there is nothing to say. */
  readonly warnings?: readonly SearchWarning[];
};

/** Needs at least one of text, imageId, image and vector; vector and space only together. */
export type SearchRequest = {
  readonly text?: string;
  readonly minus?: string;
  readonly imageId?: string;
  /** The bytes of a picture, at most 10485760; larger ones go as multipart/form-data. */
  readonly image?: string;
  /** As POST /embed answers it, of any length above zero. Only together with `space`. */
  readonly vector?: readonly number[];
  /** Names the models and the head; scores and vectors compare only within one space. */
  readonly space?: string;
  readonly weights?: {
    /** Weight of `text`. */
    readonly text?: number;
    /** Weight of `image`, `imageId` and `vector`. */
    readonly image?: number;
    /** Weight of `minus`, subtracted. */
    readonly minus?: number;
  };
  /** Language of the texts, such as `en` or `de`. `auto`: each by its own letters and words, and by `Accept-Language`. */
  readonly lang?: string;
  /** Takes words as they are: "without people", "in black and white" and the like are not understood. */
  readonly literal?: boolean;
  /** What to rank: pictures, captions, or both in one list by cosine. Two texts are nearer to each other than a text and a picture that fits it as well, and so are two pictures: `any` puts what is like the query in kind first. To see the best of both, ask once for each. */
  readonly kind?: "image" | "caption" | "any";
  readonly filter?: Filter;
  readonly limit?: number;
  /** The `next` of the previous page of the same query. */
  readonly cursor?: string;
  readonly minScore?: number;
};

export type SearchTerm = {
  readonly text?: string;
  readonly imageId?: string;
  /** The bytes of a picture, at most 10485760; larger ones go as multipart/form-data. */
  readonly image?: string;
  /** As POST /embed answers it, of any length above zero. Only together with `space`. */
  readonly vector?: readonly number[];
  /** Names the models and the head; scores and vectors compare only within one space. */
  readonly space?: string;
  /** Below zero means "without that"; not 0. */
  readonly weight?: number;
};

export type SearchWarning = {
  /** For programs. */
  readonly code: "unknown-words" | "other-language";
  /** What of the query it is about. */
  readonly text: string;
  /** For people. */
  readonly message: string;
};

export type Session = {
  /** What this caller may do, by the key or the session that came. */
  readonly scopes: readonly ("read" | "write")[];
  /** What nobody may do without a key. */
  readonly needsKey: readonly ("read" | "write")[];
};

export type SignedUpload = {
  /** Id of the picture, once it is indexed. */
  readonly id: string;
  readonly key: string;
  readonly method: "PUT";
  readonly url: string;
  /** To be sent exactly as they are: they are part of the signature. */
  readonly headers: { readonly [name: string]: string };
  readonly expiresAt: string;
};

export type Stack = {
  /** The one with the most pixels first, of those the one with the most bytes. */
  readonly pictures: readonly Image[];
  /** Pictures of it, also beyond those that are shown. */
  readonly count: number;
  /** Bytes of all but the first. */
  readonly spareBytes: number;
};

export type StackPage = {
  readonly items: readonly Stack[];
  /** Stacks on all pages. */
  readonly total: number;
  /** Pictures beside the first of each stack, on all pages, and their bytes. */
  readonly spare: {
    readonly pictures: number;
    readonly bytes: number;
  };
  /** Pass it as `cursor` for the following page; absent on the last one. */
  readonly next?: string;
};

export type Status = {
  readonly version: string;
  /** Names the models and the head; scores and vectors compare only within one space. */
  readonly space: string;
  /** The space that is live. Another than `space` between a change of models and the deployment that brings them: queries are answered from `space` until then, and writes wait. */
  readonly liveSpace: string;
  readonly uptimeSeconds: number;
  readonly pictures: number;
  readonly captions: number;
  readonly failures: number;
  /** Pictures that wait to be indexed or are, of an SQS queue its messages; null where not known. */
  readonly backlog: number | null;
  /** Why nothing of the backlog can be indexed for now, such as a full disk; it goes on by itself. */
  readonly outage: string | null;
  /** Pictures that an older version indexed, and whose files are to be read again for what it did not read. */
  readonly outdated: number;
  /** Files left out as no pictures, by reason: hidden, system, sidecar, video, audio, database, ignored, own-data, link, special, archived, as of the last comparison of each folder; and other: what was read and is no picture by its name nor by its bytes. */
  readonly leftOut: { readonly [name: string]: number };
  /** The folders of the index. */
  readonly folders: readonly Folder[];
  /** Whether folders can be added, moved and taken out here. */
  readonly folderChanges: boolean;
  /** Pictures of folders that are not there now. */
  readonly hidden: number;
  /** A change of models that goes on in the background. */
  readonly change: {
    /** The models that are to take over. */
    readonly profile: string;
    /** Pictures and captions that are in the new space. */
    readonly done: number;
    /** Null while it is not known. */
    readonly total: number | null;
    /** The models of before are not here: searches find only what is done already. */
    readonly partial: boolean;
    /** What it waits for; it is tried again. */
    readonly problem: string | null;
  } | null;
  /** Pictures indexed by this process; null where not counted. */
  readonly indexed: {
    readonly lastMinute: number;
    readonly lastHour: number;
  } | null;
  /** Nothing can be uploaded, and files of pictures are never changed. */
  readonly readOnly: boolean;
  /** Whether POST /uploads is there. */
  readonly signedUploads: boolean;
  /** How a key may begin that is asked for with POST /uploads. */
  readonly uploadPrefix: string;
  /** Where pictures are stored. */
  readonly storage: "folder" | "s3";
  /** Whether GET /report has a report on the head. */
  readonly report: boolean;
  /** The latest changes by this process, newest first. */
  readonly recent: readonly KnownChange[];
};

export type TagCounts = {
  readonly items: readonly ({
    readonly tag: string;
    readonly count: number;
  })[];
};

export type Tags = {
  /** Each once; duplicates are dropped. */
  readonly tags: readonly string[];
};

export type TrashItem = {
  readonly kind: "image";
  /** Name of the bucket or folder. */
  readonly bucket: string;
  /** The object key: the path within the folder or bucket. */
  readonly key: string;
  /** The file name: the key without its folder. */
  readonly name: string;
  /** The folder part of the key; empty at the top. As a filter: exactly this folder, without subfolders. */
  readonly folder: string;
  /** MIME type detected from the content, whatever the file name says. */
  readonly contentType: string;
  /** Pixels, after EXIF orientation. */
  readonly width: number;
  /** Pixels, after EXIF orientation. */
  readonly height: number;
  /** Whether it is wider than it is high. */
  readonly orientation: "landscape" | "portrait" | "square";
  /** File size. */
  readonly bytes: number;
  /** SHA-256 of the bytes. As a filter: exact copies. */
  readonly sha256: string;
  /** Tags without duplicates, in the order they were given. */
  readonly tags: readonly string[];
  /** When it was taken, as local time at that place, with its offset from UTC where that is known. Null when unknown. */
  readonly takenAt: string | null;
  /** Year and month of `takenAt`; empty when that is unknown. */
  readonly month: string;
  /** Month and day of `takenAt`, to find the same day in other years; empty when that is unknown. */
  readonly dayOfYear: string;
  /** Which source `takenAt` is from. */
  readonly takenFrom: "exif" | "xmp" | "iptc" | "gps" | "png" | "tiff" | "sidecar" | "name" | "file" | null;
  /** Maker and model of the camera. */
  readonly camera: string | null;
  /** Keywords from IPTC, XMP and an `.xmp` file beside it; their words are searched. */
  readonly keywords: readonly string[];
  /** Lens model. */
  readonly lens: string | null;
  /** Seconds. */
  readonly exposureTime: number | null;
  /** The f-number. */
  readonly aperture: number | null;
  /** Sensitivity of film or sensor. */
  readonly iso: number | null;
  /** Of the lens itself, in millimetres. */
  readonly focalLength: number | null;
  /** Where it was taken, in degrees: north above 0. */
  readonly latitude: number | null;
  /** Degrees: east above 0. */
  readonly longitude: number | null;
  /** Perceptual hash: 128 bits as hexadecimal digits. Copies that were resized or recompressed differ in at most 10 of them. */
  readonly perceptualHash: string | null;
  /** Its main colours, and `monochrome` when it has only shades of grey. */
  readonly colours: readonly ("red" | "orange" | "yellow" | "green" | "blue" | "purple" | "pink" | "brown" | "black" | "white" | "grey" | "monochrome")[];
  /** When it was indexed. */
  readonly indexedAt: string;
  /** English words for what it may show, the likeliest first; none where nothing is likely. */
  readonly seen: readonly string[];
  /** Id of the entry in the trash. */
  readonly id: string;
  /** Id of the picture, before and after. */
  readonly imageId: string;
  readonly deletedAt: string;
  /** When it is deleted for good at the earliest. */
  readonly expiresAt: string;
  /** False when only the index let it go: its file is where it was. */
  readonly moved: boolean;
  readonly links: {
    readonly self: string;
    readonly restore: string;
    readonly thumbnail: string;
  };
};

export type TrashPage = {
  readonly items: readonly TrashItem[];
  /** Pass it as `cursor` for the following page; absent on the last one. */
  readonly next?: string;
  readonly total: number;
  /** Days that an entry is kept. */
  readonly keepDays: number;
};

/** What the words say beside what is looked for; absent when nothing, and with `literal`. */
export type Understood = {
  /** Subtracted as by `minus`. */
  readonly without: readonly ({
    /** What pictures should not show. */
    readonly text: string;
    /** The words that say it. Put into quotes in the query, they are taken as they are. */
    readonly words: string;
  })[];
  /** What the whole picture should be: a filter, as `colours` is. */
  readonly colours: readonly ({
    readonly colour: "red" | "orange" | "yellow" | "green" | "blue" | "purple" | "pink" | "brown" | "black" | "white" | "grey" | "monochrome";
    readonly words: string;
  })[];
};

export type UploadForm = {
  readonly key?: string;
  /** Where the file was, such as Trip/day2/x.jpg, or its name: what is stored keeps it. */
  readonly path?: string;
  readonly tags?: readonly string[];
  readonly file: string;
};

export type UploadRequest = {
  readonly contentType: "image/jpeg" | "image/png" | "image/webp" | "image/gif" | "image/avif" | "image/tiff";
  /** Exactly: the store refuses any other length. */
  readonly bytes: number;
  /** Where to store it; made from the path when absent. */
  readonly key?: string;
  /** Where the file was, such as Trip/day2/x.jpg, or its name: what is stored keeps it. */
  readonly path?: string;
  /** Replace what is stored under the key. */
  readonly overwrite?: boolean;
};

export type UploadedImage = Image & {
  /** The picture that held the same bytes before; perhaps this one. */
  readonly duplicateOf?: string;
};

export type Vectors = {
  /** Names the models and the head; scores and vectors compare only within one space. */
  readonly space: string;
  readonly dimension: number;
  readonly texts: readonly (readonly number[])[];
  readonly images: readonly (readonly number[])[];
  /** How each text was read: its language, null when nothing says, and the text encoder. */
  readonly read: readonly ({
    readonly language: string | null;
    readonly side: string;
  })[];
};
