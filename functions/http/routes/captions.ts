import { createRoute, type z } from '@hono/zod-openapi';
import { captionPoint } from '../../../core/captions.ts';
import { captionId } from '../../../core/point-ids.ts';
import type { LanguageHint, Point, ReadText } from '../../../core/ports.ts';
import { sequencerOf } from '../../../core/sequencer-order.ts';
import { languageOf } from '../accept-language.ts';
import { openCursor, sealCursor } from '../api-cursor.ts';
import { type WriteRoute, writeRoute } from '../auth.ts';
import type { AppDeps } from '../deps.ts';
import { findCaption } from '../lookup.ts';
import { type App, created, json, jsonOf, problems } from '../openapi.ts';
import { expectMediaType, MAX_JSON_BYTES, parseJson, readBody } from '../request-body.ts';
import { revalidated } from '../response-headers.ts';
import {
  captionBatch,
  captionBatchDocument,
  captionInput,
  captionPage,
  captionQuery,
  type captionResult,
  captionResults,
} from '../schemas/captions.ts';
import { idParams, noQuery } from '../schemas/common.ts';
import { toFilter } from '../schemas/filter.ts';
import { caption } from '../schemas/images.ts';
import { serialise } from '../serialise.ts';
import { parseOrThrow, problemDetails } from '../validation.ts';

type Input = z.output<typeof captionInput>;
type Result = z.output<typeof captionResult>;
type Live = Pick<AppDeps, 'embedder' | 'vectors'>;

const listRoute = createRoute({
  method: 'get',
  path: '/captions',
  tags: ['captions'],
  summary: 'List captions, newest first',
  middleware: revalidated,
  request: { query: captionQuery },
  responses: { 200: json(captionPage, 'One page of captions.'), ...problems() },
});

const getRoute = createRoute({
  method: 'get',
  path: '/captions/{id}',
  tags: ['captions'],
  summary: 'One caption',
  middleware: revalidated,
  request: { params: idParams, query: noQuery },
  responses: { 200: json(caption, 'The caption.'), ...problems(404) },
});

/** Registers the captions: texts that searches find just like pictures. */
export function registerCaptions(app: App, deps: AppDeps): void {
  const { vectors } = deps;
  const write = writeRoute(deps.options);
  registerAdd(app, deps, write);
  registerDelete(app, deps, write);

  app.openapi(listRoute, async (c) => {
    const { limit, cursor, ...values } = c.req.valid('query');
    const filter = toFilter(values, 'caption');
    const page = await vectors.list({ filter, limit, cursor: openCursor(vectors.space, cursor), order: 'newest' });
    return c.json({ items: serialise(c, deps).captions(page.items), next: sealCursor(vectors.space, page.next) }, 200);
  });

  app.openapi(getRoute, async (c) => {
    const { id } = c.req.valid('param');
    return c.json(serialise(c, deps).caption(id, await findCaption(vectors, id)), 200);
  });
}

function registerAdd(app: App, deps: AppDeps, write: WriteRoute): void {
  const postRoute = createRoute({
    ...write,
    method: 'post',
    path: '/captions',
    tags: ['captions'],
    summary: 'Add one caption or a batch',
    description: 'The same text is the same caption. In a batch, each item succeeds or fails separately.',
    request: {
      query: noQuery,
      body: {
        required: true,
        content: jsonOf(app, { CaptionInput: captionInput, CaptionBatch: captionBatchDocument }),
      },
    },
    responses: {
      201: created(caption, 'One caption, new.'),
      200: {
        description: 'One caption that already existed, or the results of a batch.',
        content: { 'application/json': { schema: caption.or(captionResults) } },
      },
      ...problems(401, 413, 415),
    },
  });
  app.openapi(postRoute, async (c) => {
    expectMediaType(c, 'application/json');
    const body = parseJson(await readBody(c, MAX_JSON_BYTES));
    const preferred = languageOf(c, 'auto');
    if (typeof body === 'object' && body !== null && Object.hasOwn(body, 'items')) {
      const { items } = parseOrThrow(captionBatch, body, 'body');
      return c.json({ items: await deps.onLiveSpace((live) => addBatch(live, items, preferred)) }, 200);
    }
    const input = parseOrThrow(captionInput, body, 'body');
    const [added, shown] = await deps.onLiveSpace(async (live) => {
      const [one] = await addCaptions(live, [input], preferred);
      return [one, serialise(c, deps).caption(one!.id, await findCaption(live.vectors, one!.id))] as const;
    });
    return added!.status === 'created' ? c.json(shown, 201, { Location: `captions/${shown.id}` }) : c.json(shown, 200);
  });
}

