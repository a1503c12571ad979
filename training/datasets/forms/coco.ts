import { z } from 'zod';
import { type CaptionForm, listIn, readJson } from '../caption-form.ts';
import { splitInPath } from '../splits.ts';

/**
 * COCO's `captions_train2017.json` and similar files: {"images": [{"id", "file_name"}], "annotations": [{"image_id",
 * "caption"}]}. The file name contains the split.
 */
export const coco: CaptionForm = {
  name: 'coco',

  matches: (path, head) =>
    /caption[^/]*\.json$/i.test(path) && /^\s*\{/.test(head) && /"(annotations|file_name|info|images)"/.test(head),

  async *read(file, findings) {
    const json = await readJson(file);
    const captions = new Map<number | string, string[]>();
    for (const [i, entry] of listIn(json, 'annotations', file).entries()) {
      const parsed = annotationSchema.safeParse(entry);
      if (!parsed.success) findings.note('broken-line', `${file.path} annotations[${i}]`);
      else captions.set(parsed.data.image_id, [...(captions.get(parsed.data.image_id) ?? []), parsed.data.caption]);
    }
    const split = splitInPath(file.path);
    for (const [i, entry] of listIn(json, 'images', file).entries()) {
      const parsed = imageSchema.safeParse(entry);
      if (!parsed.success) findings.note('broken-line', `${file.path} images[${i}]`);
      else {
        yield { image: parsed.data.file_name, captions: captions.get(parsed.data.id) ?? [], split };
        captions.delete(parsed.data.id);
      }
    }
    for (const id of captions.keys()) findings.note('missing-picture', `${file.path} image_id ${id}`);
  },
};

const id = z.union([z.number(), z.string()]);
const annotationSchema = z.object({ image_id: id, caption: z.string() });
const imageSchema = z.object({ id, file_name: z.string().min(1) });
