import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ApiFault, mayPass } from '../../web/api-error.ts';
import { explain } from '../../web/explain-error.ts';
import {
  formatBytes,
  formatDay,
  formatDuration,
  formatScore,
  formatTaken,
  nameOf,
  offsetOf,
  withSizes,
} from '../../web/format-values.ts';
import { emptyQuery, filterCount, isBrowsing, type Route, routeFromParams, routeToParams } from '../../web/route.ts';

const full: Route = {
  view: 'map',
  query: {
    text: 'a dog & a cat: 50% off?',
    chips: [
      { by: 'text', text: 'people: many #1', weight: -0.5 },
      { by: 'stored', id: '6f1b6f0e-6a2f-5c0b-9d0e-3a4f8f1d7c11', weight: 1.25 },
      { by: 'picture', ref: '0123456789abcdef', weight: 2 },
    ],
    kind: 'any',
    filter: {
      tagsAll: ['beach', 'a,b'],
      colours: ['red', 'monochrome'],
      contentTypes: ['image/png'],
      orientation: 'portrait',
      minBytes: 0,
      maxBytes: 5_000_000,
      takenAfter: '2020-01-01',
      takenBefore: '2021-12-31',
      bucket: 'photos',
      folder: 'Trip/day 2',
      camera: 'Canon EOS 5D',
      lens: 'EF 50mm & more',
      month: '2020-05',
      dayOfYear: '05-31',
    },
    minScore: -0.25,
    lang: 'de',
    sort: '-taken',
  },
  photo: '6f1b6f0e-6a2f-5c0b-9d0e-3a4f8f1d7c11',
};

describe('the address of the page', () => {
  it('says everything and is read back as it was', () => {
    assert.deepEqual(routeFromParams(new URLSearchParams(routeToParams(full).toString())), full);
  });

  it('names the part of the training view, and of no other', () => {
    const data: Route = {
      view: 'training',
      query: { ...emptyQuery, minScore: undefined, lang: undefined, sort: undefined },
      part: 'data',
    };
    assert.equal(routeToParams(data).toString(), 'view=training&part=data');
    assert.deepEqual(routeFromParams(new URLSearchParams('view=training&part=data')), data);
    assert.equal(routeFromParams(new URLSearchParams('view=training&part=other')).part, undefined);
    assert.equal(routeFromParams(new URLSearchParams('part=data')).part, undefined);
  });

  it('leaves out what cannot be the id of a picture', () => {
    assert.equal(routeFromParams(new URLSearchParams('photo=<script>')).photo, undefined);
  });

  it('is empty for the first view', () => {
    const start: Route = {
      view: 'search',
      query: { ...emptyQuery, minScore: undefined, lang: undefined, sort: undefined },
    };
    assert.equal(routeToParams(start).toString(), '');
    assert.deepEqual(routeFromParams(new URLSearchParams('')), start);
  });

  it('leaves out what makes no sense', () => {
    const nonsense =
      'view=elsewhere&kind=sound&sort=size&folder=&score=7&min=-1&max=x&after=soon&shape=round' +
      '&month=5&dayOfYear=13-01&like=9:x&like=0:x&like=x&with=1:&picture=__proto__&like=-1:ok';
    const { view, query } = routeFromParams(new URLSearchParams(nonsense));
    assert.equal(view, 'search');
    assert.deepEqual(query, {
      text: '',
      chips: [{ by: 'stored', id: 'ok', weight: -1 }],
      kind: 'image',
      filter: {},
      minScore: undefined,
      lang: undefined,
      sort: undefined,
    });
  });

  it('holds no more parts than the API takes', () => {
    const many = Array.from({ length: 20 }, (_, i) => `with=1:w${i}`).join('&');
    assert.equal(routeFromParams(new URLSearchParams(many)).query.chips.length, 7);
  });

  it('knows whether there is something to search for', () => {
    assert.equal(isBrowsing(emptyQuery), true);
    assert.equal(isBrowsing({ ...emptyQuery, text: '  ' }), true);
    assert.equal(isBrowsing({ ...emptyQuery, chips: [{ by: 'text', text: 'people', weight: -1 }] }), false);
    assert.equal(isBrowsing(full.query), false);
    assert.equal(filterCount(full.query), 15);
  });
});

describe('what people read', () => {
  it('has sizes, scores and names as they are written', () => {
    assert.deepEqual([0, 999, 1000, 1234567, 12_345_678, 999_999].map(formatBytes), [
      '0 B',
      '999 B',
      '1.0 kB',
      '1.2 MB',
      '12 MB',
      '1.0 MB',
    ]);
    assert.deepEqual([0, 59, 60, 3661, 90_061].map(formatDuration), ['0 s', '59 s', '1 min', '1 h 1 min', '1 d 1 h']);
    assert.deepEqual([0.314, -0.314, -0.001, 1].map(formatScore), ['0.31', '\u22120.31', '0.00', '1.00']);
    assert.equal(withSizes('expected at most 52428800 bytes, got 60000000'), 'expected at most 52 MB, got 60 MB');
    assert.equal(withSizes('expected 3 bytes, got 2'), 'expected 3 bytes, got 2');
    assert.deepEqual(['a/b/c.jpg', 'c.jpg', ''].map(nameOf), ['c.jpg', 'c.jpg', '']);
  });

  it('has dates by the clock of the place where a picture was taken, wherever they are read', () => {
    const zone = process.env.TZ;
    for (process.env.TZ of ['America/Los_Angeles', 'UTC', 'Asia/Tokyo']) {
      for (const end of ['', 'Z', '.000Z', '+09:00', '.000-08:00']) {
        assert.match(formatTaken(`2019-07-05T23:30:00${end}`), /Jul 5, 2019, 11:30\sPM/);
        assert.equal(formatDay(`2020-01-01T00:10:00${end}`), 'Jan 1, 2020');
      }
      assert.equal(formatDay('2020-01-01'), 'Jan 1, 2020');
    }
    process.env.TZ = zone ?? '';
    assert.equal(formatTaken('long ago'), 'long ago');
    const offsets = ['2019-07-05T23:30:00.000+02:00', '2019-07-05T23:30:00Z', '2019-07-05T23:30:00', '2019-07-05'];
    assert.deepEqual(offsets.map(offsetOf), ['UTC+02:00', 'UTC', undefined, undefined]);
  });

  it('has advice for every fault', () => {
    for (const status of [400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 500, 503]) {
      const { title, advice } = explain(new ApiFault('refused', 'the detail', { status }));
      assert.ok(title.length > 5 && advice.length > 5, String(status));
    }
    for (const kind of ['unreachable', 'timeout', 'unexpected-answer'] as const) {
      assert.ok(explain(new ApiFault(kind, 'x')).advice.length > 20);
    }
    assert.match(explain(new TypeError('x is not a function')).advice, /Reload/);
  });

  it('tells what may pass by itself from what will not', () => {
    const passes = (status: number) => mayPass(new ApiFault('refused', '', { status }));
    assert.deepEqual([400, 401, 404, 413, 415, 422].map(passes), [false, false, false, false, false, false]);
    assert.deepEqual([408, 429, 500, 503].map(passes), [true, true, true, true]);
    assert.equal(mayPass(new ApiFault('unreachable', '')), true);
    assert.equal(mayPass(new Error('bug')), false);
  });
});
