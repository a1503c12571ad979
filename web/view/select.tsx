import type { ChoiceProps } from './segmented-control.tsx';

type SelectProps<T extends string> = ChoiceProps<T> & {
  /** Without a visible label and border, in a toolbar. */
  readonly isQuiet?: boolean;
  readonly disabled?: boolean;
};

/** A menu of options; one is selected. */
export function Select<T extends string>({ label, options, chosen, choose, isQuiet, disabled }: SelectProps<T>) {
  const select = (
    <select
      class={isQuiet ? 'select-quiet' : undefined}
      aria-label={isQuiet ? label : undefined}
      title={isQuiet ? label : undefined}
      value={chosen}
      disabled={disabled}
      onChange={(event) => choose(event.currentTarget.value as T)}
    >
      {options.map(([value, name]) => (
        <option key={value} value={value}>
          {name}
        </option>
      ))}
    </select>
  );
  if (isQuiet) return select;
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is `select`.
    <label class="field">
      <span>{label}</span>
      {select}
    </label>
  );
}
