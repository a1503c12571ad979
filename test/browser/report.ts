import type { Report } from '../../functions/http/report-file.ts';
import type { TrainingReport } from '../../web/state/training.ts';

/** A report from `npm run report`, reduced to what the page shows: three pictures, one of them in another split. */

const names = ['boat.jpg', 'street.jpg', '<img src=x onerror=alert(1)>.jpg'];

const data: TrainingReport = {
  title: 'head-test on samples, val',
  split: 'val',
  evaluated: 2,
  runs: [{ space: 'feedfeedfeedfeed' }],
  vectors: { dimension: 4, images: Buffer.from([127, 0, 0, 0, 0, 127, 0, 0]).toString('base64') },
  pictures: names.map((image, i) => ({
    image,
    split: i < 2 ? 'val' : 'train',
    thumbnail: null,
    captions: [`caption of ${image}`, `another one of ${image}`],
    scores: [0.5, 0.25],
    found:
      i < 2
        ? {
            pictureRanks: [1 + i, 30],
            captionRanks: [2 + i * 20, 40],
            topCaptions: [
              [1, 0, 0.6],
              [0, 1, 0.5],
            ],
          }
        : null,
  })),
};

export function sampleReport(): Report {
  const json = JSON.stringify(data).replaceAll('<', '\\u003c');
  const html = `<!doctype html><html lang="en"><title>r</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'sha256-x'">
<style>body { color: red }</style>
<script type="application/json" id="data">${json}</script></html>`;
  return { version: async () => '1', read: async () => new Uint8Array(Buffer.from(html)) };
}
