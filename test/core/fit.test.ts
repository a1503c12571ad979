import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Calibration, evidence, fitOf, loadCalibration } from '../../core/fit.ts';

describe('how well a picture fits', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fit-'));
  });
  after(() => rm(folder, { recursive: true }));

  const bounds = { poor: { atOne: -1, perLog: 0.5 }, good: { atOne: 0, perLog: 0.5 } };
  const calibration: Calibration = { temperature: 0.5, ...bounds, others: Float32Array.of(1, 0, 0, 1) };

  it('is the log-odds of the query against the other texts', () => {
    // cosine 0.8; the others have 0.6 and 0.8: 0.8 / 0.5 - ln(e^1.2 + e^1.6)
    const expected = 1.6 - Math.log(Math.exp(1.2) + Math.exp(1.6));
    assert.ok(Math.abs(evidence(calibration, 0.8, Float32Array.of(0.6, 0.8)) - expected) < 1e-6);
  });

  it('asks more of the best of many than of the best of few', () => {
    assert.deepEqual(
      [-1.1, -0.9, 0.1].map((value) => fitOf(calibration, value, 1)),
      ['poor', 'fair', 'good'],
    );
    assert.equal(fitOf(calibration, 0.1, 100), 'poor');
    assert.equal(fitOf(calibration, 0.1, 0), 'good');
  });

  it('is not claimed without a calibration, and a damaged one is named', async () => {
    assert.equal(await loadCalibration(folder, 'none', 2), null);
    const file = { format: 1, temperature: 0.5, ...bounds, others: { path: 'a.f16', rows: 2 }, madeOf: {} };
    await writeFile(join(folder, 'calibration-a.json'), JSON.stringify(file));
    await writeFile(join(folder, 'a.f16'), new Uint8Array(Float16Array.of(1, 0, 0, 1).buffer));
    assert.deepEqual(await loadCalibration(folder, 'a', 2), calibration);
    await assert.rejects(loadCalibration(folder, 'a', 3), {
      code: 'invalid-config',
      message: /expected 12 bytes in .*a\.f16, got 8; make it again: sightline evaluate --calibrate/,
    });
    await writeFile(join(folder, 'calibration-a.json'), '{}');
    await assert.rejects(loadCalibration(folder, 'a', 2), { code: 'invalid-config', message: /calibration-a\.json/ });
  });
});
