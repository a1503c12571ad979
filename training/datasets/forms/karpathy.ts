import { z } from 'zod';
import { type CaptionForm, listIn, readJson } from '../caption-form.ts';

/**
 * Andrej Karpathy's `dataset_flickr30k.json`, `dataset_coco.json`, ...: {"images": [{"filename", "split", "sentences":
 * [{"raw"}]}]}.
 */
export const karpathy: CaptionForm = {
  name: 'karpathy',

  matches: (path, head) => path.endsWith('.json') && /"(sentences|sentids)"/.test(head),

  async *read(file, findings) {
    for (const [i, entry] of listIn(await readJson(file), 'images', file).entries()) {
      const parsed = imageSchema.safeParse(entry);
      if (!parsed.success) findings.note('broken-line', `${file.path} images[${i}]`);
      else {
        const { filename, split, sentences } = parsed.data;
        yield { image: filename, captions: sentences.map(({ raw }) => raw), split: split ?? null };
      }
    }
  },
};

const imageSchema = z.object({
  filename: z.string().min(1),
  split: z.string().optional(),
  sentences: z.array(z.object({ raw: z.string() })),
});
