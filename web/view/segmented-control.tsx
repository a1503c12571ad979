export interface ChoiceProps<T extends string> {
  /** What the control selects. */
  readonly label: string;
  readonly options: readonly (readonly [value: T, label: string])[];
  readonly chosen: T;
  readonly choose: (value: T) => void;
}

/** A few options side by side; one is selected. */
export function Segmented<T extends string>({ label, options, chosen, choose }: ChoiceProps<T>) {
  return (
    <fieldset class="segmented" aria-label={label}>
      {options.map(([value, name]) => (
        <button key={value} type="button" aria-pressed={value === chosen} onClick={() => choose(value)}>
          {name}
        </button>
      ))}
    </fieldset>
  );
}
