import { useLayoutEffect, useState } from 'preact/hooks';

/** Width or height of an element without borders, in CSS pixels; 0 until it is mounted. */
export function useLength(
  element: { readonly current: HTMLElement | null },
  of: 'clientWidth' | 'clientHeight',
): number {
  const [length, setLength] = useState(0);
  useLayoutEffect(() => {
    const observed = element.current!;
    setLength(observed[of]);
    const observer = new ResizeObserver(() => setLength(observed[of]));
    observer.observe(observed);
    return () => observer.disconnect();
  }, []);
  return length;
}
