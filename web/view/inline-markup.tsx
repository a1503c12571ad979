interface MarkedProps {
  readonly text: string;
  /** What `*marked*` words become. */
  readonly as?: 'strong' | 'span';
}

/** A text in which `*` marks what stands out and `` ` `` what is code. */
export function Marked({ text, as: Mark = 'strong' }: MarkedProps) {
  return text.split(/(\*[^*]+\*|`[^`]+`)/).map((part) => {
    if (part.startsWith('*')) return <Mark key={part}>{part.slice(1, -1)}</Mark>;
    return part.startsWith('`') ? <code key={part}>{part.slice(1, -1)}</code> : part;
  });
}
