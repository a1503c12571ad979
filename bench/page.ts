// npm run bench -- page
// Size and build time of the page; first picture, scrolling and memory with 10,000 pictures in a real browser, and the
// list by date with 100,000.
import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import PQueue from 'p-queue';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { imageId } from '../core/point-ids.ts';
import type { ImagePayload, JointEmbedding } from '../core/types.ts';
import { closing } from '../core/util/async-disposable.ts';
import { normalise } from '../core/util/vector-arithmetic.ts';
import { buildPage } from '../server/bundle-page.ts';
import { launchBrowser } from '../test/support/browser.ts';
import { type PageServer, pageServer, sampleNames, samplePath } from '../test/support/page-server.ts';
import { median } from './support/measuring.ts';

const pictures = 10_000;
const datedPictures = 100_000;
const datedYears = 20;

export async function run(): Promise<void> {
  await buildAndSize();
  await using browser = await launchBrowser();
  await withPictures(pictures, async (url) => {
    await firstPaint(browser, url);
    await scrolling(browser, url);
  });
  await withPictures(datedPictures, async (url) => {
    console.log(`\n${datedPictures.toLocaleString('en')} pictures of ${datedYears} years by date`);
    await firstPaint(browser, `${url}?sort=-taken`);
    await byDate(browser, `${url}?sort=-taken`);
  });
}

async function withPictures(count: number, measure: (url: string) => Promise<void>): Promise<void> {
  await using server = closing(await pageServer({}, 23));
  await fill(server, count);
  await measure(server.url);
}

async function buildAndSize(): Promise<void> {
  const times: number[] = [];
  let page = await buildPage();
  for (let i = 0; i < 5; i++) {
    const start = performance.now();
    page = await buildPage();
    times.push(performance.now() - start);
  }
  const sizes = [...page].map(([path, { body }]) => ({ path, bytes: body.length, gzipped: gzipSync(body).length }));
  console.table(sizes);
  console.log(`built in ${median(times).toFixed(0)} ms (limit 2,000)`);
}

/**
 * The sample photos, reduced, under this many keys with different vectors and dates; nothing is embedded. One in fifty
 * has no date.
 */
export async function fill(server: PageServer, pictures: number): Promise<void> {
  const { vectors, buckets, thumbnail } = server.deps;
  const { bucket } = [...buckets.values()][0]!;
  const photos = join(server.root, 'photos');
  const { items } = await vectors.list({ filter: {}, limit: 100, order: 'id' });
  const names = await sampleNames();
  for (const name of names) {
    const small = await thumbnail(await readFile(samplePath(name)), 320);
    await writeFile(join(server.root, name), small.bytes);
  }
  const points = [];
  for (let i = 0; i < pictures; i++) {
    const sample = items[i % items.length]!.payload as ImagePayload;
    const key = `${Math.floor(i / 1000)}/${String(i).padStart(6, '0')}-${sample.key}`;
    const vector = normalise(Float32Array.from({ length: 64 }, () => Math.random() - 0.5) as JointEmbedding);
    const look = { sha256: randomBytes(32).toString('hex'), perceptualHash: randomBytes(16).toString('hex') };
    points.push({ id: imageId(bucket, key), vector, payload: { ...sample, ...look, key, takenAt: dateOf(i) } });
  }
  const queue = new PQueue({ concurrency: 16 });
  for (let i = 0; i < points.length; i += 1000) await mkdir(join(photos, String(i / 1000)));
  await queue.addAll(
    points.map(
      ({ payload }, i) =>
        () =>
          link(join(server.root, names[i % names.length]!), join(photos, payload.key)),
    ),
  );
  for (let i = 0; i < points.length; i += 1000) await vectors.upsert(points.slice(i, i + 1000), 'newer');
}

/** More in summer than in winter, and more in later years, as in real libraries. */
function dateOf(i: number): string | null {
  if (i % 50 === 0) return null;
  const year = 2024 - Math.floor(datedYears * Math.random() ** 1.5);
  const month = Math.min(11, Math.floor((Math.random() + Math.random()) * 6));
  const second = Math.floor(Math.random() * 28 * 86_400);
  return new Date(Date.UTC(year, month, 1, 0, 0, second)).toISOString().slice(0, -1);
}

async function firstPaint(browser: Browser, url: string): Promise<void> {
  const lcps: number[] = [];
  let shift = 0;
  for (let i = 0; i < 5; i++) {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    await page.addInitScript(() => {
      const seen = { lcp: 0, shift: 0 };
      Object.assign(globalThis, { seen });
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) seen.lcp = entry.startTime;
      }).observe({ type: 'largest-contentful-paint', buffered: true });
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) seen.shift += (entry as unknown as { value: number }).value;
      }).observe({ type: 'layout-shift', buffered: true });
    });
    await page.goto(url);
    await page.waitForTimeout(2500);
    const seen = await page.evaluate(() => (globalThis as unknown as { seen: { lcp: number; shift: number } }).seen);
    lcps.push(seen.lcp);
    shift = Math.max(shift, seen.shift);
    await page.close();
  }
  console.log(`largest contentful paint ${median(lcps).toFixed(0)} ms (limit 1,000), layout shift ${shift.toFixed(4)}`);
}

