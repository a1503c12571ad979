import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { SightlineError } from '../errors.ts';
import {
  type ImageEncoderEntry,
  imageEncoderSchema,
  name,
  sizeOf,
  type TextEncoderEntry,
  textEncoderSchema,
} from './manifest-encoder.ts';
import { fitting, readModelJson } from './model-json.ts';
import { pinned, readLocks } from './model-lock.ts';

/**
 * models/manifest.json describes every encoder as data. One code path serves all encoders of a kind, so a new one only
 * needs an entry there.
 */

/** The output of an image encoder that is in its `sharedSpace`. */
export const SHARED_OUTPUT = 'features';

const encoderSchema = z
  .discriminatedUnion('kind', [textEncoderSchema, imageEncoderSchema])
  .superRefine((encoder, ctx) => {
    const { others, ...named } = encoder.files;
    for (const file of encoder.bundled ? [...Object.values(named), ...others] : []) {
      if (file.bytes === null || file.sha256 === null) {
        ctx.addIssue(`expected bytes and sha256 of ${file.path}, because the encoder is bundled`);
      }
    }
    if (encoder.kind === 'image') return;
    if (encoder.files.weights !== undefined && !encoder.bundled) {
      ctx.addIssue('expected weights inside the model, because the encoder is not bundled: save it as one file');
    }
    checkPooling(encoder, (problem) => ctx.addIssue(problem));
  });

/** Pooling over padding would give wrong vectors. */
function checkPooling({ padding, pooling, extras }: TextEncoderEntry, add: (problem: string) => void): void {
  const all = [pooling, ...Object.values(extras).map((extra) => extra.pooling)];
  const spread = all.find((one) => one === 'mean' || one === 'max');
  if (padding === 'max' && spread !== undefined) {
    add(`expected pooling none or cls with padding to a fixed length, got ${spread}`);
  }
}

/** A profile without a head needs encoders that share a space. */
function sharedSpaceProblem(text: TextEncoderEntry, image: ImageEncoderEntry): string | null {
  if (text.sharedSpace === undefined || text.sharedSpace !== image.sharedSpace) {
    return `two encoders of one sharedSpace, got ${text.sharedSpace ?? 'none'} and ${image.sharedSpace ?? 'none'}`;
  }
  const features = image.outputs[SHARED_OUTPUT];
  const size = features === undefined ? 'nothing' : sizeOf(features);
  const parts = Object.keys(text.extras).length + 1;
  if (size === text.dimension && parts === 1) return null;
  return `texts and pictures of one dimension, got ${text.dimension * parts} and ${size} as ${SHARED_OUTPUT}`;
}

/** See `spaceId`. */
const space = z.string().regex(/^[0-9a-f]{16}$/);

const manifestSchema = z
  .strictObject({
    format: z.literal(1),
    defaultProfile: name,
    profiles: z.record(
      name,
      z.strictObject({
        text: name,
        image: name,
        /** Null: the encoders' own vectors are the space. */
        head: name.nullable(),
        /** Spaces of earlier versions. Libraries indexed with one of them are migrated to this profile. */
        replaces: z.array(space).default([]),
      }),
    ),
    encoders: z.record(name, encoderSchema),
  })
  .superRefine((manifest, ctx) => {
    if (!(manifest.defaultProfile in manifest.profiles)) {
      ctx.addIssue(
        `expected defaultProfile to be one of ${Object.keys(manifest.profiles)}, got ${manifest.defaultProfile}`,
      );
    }
    const made = new Map<string, string>();
    for (const [profile, entry] of Object.entries(manifest.profiles)) {
      const parts = `${entry.text}, ${entry.image} and ${entry.head ?? 'no head'}`;
      const other = made.get(parts);
      if (other !== undefined) {
        ctx.addIssue(`expected each profile to have its own space, got ${parts} in both ${other} and ${profile}`);
      }
      made.set(parts, profile);
      for (const kind of ['text', 'image'] as const) {
        const found = manifest.encoders[entry[kind]]?.kind ?? 'nothing';
        if (found !== kind)
          ctx.addIssue(`expected ${entry[kind]} of profile ${profile} to be a ${kind} encoder, got ${found}`);
      }
      const [text, image] = [manifest.encoders[entry.text], manifest.encoders[entry.image]];
      if (entry.head === null && text?.kind === 'text' && image?.kind === 'image') {
        const problem = sharedSpaceProblem(text, image);
        if (problem !== null) ctx.addIssue(`profile ${profile} without a head: expected ${problem}`);
      }
    }
  });

