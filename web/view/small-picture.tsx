import { useState } from 'preact/hooks';

/** A thumbnail; a dashed frame while it loads or if it fails, because a grey box would look like a picture. */
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
