import { useState } from 'preact/hooks';

/** A small picture; a dashed frame while it is on its way, or does not come: a grey box would look like one. */
export function SmallPicture({ src }: { src: string }) {
  const [isShown, setShown] = useState(false);
  return (
    <img
      class={isShown ? 'small-picture shown' : 'small-picture'}
      src={src}
      alt=""
      loading="lazy"
      onLoad={() => setShown(true)}
      onError={() => setShown(false)}
    />
  );
}