export type Manifest = z.infer<typeof manifestSchema>;

/** A profile with its encoders looked up. */
export interface Profile {
  readonly name: string;
  readonly text: TextEncoderEntry & { readonly name: string };
  readonly image: ImageEncoderEntry & { readonly name: string };
  /** Name of the head's folder; null when the encoders share a space without one. */
  readonly head: string | null;
}

/** Where the encoders of a profile come from. */
export function encoderAdvice(profile: string): string {
  return `npm run models -- pull ${profile} brings it`;
}

/** Where the head of a profile comes from. */
export function headAdvice(profile: string): string {
  return `npm run train -- --profile ${profile} --data DIR --replace makes it`;
}

/**
 * Checks a manifest.
 * @throws {model-mismatch} naming every invalid field
 */
export function parseManifest(input: unknown, path = 'manifest.json'): Manifest {
  return fitting(manifestSchema, input, path);
}

/**
 * Reads manifest.json of the directories, with hashes from lock.json where it has none. The first one must be complete;
 * later ones add profiles and encoders with other names: the user's own models in addition to the bundled ones.
 * @throws {model-mismatch}
 */
export async function loadManifest(modelDirs: readonly string[]): Promise<Manifest> {
  const found: { readonly path: string; readonly manifest: Partial<Manifest> }[] = [];
  for (const dir of modelDirs) {
    const path = join(dir, 'manifest.json');
    const manifest = await readManifest(path);
    if (manifest !== null) found.push({ path, manifest });
  }
  const [first, ...others] = found;
  if (first === undefined) {
    throw new SightlineError('model-mismatch', `expected manifest.json in one of ${modelDirs.join(', ')}, found none`);
  }
  const all = { ...first.manifest };
  for (const { manifest } of others) {
    all.profiles = { ...manifest.profiles, ...all.profiles };
    all.encoders = { ...manifest.encoders, ...all.encoders };
  }
  return withLocks(parsedOnce(all, found.map(({ path }) => path).join(' with ')), modelDirs);
}

/** Cached: startup reads the same manifest about ten times, and validating it takes longer than reading it. */
let parsedLast: { readonly json: string; readonly manifest: Manifest } | null = null;

function parsedOnce(input: unknown, path: string): Manifest {
  const json = JSON.stringify(input);
  if (parsedLast?.json !== json) parsedLast = { json, manifest: parseManifest(input, path) };
  return structuredClone(parsedLast.manifest);
}

/** Null when there is no such file. */
async function readManifest(path: string): Promise<Partial<Manifest> | null> {
  return existsSync(path) ? ((await readModelJson(path)) as Partial<Manifest>) : null;
}

async function withLocks(manifest: Manifest, modelDirs: readonly string[]): Promise<Manifest> {
  const lock = await readLocks(modelDirs);
  for (const [encoder, { files }] of Object.entries(manifest.encoders)) {
    const { others, ...named } = files;
    for (const file of [...Object.values(named), ...others]) Object.assign(file, pinned(file, encoder, lock));
  }
  return manifest;
}

/**
 * Looks up a profile and its encoders.
 * @throws {invalid-config} naming the known profiles
 */
export function profileOf(manifest: Manifest, name: string): Profile {
  const profile = Object.hasOwn(manifest.profiles, name) ? manifest.profiles[name] : undefined;
  if (profile === undefined) {
    const known = Object.keys(manifest.profiles).join(', ');
    throw new SightlineError('invalid-config', `expected a profile of models/manifest.json (${known}), got ${name}`);
  }
  // The schema ensures that both exist and have the right kind.
  const text = manifest.encoders[profile.text] as TextEncoderEntry;
  const image = manifest.encoders[profile.image] as ImageEncoderEntry;
  return {
    name,
    text: { ...text, name: profile.text },
    image: { ...image, name: profile.image },
    head: profile.head,
  };
}

/**
 * Looks up a text encoder.
 * @throws {invalid-config} naming the known ones
 */
export function textEncoderOf({ encoders }: Manifest, name: string): Profile['text'] {
  const entry = Object.hasOwn(encoders, name) ? encoders[name] : undefined;
  if (entry?.kind === 'text') return { ...entry, name };
  const known = Object.keys(encoders).filter((other) => encoders[other]!.kind === 'text');
  const expected = `expected a text encoder of models/manifest.json (${known.join(', ')})`;
  throw new SightlineError('invalid-config', `${expected}, got ${name}`);
}
