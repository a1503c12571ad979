/** Results published by others; not measured here. */

export interface Published {
  readonly name: string;
  readonly source: string;
  readonly dataset: string;
  /** Text to image, recall at 1, percent. */
  readonly textToImageRecall1: number;
}

export const PUBLISHED: readonly Published[] = [
  {
    name: 'Both towers frozen, Fisher vectors and CCA',
    source: 'Klein et al. 2015',
    dataset: 'Flickr30k test',
    textToImageRecall1: 25.0,
  },
  {
    name: 'Both towers frozen, two-layer head on VGG',
    source: 'Wang et al. 2016, arXiv 1511.06078',
    dataset: 'Flickr30k test',
    textToImageRecall1: 29.7,
  },
  { name: 'Fine-tuned MobileNet', source: 'as published', dataset: 'Flickr30k test', textToImageRecall1: 30.4 },
  {
    name: 'CLIP ViT-B/32, zero-shot, 512 dimensions',
    source: 'as published',
    dataset: 'Flickr30k test',
    textToImageRecall1: 58.8,
  },
];
