import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Calibration, loadCalibration } from '../../../core/search/calibration.ts';
import { bestFit, classEvidence, evidence, fitOf, meantClasses } from '../../../core/search/result-fit.ts';
import { tempFolder } from '../../support/temp-folder.ts';

describe('how well a picture fits', () => {
  const folder = tempFolder();

  const bounds = { poor: { atOne: -1, perLog: 0.5 }, good: { atOne: 0, perLog: 0.5 } };
  const calibration: Calibration = { temperature: 0.5, ...bounds, others: Float32Array.of(1, 0, 0, 1), classes: null };

  it('is the log-odds of the query against the other texts', () => {
    // cosine 0.8; the others have 0.6 and 0.8: 0.8 / 0.5 - ln(e^1.2 + e^1.6)
    const expected = 1.6 - Math.log(Math.exp(1.2) + Math.exp(1.6));
    assert.ok(Math.abs(evidence(calibration, 0.8, Float32Array.of(0.6, 0.8)) - expected) < 1e-6);
  });

  const classes = { temperature: 0.1, ...bounds, names: Float32Array.of(1, 0, 0, -1), count: 2 };

  it('grows with the share of the class that the query means', () => {
    const meant = meantClasses(classes, Float32Array.of(0.8, -0.6));
    // 0.8 / 0.1 against 0.6 / 0.1
    assert.ok(Math.abs(meant[0]! - 1 / (1 + Math.exp(-2))) < 1e-6);
    const values = [0.9, 0.1, 0].map((share) => classEvidence(meant, [{ index: 0, share }]));
    assert.deepEqual(
      values.toSorted((a, b) => b - a),
      values,
    );
    assert.ok(Math.abs(values[2]! - Math.log(1e-4)) < 1e-9);
    // A class without a name here.
    assert.equal(classEvidence(meant, [{ index: 7, share: 1 }]), values[2]);
  });

  it('is that of the first pictures of an answer, best first', () => {
    assert.equal(bestFit(['poor', undefined, 'fair', 'poor']), 'fair');
    assert.equal(bestFit([...Array(5).fill('poor'), 'good']), 'poor');
    assert.equal(bestFit([undefined]), undefined);
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
    const names = { path: 'a.i8', rows: 2, scale: 0.5 };
    await writeFile(join(folder, 'a.i8'), Int8Array.of(2, 0, 0, -2));
    const known = { ...file, classes: { temperature: 0.1, ...bounds, names } };
    await writeFile(join(folder, 'calibration-a.json'), JSON.stringify(known));
    assert.deepEqual((await loadCalibration(folder, 'a', 2))?.classes, classes);
    await writeFile(join(folder, 'calibration-a.json'), '{}');
    await assert.rejects(loadCalibration(folder, 'a', 2), { code: 'invalid-config', message: /calibration-a\.json/ });
  });
});
