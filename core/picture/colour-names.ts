/** What the main colours of a picture are called, and a picture without any. */
export const COLOURS = [
  'red',
  'orange',
  'yellow',
  'green',
  'blue',
  'purple',
  'pink',
  'brown',
  'black',
  'white',
  'grey',
  'monochrome',
] as const;
export type Colour = (typeof COLOURS)[number];