/** From the first to the last picture: 900 px a second is a fast reader, 6,000 px a second a flicked wheel. */
async function scrolling(browser: Browser, url: string): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.goto(url);
  await page.locator('.tile img.shown').first().waitFor();
  const calm = await frames(page, 15, 20_000);
  const thrown = await frames(page, 400, 240_000);
  const tiles = await page.locator('.grid > li').count();
  const last = await page.locator('.grid > li').last().getAttribute('data-index');
  console.table({ 'steps of 15 px': calm, 'steps of 400 px, to the end': thrown });
  const session = await browser.newBrowserCDPSession();
  // Frees what was shown on the way: an idle tab is what people keep open.
  const own = await page.context().newCDPSession(page);
  await page.waitForTimeout(1000);
  await own.send('HeapProfiler.collectGarbage');
  await page.waitForTimeout(4000);
  const heap = await page.evaluate(
    () => (performance as unknown as { memory: { usedJSHeapSize: number } }).memory.usedJSHeapSize,
  );
  console.log(
    `at picture ${Number(last) + 1}: ${tiles} tiles exist, heap ${mb(heap)} MB, ` +
      `the tab holds ${mb(await largestRenderer(session))} MB of its own (limit 300)`,
  );
  await page.close();
}

/** Scrolls the list by date, and drags its slider from end to end within ten seconds. */
async function byDate(browser: Browser, url: string): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.goto(url);
  await page.locator('.tile img.shown').first().waitFor();
  const jumps: number[] = [];
  for (let i = 0; i < 20; i++) jumps.push(await jump(page, (i * 7) % 20));
  await page.getByRole('slider').press('Home');
  const calm = await frames(page, 15, 20_000);
  const thrown = await frames(page, 400, 60_000);
  await page.getByRole('slider').press('Home');
  const scrubbed = await frames(page, 'slider', 10_000);
  console.table({ 'steps of 15 px': calm, 'steps of 400 px': thrown, 'the slider': scrubbed });
  console.log(
    `from a jump to its first picture ${median(jumps).toFixed(0)} ms, at most ${Math.max(...jumps).toFixed(0)}`,
  );
  await page.close();
}

/** Jumps to one of twenty places in the list; milliseconds until its first picture is drawn. */
async function jump(page: Page, twentieth: number): Promise<number> {
  return page.getByRole('slider').evaluate((slider: HTMLInputElement, twentieth) => {
    slider.valueAsNumber = (Number(slider.max) * (twentieth + 0.5)) / 20;
    slider.dispatchEvent(new InputEvent('input', { bubbles: true }));
    const start = performance.now();
    return new Promise<number>((resolve) => {
      const look = () => {
        const isThere = [...document.querySelectorAll('.tile img.shown')].some((picture) => {
          const { top } = picture.getBoundingClientRect();
          return top > 0 && top < innerHeight;
        });
        if (isThere) resolve(performance.now() - start);
        else requestAnimationFrame(look);
      };
      // Until the next frame, the pictures are those of the previous place.
      requestAnimationFrame(() => requestAnimationFrame(look));
    });
  }, twentieth);
}

interface FrameTimes {
  readonly frames: number;
  readonly 'median ms': number;
  readonly 'p95 ms': number;
  readonly 'max ms': number;
  readonly 'over 50 ms': number;
  /** Time per frame in which the page itself was busy; the rest is painting and other load. */
  readonly 'own work ms': number;
}

/** Scrolls a step per frame, or by the slider, until the end or the time limit; returns frame durations. */
async function frames(page: Page, step: number | 'slider', limitMs: number): Promise<FrameTimes> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const before = await ownWork(session);
  const times = await page.evaluate(
    ({ step, limitMs }) =>
      new Promise<number[]>((resolve) => {
        const times: number[] = [];
        const start = performance.now();
        let before = start;
        let still = 0;
        let y = scrollY;
        const slider = document.querySelector<HTMLInputElement>('.scrubber input');
        const move = (part: number) => {
          if (typeof step === 'number') return scrollBy(0, step);
          slider!.valueAsNumber = part * Number(slider!.max);
          slider!.dispatchEvent(new InputEvent('input', { bubbles: true }));
        };
        const frame = (now: number) => {
          times.push(now - before);
          before = now;
          move((now - start) / limitMs);
          still = scrollY === y ? still + 1 : 0;
          y = scrollY;
          if (still > 120 || now - start > limitMs) resolve(times.slice(1));
          else requestAnimationFrame(frame);
        };
        requestAnimationFrame(frame);
      }),
    { step, limitMs },
  );
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.floor(sorted.length * share)]! * 10) / 10;
  return {
    frames: times.length,
    'median ms': at(0.5),
    'p95 ms': at(0.95),
    'max ms': at(0.9999),
    'over 50 ms': times.filter((time) => time > 50).length,
    'own work ms': Math.round(((await ownWork(session)) - before) / times.length / 0.1) / 10,
  };
}

/** CPU time for script, style and layout so far, in milliseconds. */
async function ownWork(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics');
  const names = ['ScriptDuration', 'RecalcStyleDuration', 'LayoutDuration'];
  return metrics.filter(({ name }) => names.includes(name)).reduce((sum, { value }) => sum + value * 1000, 0);
}

/** Private memory of the largest renderer, the footprint in Chromium's task manager. Bytes; Linux only. */
async function largestRenderer(session: CDPSession): Promise<number> {
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  const sizes = await Promise.all(
    processInfo
      .filter(({ type }) => type === 'renderer')
      .map(async ({ id }) => {
        const status = await readFile(`/proc/${id}/status`, 'utf8').catch(() => '');
        return Number(/RssAnon:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
      }),
  );
  return Math.max(0, ...sizes);
}

function mb(bytes: number): number {
  return Math.round(bytes / 1e6);
}
