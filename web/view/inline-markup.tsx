interface MarkedProps {
  readonly text: string;
  /** Renders `*marked*` words. */
  readonly as?: 'strong' | 'span';
}

/** Text in which `*` marks emphasis and `` ` `` marks code. */
export function Marked({ text, as: Mark = 'strong' }: MarkedProps) {
  return text.split(/(\*[^*]+\*|`[^`]+`)/).map((part) => {
    if (part.startsWith('*')) return <Mark key={part}>{part.slice(1, -1)}</Mark>;
    return part.startsWith('`') ? <code key={part}>{part.slice(1, -1)}</code> : part;
  });
}
