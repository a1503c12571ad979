import { type Item, isImage } from '../client.ts';
import { deletePictures, lessLike, moreLike } from '../state/actions.ts';
import { toggleFavourite } from '../state/favourites.ts';
import { visibleItems } from '../state/results.ts';
import { selected, toggle } from '../state/selection.ts';

/** Letter shortcuts for the focused picture; true if the key was handled. */
function act({ key, shiftKey }: KeyboardEvent, from: Element, item: Item | undefined): boolean {
  if (!item || !isImage(item)) return false;
  if (key === 'x' || key === 'X') toggle(item.id, shiftKey);
  else if (key === 'm') moreLike(item.id);
  else if (key === 'M') lessLike(item.id);
  else if (key === 'f') void toggleFavourite(item);
  else if (key === 'Delete') {
    const ids = selected.value.has(item.id) ? selected.value : new Set([item.id]);
    focusNextBut(ids, from);
    void deletePictures([...ids]);
  } else return false;
  return true;
}

/** The next picture, or the previous one, that is not being removed. */
function focusNextBut(going: ReadonlySet<string>, from: Element): void {
  const stays = (one: Element) => {
    const item = visibleItems.value[Number((one as HTMLElement).dataset.index)];
    return item !== undefined && !going.has(item.id);
  };
  const all = [...from.parentElement!.querySelectorAll(':scope > [data-index]')];
  const at = all.indexOf(from);
  const next = all.slice(at).find(stays) ?? all.slice(0, at).findLast(stays);
  next?.querySelector<HTMLElement>('.tile-main')?.focus({ preventScroll: true });
}

/** Arrow keys move between pictures: left and right in order, up and down to the nearest in the adjacent row. */
export function moveFocus(event: KeyboardEvent): void {
  const from = (event.target as HTMLElement).closest('li');
  if (!from || event.altKey || event.ctrlKey || event.metaKey) return;
  if (act(event, from, visibleItems.value[Number(from.dataset.index)])) {
    event.preventDefault();
    return;
  }
  const to = neighbourOf(from, event.key);
  if (!to) return;
  event.preventDefault();
  const link = to.querySelector<HTMLElement>('.tile-main');
  link?.focus({ preventScroll: true });
  to.scrollIntoView({ block: 'nearest' });
}

function neighbourOf(from: Element, key: string): Element | undefined {
  const all = [...from.parentElement!.querySelectorAll(':scope > [data-index]')];
  if (key === 'ArrowRight') return all[all.indexOf(from) + 1];
  if (key === 'ArrowLeft') return all[all.indexOf(from) - 1];
  if (key !== 'ArrowDown' && key !== 'ArrowUp') return;
  const box = from.getBoundingClientRect();
  const centre = box.left + box.width / 2;
  const boxes = all.map((element) => ({ element, box: element.getBoundingClientRect() }));
  const beyond = boxes.filter((one) => (key === 'ArrowDown' ? one.box.top > box.top + 1 : one.box.top < box.top - 1));
  const nextTop =
    key === 'ArrowDown' ? Math.min(...beyond.map((one) => one.box.top)) : Math.max(...beyond.map((one) => one.box.top));
  const row = beyond.filter((one) => Math.abs(one.box.top - nextTop) < 1);
  const distance = (one: { box: DOMRect }) => Math.abs(one.box.left + one.box.width / 2 - centre);
  return row.sort((a, b) => distance(a) - distance(b))[0]?.element;
}
