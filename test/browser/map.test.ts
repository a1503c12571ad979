import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { arrange, placeNew } from '../../web/map/arrange.ts';
import {
  contains,
  extentOf,
  fitted,
  type Point,
  toScreen,
  toWorld,
  wholeView,
  zoomAt,
} from '../../web/map/geometry.ts';
import { type Placed, pickPictures } from '../../web/map/pick.ts';
import type { CollectionMap } from '../../web/state/map.ts';
import { browserSkip, useBrowser } from '../support/browser.ts';
import { type PageServer, pageServer } from '../support/page-server.ts';
import { sampleReport } from './report.ts';

const size = { width: 800, height: 600 };
const dimension = 8;

/** Unit vectors near the first and the second axis, alternately. */
function twoGroups(count: number): Int8Array {
  return Int8Array.from({ length: count * dimension }, (_, i) => {
    const [row, column] = [Math.floor(i / dimension), i % dimension];
    return column === row % 2 ? 120 : ((row * 31 + column * 17) % 29) - 14;
  });
}

describe('the geometry of the map', () => {
  it('goes from the world to the screen and back', () => {
    const view = zoomAt(wholeView(size), size, 3, { x: 10, y: 20 });
    for (const point of [
      { x: 0, y: 0 },
      { x: -1, y: 0.5 },
    ]) {
      const back = toWorld(view, size, toScreen(view, size, point));
      assert.ok(Math.hypot(back.x - point.x, back.y - point.y) < 1e-9);
    }
  });

  it('keeps what is under the pointer there when it zooms', () => {
    const view = wholeView(size);
    const at = { x: 123, y: 456 };
    for (const factor of [2, 0.9, 1000, 0.0001]) {
      const fixed = toScreen(zoomAt(view, size, factor, at), size, toWorld(view, size, at));
      assert.ok(Math.hypot(fixed.x - at.x, fixed.y - at.y) < 1e-6, String(factor));
    }
  });

  it('knows what a lasso holds, also one that is not convex', () => {
    const horseshoe: Point[] = [
      [0, 0],
      [4, 0],
      [4, 4],
      [3, 4],
      [3, 1],
      [1, 1],
      [1, 4],
      [0, 4],
    ].map(([x, y]) => ({ x: x!, y: y! }));
    const inside = [
      { x: 0.5, y: 3 },
      { x: 2, y: 0.5 },
      { x: 3.5, y: 3 },
    ];
    const outside = [
      { x: 2, y: 3 },
      { x: 5, y: 1 },
      { x: -1, y: 0.5 },
    ];
    assert.deepEqual(
      [...inside, ...outside].map((point) => contains(horseshoe, point)),
      [true, true, true, false, false, false],
    );
  });

  it('fits positions into the world, the longer side across, without distorting them', () => {
    // An ellipse, three times as long as wide, rotated and far from the origin.
    const ellipse = Float32Array.from({ length: 400 }, (_, i) => {
      const angle = (Math.floor(i / 2) / 200) * 2 * Math.PI;
      const [x, y] = [30 * Math.cos(angle), 10 * Math.sin(angle)];
      return i % 2 === 0 ? 500 + x * 0.6 - y * 0.8 : -70 + x * 0.8 + y * 0.6;
    });
    const fit = fitted(ellipse);
    assert.ok(fit.every((value) => Math.abs(value) <= 1));
    const extent = extentOf(fit);
    assert.ok(extent.x > 0.88 && Math.abs(extent.y - extent.x / 3) < 0.01, JSON.stringify(extent));
    const gap = (positions: Float32Array, i: number, j: number) =>
      Math.hypot(positions[i * 2]! - positions[j * 2]!, positions[i * 2 + 1]! - positions[j * 2 + 1]!);
    const scales = [1, 50, 77, 133].map((i) => gap(fit, 0, i) / gap(ellipse, 0, i));
    assert.ok(
      scales.every((scale) => Math.abs(scale / scales[0]! - 1) < 1e-3),
      String(scales),
    );
  });
});

