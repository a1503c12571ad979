import type { ImageItem } from '../client.ts';
import { setTags } from './actions.ts';
import { photo } from './open-picture.ts';
import { refreshTags } from './suggestions.ts';

/** Favourites are pictures with this tag, whatever the language of the page. */
export const favouriteTag = 'favourite';

export function isFavourite({ tags }: ImageItem): boolean {
  return tags.includes(favouriteTag);
}

/** Makes a picture a favourite, or none any more. */
export async function toggleFavourite(image: ImageItem): Promise<void> {
  const others = image.tags.filter((tag) => tag !== favouriteTag);
  const tags = isFavourite(image) ? others : [...others, favouriteTag];
  if ((await setTags(image, tags)) && photo.value?.id === image.id) photo.value = { ...photo.value, tags };
  void refreshTags();
}
