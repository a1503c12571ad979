/** Names of a picture's main colours, and `monochrome`. */
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
