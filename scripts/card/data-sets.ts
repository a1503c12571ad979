/** Descriptions of data sets used for training or evaluation, by folder name. */
const KNOWN: Readonly<Record<string, string>> = {
  flickr8k:
    'Flickr8k (Hodosh, Young and Hockenmaier 2013): photos from Flickr, mostly people and dogs, five captions each. ' +
    'The copy used here had lost its aspect ratio: every photo is squashed to 224 x 224. Pictures and captions ' +
    'belong to their authors and are not part of this repository.',
  flickr30k:
    'Flickr30k (Young et al. 2014): photos from Flickr, mostly people in everyday scenes, five captions each. ' +
    'Pictures and captions belong to their authors and are not part of this repository.',
  'coco-small':
    '170 photos of COCO (Lin et al. 2014) with five captions each (Chen et al. 2015): everyday scenes with objects, ' +
    'animals and food. None of them was trained on. Pictures and captions are not part of this repository.',
};

/** The description of a data set, or only its name. */
export function describeData(name: string): string {
  return KNOWN[name] ?? `${name}.`;
}
