import { useEffect, useRef, useState } from 'preact/hooks';
import { type ImageItem, isImage } from '../client.ts';
import { t } from '../i18n/translate.ts';
import { type Chip, weights } from '../route.ts';
import { addChip, chipKey, removeChip } from '../state/actions.ts';
import { query } from '../state/navigation.ts';
import { heldPicture, recallPicture } from '../state/query-pictures.ts';
import { results } from '../state/results.ts';
import { client } from '../state/server-urls.ts';
import { IconButton } from './icon.tsx';
import { describe, smallVersion } from './tile.tsx';

/** The query terms besides the text in the field; each can be weighted and removed. */
export function Chips() {
  const { chips } = query.value;
  if (chips.length === 0) return null;
  return (
    <ul class="chips" aria-label={t('chip.list')}>
      {chips.map((chip) => (
        <ChipView key={chipKey(chip)} chip={chip} />
      ))}
    </ul>
  );
}

function ChipView({ chip }: { chip: Chip }) {
  const { label, picture } = useChipFace(chip);
  const without = chip.weight < 0;
  const sign = chip.by === 'text' ? (without ? 'without' : 'with') : without ? 'unlike' : 'like';
  const strength = Math.abs(chip.weight);
  const popover = `weigh-${chipKey(chip)}`.replaceAll(/[^\w-]/g, '_');
  return (
    <li class={without ? 'chip chip-without' : 'chip'}>
      <button type="button" class="chip-face" popovertarget={popover} title={t('chip.title')}>
        {picture === undefined ? null : <img src={picture} alt="" />}
        <span class="chip-sign">{t(`chip.${sign}`)} </span>
        <span class={chip.by === 'text' ? 'chip-text' : 'visually-hidden'}>{label}</span>
        {strength === (without ? 0.5 : 1) ? null : <span class="chip-weight"> ×{strength}</span>}
      </button>
      <IconButton
        class="chip-remove"
        icon="close"
        label={t('chip.remove', { label })}
        onClick={() => removeChip(chip)}
      />
      <div id={popover} popover="auto" class="popover chip-popover">
        <WeightControl chip={chip} label={label} />
      </div>
    </li>
  );
}

function WeightControl({ chip, label }: { chip: Chip; label: string }) {
  const set = (weight: number) => {
    if (weight !== 0) addChip({ ...chip, weight });
  };
  return (
    <>
      <p class="popover-title">{label}</p>
      <fieldset class="segmented" aria-label={t('chip.direction')}>
        <button type="button" aria-pressed={chip.weight > 0} onClick={() => set(Math.abs(chip.weight))}>
          {t('do.moreLikeThis')}
        </button>
        <button type="button" aria-pressed={chip.weight < 0} onClick={() => set(-Math.abs(chip.weight))}>
          {t('do.lessLikeThis')}
        </button>
      </fieldset>
      <label class="slider">
        <span>{t('chip.weight')}</span>
        <input
          type="range"
          min={weights.step}
          max={weights.max}
          step={weights.step}
          value={Math.abs(chip.weight)}
          onChange={(event) => set(Math.sign(chip.weight) * event.currentTarget.valueAsNumber)}
        />
        <output>{Math.abs(chip.weight)}</output>
      </label>
    </>
  );
}

/** Label and thumbnail of a chip; a stored picture that is not in the results is fetched. */
function useChipFace(chip: Chip): { label: string; picture?: string } {
  const [stored, setStored] = useState<ImageItem | undefined>();
  const id = chip.by === 'stored' ? chip.id : undefined;
  const ref = chip.by === 'picture' ? chip.ref : undefined;
  const shown = useRef(results.peek());
  useEffect(() => {
    if (ref !== undefined) void recallPicture(ref);
    if (id === undefined) return;
    const known = shown.current?.items.find((item) => item.id === id);
    if (known && isImage(known)) return setStored(known);
    const controller = new AbortController();
    client.getImage(id, controller.signal).then(setStored, () => {});
    return () => controller.abort();
  }, [id, ref]);
  if (chip.by === 'text') return { label: chip.text };
  if (chip.by === 'stored') {
    return stored ? { label: describe(stored), picture: smallVersion(stored, 64) } : { label: t('chip.stored') };
  }
  const held = heldPicture(chip.ref);
  return held ? { label: held.name, picture: held.url } : { label: t('chip.own') };
}
