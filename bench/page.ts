// npm run bench -- page
// Size and build time of the page; first picture, scrolling and memory with 10,000 pictures in a real browser.
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import PQueue from 'p-queue';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { imageId } from '../core/index-image.ts';
import type { ImagePayload, JointEmbedding } from '../core/types.ts';
import { normalise } from '../core/vector-arithmetic.ts';
import { buildPage } from '../server/build-page.ts';
import { launchBrowser } from '../test/browser/browser.ts';
import { type PageServer, pageServer, sampleNames, samplePath } from '../test/browser/server.ts';

const pictures = 10_000;

export async function run(): Promise<void> {
  await buildAndSize();
  const server = await pageServer({}, 23);
  const browser = await launchBrowser();
  try {
    await fill(server, pictures);
    await firstPaint(browser, server.url);
    await scrolling(browser, server.url);
  } finally {
    await browser.close();
    await server.close();
  }
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

/** The sample photos, made small, under as many keys and with vectors of their own; nothing is embedded. */
export async function fill(server: PageServer, pictures: number): Promise<void> {
  const { vectors, buckets, thumbnail } = server.deps;
  const objects = [...buckets.values()][0]!;
  const small = await Promise.all(
    (await sampleNames()).map(async (name) => (await thumbnail(await readFile(samplePath(name)), 320)).bytes),
  );
  const { items } = await vectors.list({ filter: {}, limit: 100, order: 'id' });
  const points = [];
  for (let i = 0; i < pictures; i++) {
    const sample = items[i % items.length]!.payload as ImagePayload;
    const key = `many/${String(i).padStart(5, '0')}-${sample.key}`;
    const vector = normalise(Float32Array.from({ length: 64 }, () => Math.random() - 0.5) as JointEmbedding);
    points.push({ id: imageId(objects.bucket, key), vector, payload: { ...sample, key } });
  }
  const queue = new PQueue({ concurrency: 16 });
  await queue.addAll(
    points.map(
      ({ payload }, i) =>
        () =>
          objects.put(payload.key, small[i % small.length]!),
    ),
  );
  for (let i = 0; i < points.length; i += 1000) await vectors.upsert(points.slice(i, i + 1000), 'newer');
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

/** From the first to the last picture, 900 px a second being a fast reader and 6,000 px a second a thrown wheel. */
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
  // What was shown on the way is the collector's; a tab that rests is what people keep open.
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

interface FrameTimes {
  readonly frames: number;
  readonly 'median ms': number;
  readonly 'p95 ms': number;
  readonly 'max ms': number;
  readonly 'over 50 ms': number;
  /** Time a frame in which the page itself was busy; the rest is painting, the machine and its other users. */
  readonly 'own work ms': number;
}

/** Scrolls a step each frame until the end or the time is up; how long frames took. */
async function frames(page: Page, step: number, limitMs: number): Promise<FrameTimes> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const before = await ownWork(session);
  const times = await page.evaluate(
    ([step, limitMs]) =>
      new Promise<number[]>((resolve) => {
        const times: number[] = [];
        const start = performance.now();
        let before = start;
        let still = 0;
        let y = scrollY;
        const frame = (now: number) => {
          times.push(now - before);
          before = now;
          scrollBy(0, step!);
          still = scrollY === y ? still + 1 : 0;
          y = scrollY;
          if (still > 120 || now - start > limitMs!) resolve(times.slice(1));
          else requestAnimationFrame(frame);
        };
        requestAnimationFrame(frame);
      }),
    [step, limitMs],
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

/** Milliseconds of processor time for script, style and layout so far. */
async function ownWork(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics');
  const names = ['ScriptDuration', 'RecalcStyleDuration', 'LayoutDuration'];
  return metrics.filter(({ name }) => names.includes(name)).reduce((sum, { value }) => sum + value * 1000, 0);
}

/** Private memory of the largest renderer: what Chromium's task manager calls its footprint. Bytes; Linux only. */
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

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

function mb(bytes: number): number {
  return Math.round(bytes / 1e6);
}
