// npm run bench -- map
// Time to draw a frame of the map: points as squares, as circles and as stamped dots, and the whole view while moving
// and zooming.
import { fileURLToPath } from 'node:url';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { closing } from '../core/util/async-disposable.ts';
import { launchBrowser } from '../test/support/browser.ts';
import { type PageServer, pageServer } from '../test/support/page-server.ts';
import type { MapPage } from '../web/client.ts';
import type { drawMap } from '../web/map/draw.ts';
import { fill } from './page.ts';
import { median, round } from './support/measuring.ts';

const counts = [1000, 5000, 20_000];
const pictures = 10_000;
const viewport = { width: 1440, height: 900 };

export async function run(): Promise<void> {
  await using server = closing(await pageServer({}, 23));
  await using browser = await launchBrowser();
  await points(browser);
  await fill(server, pictures);
  await wholeView(browser, server);
}

/**
 * Frames of `drawMap` without thumbnails, each forced to be painted, compared with circles and with a small image
 * stamped per point.
 */
async function points(browser: Browser): Promise<void> {
  const { build } = await import('esbuild');
  const source = fileURLToPath(new URL('../web/map/draw.ts', import.meta.url));
  const { outputFiles } = await build({
    entryPoints: [source],
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'mapDrawing',
  });
  const page = await browser.newPage({ viewport });
  await page.addScriptTag({ content: outputFiles[0]!.text });
  const table: Record<string, Record<string, number>> = {};
  for (const count of counts) {
    const { squares, circles, stamped } = await page.evaluate(drawEach, { count, ...viewport });
    table[count] = {
      'squares ms': round(median(squares)),
      'circles ms': round(median(circles)),
      'stamped ms': round(median(stamped)),
    };
  }
  console.table(table);
  await page.close();
}

/** Runs in the page. */
function drawEach({ count, width, height }: { count: number; width: number; height: number }) {
  const { mapDrawing } = globalThis as unknown as { mapDrawing: { drawMap: typeof drawMap } };
  const canvas = document.body.appendChild(document.createElement('canvas'));
  const context = canvas.getContext('2d')!;
  const items = Array.from({ length: count }, (_, i) => ({
    id: String(i),
    kind: 'image' as const,
    label: '',
    width: 4,
    height: 3,
  }));
  const positions = Float32Array.from({ length: count * 2 }, () => Math.random() * 2 - 1);
  // Not settled: points only.
  const map = { items, positions, settled: false, thumbnail: () => '' };
  const chosen: ReadonlySet<string> = new Set();
  const size = { width, height };
  const timed = (draw: (scale: number) => void) =>
    Array.from({ length: 40 }, (_, i) => {
      const start = performance.now();
      draw(400 + i);
      // Reading pixels forces the browser to paint what it has only recorded so far.
      context.getImageData(0, 0, 1, 1);
      return performance.now() - start;
    }).slice(10);
  const colours = { accent: '#0b6b57', soft: '#888', paper: '#fff' };
  const squares = timed((scale) => {
    const view = { x: 0, y: 0, scale };
    const nothing = { lasso: null, hovered: undefined, highlighted: null, redraw: () => {} };
    mapDrawing.drawMap(canvas, { map, view, size, chosen, colours, moving: true, ...nothing });
  });
  const each = (draw: (x: number, y: number) => void) => (scale: number) => {
    context.clearRect(0, 0, width, height);
    context.globalAlpha = 0.8;
    context.fillStyle = colours.accent;
    for (let i = 0; i < count; i++) {
      const [x, y] = [positions[i * 2]! * scale + width / 2, positions[i * 2 + 1]! * scale + height / 2];
      if (x > -6 && y > -6 && x < width + 6 && y < height + 6) draw(x, y);
    }
  };
  const circles = timed(
    each((x, y) => {
      context.beginPath();
      context.arc(x, y, 2.8, 0, 2 * Math.PI);
      context.fill();
    }),
  );
  const stamp = new OffscreenCanvas(6, 6);
  const brush = stamp.getContext('2d')!;
  brush.fillStyle = '#0b6b57';
  brush.arc(3, 3, 2.8, 0, 2 * Math.PI);
  brush.fill();
  const stamped = timed(each((x, y) => context.drawImage(stamp, x - 3, y - 3)));
  canvas.remove();
  return { squares, circles, stamped };
}

