// Made from /openapi.json by `npm run client`; do not edit.

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

export type CaptionHit = Caption & {
  /** Cosine similarity to the query. */
  readonly score: number;
  /** Why it was found: the place where all words of the query occur, such as its file name or tags, or `meaning`. Matches by words come first, so scores need not decrease. */
  readonly why: readonly ("name" | "folder" | "tag" | "camera" | "keyword" | "caption" | "meaning")[];
};

export type CaptionInput = {
  readonly text: string;
  /** Language of the texts, such as `en` or `de`. `auto`: each by its own letters and words, and by `Accept-Language`. */
  readonly lang?: string;
  /** When absent, an existing caption keeps its tags. */
  readonly tags?: readonly string[];
};

export type CaptionPage = {
  readonly items: readonly Caption[];
  /** Pass it as `cursor` to get the following page; absent on the last one. */
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
  /** Pass it as `cursor` to get the following page; absent on the last one. */
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
  /** Such as 2026-11-23: local time at the place where it was taken; an offset is ignored. */
  readonly takenAfter?: string;
  /** Such as 2026-11-23: local time at the place where it was taken; an offset is ignored. */
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
  /** Value for the filter `bucket`. */
  readonly name: string;
  readonly bucket: string;
  /** Its path; only for requests from the machine itself and for write keys. */
  readonly path?: string;
  readonly pictures: number;
  /** Whether changes in it are picked up. */
  readonly watched: boolean;
  /** False while its drive is missing: its pictures are hidden. */
  readonly there: boolean;
};

export type GeneralSearchRequest = {
  readonly terms: readonly SearchTerm[];
  /** Language of the texts, such as `en` or `de`. `auto`: each by its own letters and words, and by `Accept-Language`. */
  readonly lang?: string;
  /** Takes words literally: "without people", "in black and white" and the like are not interpreted. */
  readonly literal?: boolean;
  /** What to rank: pictures, captions, or both in one list by cosine. Two texts are closer to each other than a text and an equally good picture, and so are two pictures, so `any` ranks results of the same kind as the query first. To see the best of both, ask once for each. */
  readonly kind?: "image" | "caption" | "any";
  /** `relevance`: best first. The others are those of GET /images, within each page: which hits are on a page always depends on how well they match. */
  readonly sort?: "relevance" | "taken" | "-taken" | "newest";
  readonly filter?: Filter;
  readonly limit?: number;
  /** The `next` of the previous page of the same query. */
  readonly cursor?: string;
  readonly minScore?: number;
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
  /** Focal length of the lens itself, in millimetres. */
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
  /** English words for what it may show, most likely first; empty when nothing is likely. */
  readonly seen: readonly string[];
  readonly links: {
    readonly self: string;
    readonly content: string;
    readonly thumbnail: string;
  };
};

export type ImageHit = Image & {
  /** Cosine similarity to the query. */
  readonly score: number;
  /** Why it was found: the place where all words of the query occur, such as its file name or tags, or `meaning`. Matches by words come first, so scores need not decrease. */
  readonly why: readonly ("name" | "folder" | "tag" | "camera" | "keyword" | "caption" | "meaning")[];
  /** How well it fits the query text; absent when unknown. */
  readonly fit?: "good" | "fair" | "poor";
};

export type ImagePage = {
  readonly items: readonly Image[];
  /** Pass it as `cursor` to get the following page; absent on the last one. */
  readonly next?: string;
  /** Pictures that match the filters, on all pages. */
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
  /** Identifies the models and the head; scores and vectors are comparable only within one space. */
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
  /** Base64 of all vectors in order: components times 127, rounded, as signed bytes. */
  readonly vectors: string;
  /** Pass it as `cursor` to get the following page; absent on the last one. */
  readonly next?: string;
};