describe('the pictures on the map', () => {
  /** Random positions within -1 to 1. */
  const random = (i: number) => (Math.sin(i * 12.9898) * 43758.5453) % 1;
  const map: CollectionMap = {
    items: Array.from({ length: 500 }, (_, i) => ({
      id: `p${i}`,
      kind: 'image',
      label: '',
      width: 100 + (i % 3) * 50,
      height: 100,
    })),
    positions: Float32Array.from({ length: 1000 }, (_, i) => random(i)),
    settled: true,
    thumbnail: () => '',
  };
  const none: ReadonlySet<string> = new Set();

  it('never cover each other, and leave out only what would', () => {
    const covers = (a: Placed, b: Placed, gap: number) => {
      const dx = Math.abs(map.positions[a.index * 2]! - map.positions[b.index * 2]!);
      const dy = Math.abs(map.positions[a.index * 2 + 1]! - map.positions[b.index * 2 + 1]!);
      return dx < (a.width + b.width) / 2 + gap && dy < (a.height + b.height) / 2 + gap;
    };
    const { pictures, edge } = pickPictures(map, none, 300, 48);
    assert.ok(pictures.length > 20 && pictures.length < 500, String(pictures.length));
    for (const [i, a] of pictures.entries()) {
      for (const b of pictures.slice(i + 1)) assert.ok(!covers(a, b, 0), `${a.index} and ${b.index}`);
    }
    for (const [index, { width, height }] of map.items.entries()) {
      const ratio = width! / height!;
      const placed = { index, width: edge * Math.min(1, ratio), height: edge * Math.min(1, 1 / ratio) };
      assert.ok(
        pictures.some((other) => other.index === index || covers(placed, other, edge * 0.13)),
        String(index),
      );
    }
  });

  it('are more the further one zooms in, and the same ones at the same zoom', () => {
    const counts = [300, 900, 2700, 100_000].map((scale) => pickPictures(map, none, scale, 48).pictures.length);
    assert.deepEqual(
      counts,
      [...counts].sort((a, b) => a - b),
    );
    assert.ok(counts.at(-1)! > 480, String(counts));
    assert.equal(pickPictures(map, none, 310, 48), pickPictures(map, none, 311, 48));
  });

  it('show what fits the query first', () => {
    const first = new Set(['p11', 'p222']);
    assert.deepEqual(
      pickPictures(map, first, 300, 48)
        .pictures.slice(0, 2)
        .map(({ index }) => index)
        .sort((a, b) => a - b),
      [11, 222],
    );
  });
});

describe('the arrangement of the map', () => {
  it('is the same for the same vectors, and keeps alike ones together', () => {
    const vectors = { bytes: twoGroups(60), dimension };
    const shares: number[] = [];
    const positions = arrange(vectors, (_, share) => shares.push(share));
    assert.deepEqual(
      arrange(vectors, () => {}),
      positions,
    );
    assert.ok(shares.length > 5 && shares.every((share, i) => i === 0 || share > shares[i - 1]!));
    const middle = (group: number) => {
      const rows = Array.from({ length: 60 }, (_, i) => i).filter((i) => i % 2 === group);
      return [0, 1].map((axis) => rows.reduce((sum, i) => sum + positions[i * 2 + axis]!, 0) / rows.length);
    };
    const middles = [middle(0), middle(1)];
    const distance = (i: number, group: number) =>
      Math.hypot(positions[i * 2]! - middles[group]![0]!, positions[i * 2 + 1]! - middles[group]![1]!);
    for (let i = 0; i < 60; i++) assert.ok(distance(i, i % 2) < distance(i, 1 - (i % 2)), `vector ${i}`);
  });

  it('takes collections that are too small to arrange', () => {
    for (const count of [0, 1, 2, 3, 4]) {
      const positions = arrange({ bytes: twoGroups(count), dimension }, () => {});
      assert.equal(positions.length, count * 2);
      assert.ok(positions.every(Number.isFinite));
    }
  });

  it('puts a new picture beside those it is like and moves no other', () => {
    const bytes = twoGroups(20);
    const known = Float32Array.from({ length: 40 }, (_, i) => (Math.floor(i / 2) % 2 === 0 ? -1 : 1));
    const withNew = known.slice();
    withNew.fill(Number.NaN, 10, 12);
    assert.deepEqual(placeNew({ bytes, dimension }, withNew), known);
  });
});

