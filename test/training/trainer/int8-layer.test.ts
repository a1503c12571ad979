import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OnnxGraph } from '../../../core/onnx/graph-builder.ts';
import { float32, loadOnnx } from '../../../core/onnx/onnx-session.ts';
import { Random } from '../../../training/random.ts';
import { addInt8Layer, type Int8Layer } from '../../../training/trainer/int8-layer.ts';

async function run(layer: Int8Layer, rows: readonly Float32Array[]): Promise<Float32Array[]> {
  const graph = new OnnxGraph();
  const out = layer.weight.length / layer.width;
  const input = graph.input('input', 'float32', ['n', layer.width]);
  graph.output('output', addInt8Layer(graph, input, layer), 'float32', ['n', out]);
  const onnx = await loadOnnx(graph.toBytes(), { threads: 1 });
  const data = Float32Array.from(rows.flatMap((row) => [...row]));
  const answer = await onnx.run({ input: float32(data, [rows.length, layer.width]) });
  const values = answer.output!.data as Float32Array;
  await onnx.release();
  return rows.map((_, r) => values.slice(r * out, (r + 1) * out));
}

const random = new Random(1, 'int8 layer');
const normal = (length: number) => Float32Array.from({ length }, () => random.normal());

describe('a layer with weights of one byte', () => {
  const width = 700;
  const layer: Int8Layer = { weight: normal(24 * width), bias: normal(24), width };
  const exact = (row: Float32Array) =>
    Array.from({ length: 24 }, (_, o) =>
      row.reduce((sum, x, i) => sum + x * layer.weight[o * width + i]!, layer.bias![o]!),
    );

  it('is as near to the exact layer as its steps allow', async () => {
    const row = normal(width);
    const [answer] = await run(layer, [row]);
    // Both are rounded to steps of about 3 / 64 and 3 / 127, each with an error of a step over the square root of 12.
    const sigma = Math.sqrt(width * ((4 / 64) ** 2 / 12 + (4 / 127) ** 2 / 12));
    for (const [o, value] of exact(row).entries()) {
      assert.ok(Math.abs(value - answer![o]!) < 5 * sigma, `${o}: expected ${value}, got ${answer![o]}`);
    }
  });

  it('answers for a row the same whatever stands beside it', async () => {
    const rows = Array.from({ length: 9 }, (_, r) => normal(width).map((x) => x * 10 ** (r - 4)));
    const together = await run(layer, rows);
    for (const [r, row] of rows.entries()) assert.deepEqual(await run(layer, [row]), [together[r]]);
  });

  it('adds up the largest products that there can be without cutting any off', async () => {
    const same = (value: number) => new Float32Array(width).fill(value);
    const both = { weight: Float32Array.from([...same(0.5), ...same(-0.5)]), bias: null, width };
    const answers = await run(both, [same(2), same(-2)]);
    for (const [r, sign] of [1, -1].entries()) {
      for (const [o, expected] of [sign * width, -sign * width].entries()) {
        assert.ok(Math.abs(answers[r]![o]! / expected - 1) < 1e-5, `${r}, ${o}: ${answers[r]![o]}`);
      }
    }
  });

  it('is zero for zeros, and takes no rows at all', async () => {
    assert.deepEqual(
      [...(await run({ ...layer, bias: null }, [new Float32Array(width)]))[0]!].map(Math.abs),
      Array(24).fill(0),
    );
    assert.deepEqual(await run(layer, []), []);
  });
});