export type Model = {
  /** Identifies the models and the head; scores and vectors are comparable only within one space. */
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
  /** Text encoders with their languages (ISO 639-1; empty when unspecified). The first is loaded at startup, others with the first text that needs them. `sha256` is of the graph that maps them into the space. */
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
    /** Training figures. */
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

/** RFC 9457; `type` can be opened. */
export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** What was expected and what was received. */
  readonly detail: string;
  /** The path of the request. */
  readonly instance: string;
  /** Same as X-Request-Id; also in the log. */
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

export type RetryResult = {
  readonly status: "indexed" | "unchanged" | "gone" | "rejected";
  readonly id: string;
  readonly image?: Image;
  readonly reason?: string;
  readonly message?: string;
};

export type SearchPage = {
  readonly items: readonly Hit[];
  /** Pass it as `cursor` to get the following page; absent on the last one. */
  readonly next?: string;
  /** Identifies the models and the head; scores and vectors are comparable only within one space. */
  readonly space: string;
  /** How well the best hit of the first page fits; `poor`: nothing fits well. Absent on later pages and when unknown: for queries of several texts or of pictures, and for models without a calibration. */
  readonly fit?: "good" | "fair" | "poor";
  /** ISO 639-1 code of the language that the words were read in; null when unknown. */
  readonly language?: string | null;
  /** The text encoder that read them; one of `texts` of GET /model. Absent without words. */
  readonly side?: string;
  readonly understood?: Understood;
  /** A corrected query, when nothing fits well and some words occur neither in names of pictures nor in the vocabulary of the models. */
  readonly didYouMean?: string;
  /** Why the results may not be what was meant; absent when there is nothing to report. */
  readonly warnings?: readonly SearchWarning[];
};

export type SearchTerm = {
  readonly text?: string;
  readonly imageId?: string;
  /** The bytes of a picture, at most 10485760; send larger ones as multipart/form-data. */
  readonly image?: string;
  /** As returned by POST /embed, of any length above zero. Only together with `space`. */
  readonly vector?: readonly number[];
  /** Identifies the models and the head; scores and vectors are comparable only within one space. */
  readonly space?: string;
  /** Below zero means "without that"; not 0. */
  readonly weight?: number;
};

export type SearchWarning = {
  /** For programs. */
  readonly code: "unknown-words" | "other-language";
  /** The part of the query that this is about. */
  readonly text: string;
  /** For people. */
  readonly message: string;
};

export type Session = {
  /** What this caller may do with the key or session sent. */
  readonly scopes: readonly ("read" | "write")[];
  /** What requires a key. */
  readonly needsKey: readonly ("read" | "write")[];
};

export type SignedUpload = {
  /** Id of the picture, once it is indexed. */
  readonly id: string;
  readonly key: string;
  readonly method: "PUT";
  readonly url: string;
  /** Send them unchanged: they are part of the signature. */
  readonly headers: { readonly [name: string]: string };
  readonly expiresAt: string;
};

export type Stack = {
  /** Most pixels first, then most bytes. */
  readonly pictures: readonly Image[];
  /** Number of pictures in the stack, including those not shown. */
  readonly count: number;
  /** Bytes of all pictures but the first. */
  readonly spareBytes: number;
};

export type StackPage = {
  readonly items: readonly Stack[];
  /** Stacks on all pages. */
  readonly total: number;
  /** All pictures but the first of each stack, on all pages, and their bytes. */
  readonly spare: {
    readonly pictures: number;
    readonly bytes: number;
  };
  /** Pass it as `cursor` to get the following page; absent on the last one. */
  readonly next?: string;
};

export type Status = {
  readonly version: string;
  /** Identifies the models and the head; scores and vectors are comparable only within one space. */
  readonly space: string;
  /** The live space. It differs from `space` between a change of models and the deployment of the new ones: until then queries are answered from `space`, and writes wait. */
  readonly liveSpace: string;
  readonly uptimeSeconds: number;
  readonly pictures: number;
  readonly captions: number;
  readonly failures: number;
  /** Pictures waiting or being indexed; for an SQS queue, its messages; null when unknown. */
  readonly backlog: number | null;
  /** Why the backlog cannot be indexed now, such as a full disk; it resumes by itself. */
  readonly outage: string | null;
  /** Pictures indexed by an older version whose files will be read again for newer metadata. */
  readonly outdated: number;
  /** Files left out because they are not pictures, by reason, as of the last comparison of each folder: hidden, system, sidecar, video, audio, database, ignored, own-data, link, special, archived; and other: files that were read and are not pictures by name or content. */
  readonly leftOut: { readonly [name: string]: number };
  /** The folders of the index. */
  readonly folders: readonly Folder[];
  /** Whether folders can be added, moved and taken out here. */
  readonly folderChanges: boolean;
  /** Pictures of folders that are missing at the moment. */
  readonly hidden: number;
  /** A change of models in progress in the background. */
  readonly change: {
    /** The new models. */
    readonly profile: string;
    /** Pictures and captions in the new space so far. */
    readonly done: number;
    /** Null while unknown. */
    readonly total: number | null;
    /** The old models are not available: searches find only what is done already. */
    readonly partial: boolean;
    /** Why it is stuck; it is retried. */
    readonly problem: string | null;
  } | null;
  /** Pictures indexed by this process; null where not counted. */
  readonly indexed: {
    readonly lastMinute: number;
    readonly lastHour: number;
  } | null;
  /** Whether uploads are refused and picture files are never changed. */
  readonly readOnly: boolean;
  /** Whether POST /uploads is there. */
  readonly signedUploads: boolean;
  /** A prefix allowed for keys in POST /uploads. */
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

export type TrashItem = Omit<Image, "id" | "links"> & {
  /** Id of the entry in the trash. */
  readonly id: string;
  /** Id of the picture, before deletion and after restoring. */
  readonly imageId: string;
  readonly deletedAt: string;
  /** Earliest time at which it is deleted for good. */
  readonly expiresAt: string;
  /** False when it was only removed from the index: its file is still in place. */
  readonly moved: boolean;
  readonly links: {
    readonly self: string;
    readonly restore: string;
    readonly thumbnail: string;
  };
};

export type TrashPage = {
  readonly items: readonly TrashItem[];
  /** Pass it as `cursor` to get the following page; absent on the last one. */
  readonly next?: string;
  readonly total: number;
  /** Days that an entry is kept. */
  readonly keepDays: number;
};

/** Conditions found in the words, such as "without people"; absent when there are none, and with `literal`. */
export type Understood = {
  /** Subtracted as by `minus`. */
  readonly without: readonly ({
    /** What pictures should not show. */
    readonly text: string;
    /** The words in the query that say so. In quotes they are taken literally. */
    readonly words: string;
  })[];
  /** Colours of the whole picture: a filter, like `colours`. */
  readonly colours: readonly ({
    readonly colour: "red" | "orange" | "yellow" | "green" | "blue" | "purple" | "pink" | "brown" | "black" | "white" | "grey" | "monochrome";
    readonly words: string;
  })[];
};

export type UploadRequest = {
  readonly contentType: "image/jpeg" | "image/png" | "image/webp" | "image/gif" | "image/avif" | "image/tiff";
  /** Exact size: the store refuses any other. */
  readonly bytes: number;
  /** Where to store it; made from the path when absent. */
  readonly key?: string;
  /** Original path or name of the file, such as Trip/day2/x.jpg: it is kept in the key. */
  readonly path?: string;
  /** Replace what is stored under the key. */
  readonly overwrite?: boolean;
};

export type UploadedImage = Image & {
  /** A picture that already had the same bytes; perhaps this one. */
  readonly duplicateOf?: string;
};

export type Vectors = {
  /** Identifies the models and the head; scores and vectors are comparable only within one space. */
  readonly space: string;
  readonly dimension: number;
  readonly texts: readonly (readonly number[])[];
  readonly images: readonly (readonly number[])[];
  /** How each text was read: its language, null when unknown, and the text encoder. */
  readonly read: readonly ({
    readonly language: string | null;
    readonly side: string;
  })[];
};