describe('the map on the page', browserSkip(), () => {
  const browser = useBrowser();
  let server: PageServer;
  before(async () => {
    server = await pageServer({}, 12);
  });
  after(() => server.close());

  it('shows the collection, keeps its order, opens pictures and selects with a lasso', async (t) => {
    const { page } = await browser.open(t, `${server.url}?view=map`);
    await page.getByRole('heading', { name: 'Map 12 pictures' }).waitFor();
    await page.getByRole('button', { name: 'Rearrange', disabled: false }).waitFor();
    const canvas = page.getByRole('img', { name: /^Map of the collection/ });
    await canvas.focus();
    for (const key of ['+', 'ArrowLeft', '-', '0']) await page.keyboard.press(key);

    const box = (await canvas.boundingBox())!;
    const corners = [
      [0.01, 0.01],
      [0.99, 0.01],
      [0.99, 0.99],
      [0.01, 0.99],
      // Closes the loop, as with a lasso.
      [0.01, 0.5],
    ] as const;
    await page.keyboard.down('Shift');
    await page.mouse.move(box.x + box.width * 0.01, box.y + box.height * 0.5);
    await page.mouse.down();
    for (const [x, y] of corners) await page.mouse.move(box.x + box.width * x, box.y + box.height * y);
    await page.mouse.up();
    await page.keyboard.up('Shift');
    await page.getByText('12 pictures selected').waitFor();

    const kept = () => page.evaluate(() => localStorage.getItem('sightline-map'));
    const before = await kept();
    assert.equal((JSON.parse(before!) as { points: unknown[] }).points.length, 12);
    await page.reload();
    await page.getByRole('button', { name: 'Rearrange', disabled: false }).waitFor();
    assert.equal(await kept(), before);
  });

  it('draws its pictures once they are there, and asks again for those that did not come', async (t) => {
    const { page } = await browser.open(t, `${server.url}?view=status`, { expectComplaints: /503/ });
    await page.clock.install();
    let refused = 0;
    await page.route('**/thumbnail?*', async (route) => {
      refused++;
      await route.fulfill({ status: 503 });
    });
    await page.getByRole('button', { name: /^Menu/ }).click();
    await page.getByRole('button', { name: 'Map', exact: true }).click();
    // Points have shades of one colour, photos thousands of colours.
    const colours = () =>
      page.locator('.map-stage canvas').evaluate((element) => {
        const canvas = element as HTMLCanvasElement;
        const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d')!;
        copy.drawImage(canvas, 0, 0);
        const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
        return new Set(new Uint32Array(data.buffer)).size;
      });
    const until = async (isDone: () => boolean | Promise<boolean>) => {
      for (let i = 0; i < 400 && !(await isDone()); i++) await page.clock.runFor(50);
      assert.ok(await isDone());
    };
    await until(() => refused >= 12);
    assert.ok((await colours()) < 500);
    await page.unroute('**/thumbnail?*');
    await page.clock.runFor(6000);
    await until(async () => (await colours()) > 2000);
  });

  it('shows what a head was judged on, and lists the pictures that are drawn around', async (t) => {
    const judged = await pageServer({}, 0, { report: sampleReport() });
    const { page } = await browser.open(t, `${judged.url}?view=training`);
    t.after(() => judged.close());
    await page.getByRole('button', { name: 'Map', exact: true }).click();
    await page.getByRole('heading', { name: 'Map of val 2 pictures' }).waitFor();
    await page.getByRole('button', { name: 'Rearrange', disabled: false }).waitFor();
    const canvas = page.getByRole('img', { name: /^Map of the collection/ });
    await canvas.focus();
    await page.keyboard.press('s');
    await page.getByRole('button', { name: '2 pictures of the map' }).waitFor();
    assert.deepEqual(await page.locator('.data-row h2').allInnerTexts(), ['street.jpg val', 'boat.jpg val']);

    await page.getByRole('button', { name: 'Map', exact: true }).click();
    await canvas.focus();
    // Until the map has loaded, its centre is empty.
    const one = page.getByRole('button', { name: '1 picture of the map' });
    await canvas.evaluate(async (element) => {
      for (let i = 0; i < 600 && element.isConnected; i++) {
        element.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    });
    await one.click();
    await page.getByText('2 pictures', { exact: true }).waitFor();
  });
});
