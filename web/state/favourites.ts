import type { ImageItem } from '../client.ts';
import { setTags } from './actions.ts';
import { photo } from './open-picture.ts';
import { refreshTags } from './suggestions.ts';

/** The tag that marks favourites, in every language of the page. */
export const favouriteTag = 'favourite';

export function isFavourite({ tags }: ImageItem): boolean {
  return tags.includes(favouriteTag);
}

/** Marks or unmarks a picture as a favourite. */
export async function toggleFavourite(image: ImageItem): Promise<void> {
  const others = image.tags.filter((tag) => tag !== favouriteTag);
  const tags = isFavourite(image) ? others : [...others, favouriteTag];
  if ((await setTags(image, tags)) && photo.value?.id === image.id) photo.value = { ...photo.value, tags };
  void refreshTags();
}
