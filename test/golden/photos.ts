import sharp from 'sharp';
import type { RgbPixels } from '../../core/picture/preprocess.ts';
import { readGolden } from './golden.ts';

/** The pictures used for the recordings. */

/** The file of one of them. */
export const photo = (name: string) => readGolden('mobilenet_v2', 'images', name);

/** Upright pixels of a picture that needs no colour conversion except alpha over white, by Pillow's formula. */
export async function uprightPixels(name: string): Promise<RgbPixels> {
  const { data, info } = await sharp(photo(name), { ignoreIcc: true })
    .autoOrient()
    .ensureAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const rgb = new Uint8Array(info.width * info.height * 3);
  for (let i = 0; i < info.width * info.height; i++) {
    const alpha = data[i * 4 + 3]! / 255;
    for (let c = 0; c < 3; c++) rgb[i * 3 + c] = Math.round(data[i * 4 + c]! * alpha + 255 * (1 - alpha));
  }
  return { data: rgb, width: info.width, height: info.height };
}