/** The real page with a stored map, panned and zoomed by mouse. */
async function wholeView(browser: Browser, server: PageServer): Promise<void> {
  const page = await browser.newPage({ viewport });
  await page.goto(`${server.url}?view=status`);
  await page.locator('.card').first().waitFor();
  await rememberScattered(page);
  const start = performance.now();
  await page.goto(`${server.url}?view=map`);
  await page.getByRole('button', { name: 'Rearrange', disabled: false }).waitFor();
  console.log(`a known map of ${pictures} pictures is there after ${Math.round(performance.now() - start)} ms`);
  await page.waitForLoadState('networkidle', { timeout: 3000 }).catch(() => {});
  const middle = { x: viewport.width / 2, y: viewport.height / 2 };
  await page.mouse.move(middle.x, middle.y);
  const dragged = await framesDuring(page, async () => {
    await page.mouse.down();
    for (let i = 0; i < 120; i++) await page.mouse.move(middle.x + 200 * Math.sin(i / 12), middle.y + i);
    await page.mouse.up();
  });
  const zoomed = await framesDuring(page, async () => {
    for (let i = 0; i < 120; i++) await page.mouse.wheel(0, i < 60 ? -60 : 60);
  });
  const hovered = await framesDuring(page, async () => {
    for (let i = 0; i < 120; i++) await page.mouse.move(middle.x + 3 * i, middle.y + 40 * Math.sin(i / 9));
  });
  console.table({ dragged, zoomed, hovered });
  await page.close();
}

/** Stores positions where the page keeps them, so that nothing has to be arranged. */
async function rememberScattered(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const entries: [string, [number, number]][] = [];
    let space = '';
    let cursor: string | undefined;
    do {
      const answer = await fetch(`map${cursor === undefined ? '' : `?cursor=${cursor}`}`);
      const part = (await answer.json()) as MapPage;
      for (const { id } of part.items) entries.push([id, [Math.random() * 2 - 1, Math.random() - 0.5]]);
      space = part.space;
      cursor = part.next;
    } while (cursor !== undefined);
    const cache = await caches.open('sightline-map');
    await cache.put(`/map/${space}`, Response.json(entries));
  });
}

/** Intervals between frames during an action. */
async function framesDuring(page: Page, act: () => Promise<void>) {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const before = await mainThreadMs(session);
  await page.evaluate(() => {
    const times: number[] = [];
    let before = performance.now();
    const frame = (now: number) => {
      times.push(now - before);
      before = now;
      if ('frameTimes' in globalThis) requestAnimationFrame(frame);
    };
    Object.assign(globalThis, { frameTimes: times });
    requestAnimationFrame(frame);
  });
  await act();
  const times = await page.evaluate(() => {
    const all = globalThis as unknown as { frameTimes?: number[] };
    const found = all.frameTimes!.slice(1);
    delete all.frameTimes;
    return found;
  });
  const work = ((await mainThreadMs(session)) - before) / times.length;
  const sorted = [...times].sort((a, b) => a - b);
  return {
    frames: times.length,
    'median ms': round(median(times)),
    'p95 ms': round(sorted[Math.floor(sorted.length * 0.95)]!),
    'max ms': round(sorted.at(-1)!),
    'over 50 ms': times.filter((time) => time > 50).length,
    // CPU time per frame, including canvas painting: barely affected by other load.
    'main thread ms': round(work),
  };
}

async function mainThreadMs(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'TaskDuration')!.value * 1000;
}
