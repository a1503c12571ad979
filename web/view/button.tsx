import type { ButtonHTMLAttributes } from 'preact';
import { Icon, type IconName } from './icon.tsx';

type ButtonProps = Omit<ButtonHTMLAttributes, 'icon' | 'label' | 'class'> & {
  readonly icon?: IconName;
  readonly label: string;
  /** What it acts on, for screen readers, where many buttons have the same label. */
  readonly about?: string;
  readonly look?: keyof typeof looks;
  readonly class?: string;
};

const looks = {
  plain: '',
  quiet: 'button-quiet',
  primary: 'button-primary',
  danger: 'button-danger',
  bad: 'button-quiet button-bad',
} as const;

/** A button with a label, after an icon or alone. */
export function Button({ icon, label, about, look = 'plain', class: own = '', ...rest }: ButtonProps) {
  return (
    <button type="button" {...rest} class={['button', looks[look], own].filter(Boolean).join(' ')}>
      {icon ? <Icon name={icon} /> : null}
      {icon ? <span>{label}</span> : label}
      {about === undefined ? null : <span class="visually-hidden"> {about}</span>}
    </button>
  );
}