function registerDelete(app: App, deps: AppDeps, write: WriteRoute): void {
  const deleteRoute = createRoute({
    ...write,
    method: 'delete',
    path: '/captions/{id}',
    tags: ['captions'],
    summary: 'Delete a caption',
    request: { params: idParams, query: noQuery },
    responses: { 204: { description: 'It is gone.' }, ...problems(401, 404) },
  });
  app.openapi(deleteRoute, async (c) => {
    const { id } = c.req.valid('param');
    await deps.onLiveSpace(async (live) => {
      const { sequencer } = await findCaption(live.vectors, id);
      await live.vectors.remove([{ id, sequencer, deletedAt: new Date().toISOString() }], 'not-older');
    });
    return c.body(null, 204);
  });
}

/** Checks the items one by one and adds the valid ones. */
async function addBatch(live: Live, items: readonly unknown[], preferred: LanguageHint): Promise<Result[]> {
  const seen = new Map<string, number>();
  const checked = items.map((item, index): Input | Result => {
    const parsed = captionInput.safeParse(item);
    if (!parsed.success) {
      const details = problemDetails(parsed.error.issues, item, 'body');
      return { status: 'rejected', detail: details.map(({ pointer, detail }) => `${pointer}: ${detail}`).join('; ') };
    }
    const first = seen.get(parsed.data.text);
    if (first !== undefined)
      return { status: 'rejected', detail: `expected each text once, got that of item ${first} again` };
    seen.set(parsed.data.text, index);
    return parsed.data;
  });
  const inputs = checked.filter((item) => 'text' in item);
  const added = await addCaptions(live, inputs, preferred);
  return checked.map((item) => ('text' in item ? added[inputs.indexOf(item)]! : item));
}

/** Embeds and stores captions with distinct texts; without given tags, existing ones stay. */
async function addCaptions(
  live: Live,
  inputs: readonly Input[],
  preferred: LanguageHint,
): Promise<{ status: 'created' | 'updated'; id: string }[]> {
  if (inputs.length === 0) return [];
  const ids = inputs.map(({ text }) => captionId(text));
  const [stored, embedded] = await Promise.all([live.vectors.get(ids), readInputs(live, inputs, preferred)]);
  const indexedAt = new Date().toISOString();
  const points = inputs.map(({ text, tags }, i): Point => {
    const before = stored.get(ids[i]!);
    const sequencer = sequencerOf(before);
    return captionPoint(ids[i]!, embedded[i]!, { caption: text, sequencer, tags: tags ?? [], indexedAt });
  });
  for (const keepTags of [false, true]) {
    const some = points.filter((_, i) => (inputs[i]!.tags === undefined) === keepTags);
    // Captions have no events: their sequencer never changes, so every write counts as equally new.
    if (some.length > 0) await live.vectors.upsert(some, 'not-older', { keepTags });
  }
  return ids.map((id) => {
    const before = stored.get(id);
    return { status: before === undefined || before.deleted ? 'created' : 'updated', id };
  });
}

async function readInputs(live: Live, inputs: readonly Input[], preferred: LanguageHint): Promise<ReadText[]> {
  const read = new Map<Input, ReadText>();
  for (const [lang, some] of Map.groupBy(inputs, (input) => input.lang)) {
    const hint = lang === 'auto' ? preferred : { ...preferred, lang };
    const texts = await live.embedder.readTexts(
      some.map(({ text }) => text),
      hint,
    );
    for (const [i, input] of some.entries()) read.set(input, texts[i]!);
  }
  return inputs.map((input) => read.get(input)!);
}
