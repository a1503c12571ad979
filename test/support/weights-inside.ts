import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs/light.js';
import type { TextEncoderEntry } from '../../core/encode/manifest-encoder.ts';

/** Field numbers in onnx.proto3: of ModelProto, GraphProto, TensorProto, and external_data entries. */
const GRAPH = 7;
const INITIALIZER = 5;
const [RAW_DATA, EXTERNAL_DATA, DATA_LOCATION] = [9, 13, 14];
const [KEY, VALUE] = [1, 2];
const BYTES = 2;

interface Field {
  readonly id: number;
  /** The raw bytes in the message, including the tag. */
  readonly whole: Uint8Array;
  /** Content of a bytes field. */
  readonly bytes: Uint8Array;
}

/** Merges a text encoder and its external weights into the original single file. */
export function weightsInside(folder: string, { files }: TextEncoderEntry): Uint8Array {
  const model = readFileSync(join(folder, files.model.path));
  if (files.weights === undefined) return model;
  const weights = readFileSync(join(folder, files.weights.path));
  const tensor = (field: Field) => withBytes(field, [...ownFields(field.bytes, weights)]);
  const graph = (field: Field) =>
    withBytes(
      field,
      fieldsOf(field.bytes).map((inner) => (inner.id === INITIALIZER ? tensor(inner) : inner.whole)),
    );
  return Buffer.concat(fieldsOf(model).map((field) => (field.id === GRAPH ? graph(field) : field.whole)));
}

/** The fields of a tensor, with its data from `weights` inlined. */
function* ownFields(tensor: Uint8Array, weights: Uint8Array): Generator<Uint8Array> {
  const fields = fieldsOf(tensor);
  const entries = fields
    .filter(({ id }) => id === EXTERNAL_DATA)
    .map(({ bytes }) => {
      const text = (id: number) => Buffer.from(fieldsOf(bytes).find((field) => field.id === id)!.bytes).toString();
      return [text(KEY), text(VALUE)] as const;
    });
  for (const { id, whole } of fields) if (id !== EXTERNAL_DATA && id !== DATA_LOCATION) yield whole;
  if (entries.length === 0) return;
  const { offset, length } = Object.fromEntries(entries);
  const data = weights.subarray(Number(offset), Number(offset) + Number(length));
  yield withBytes({ id: RAW_DATA }, [data]);
}

function withBytes({ id }: Pick<Field, 'id'>, parts: readonly Uint8Array[]): Uint8Array {
  const bytes = Buffer.concat(parts);
  const tag = protobuf.Writer.create()
    .uint32((id << 3) | BYTES)
    .uint32(bytes.length)
    .finish();
  return Buffer.concat([tag, bytes]);
}

function fieldsOf(message: Uint8Array): Field[] {
  const reader = protobuf.Reader.create(message);
  const fields: Field[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const tag = reader.uint32();
    const content = reader.pos;
    reader.skipType(tag & 7);
    let bytes = new Uint8Array(0);
    if ((tag & 7) === BYTES) {
      const inner = protobuf.Reader.create(message.subarray(content, reader.pos));
      const length = inner.uint32();
      bytes = message.subarray(reader.pos - length, reader.pos) as Uint8Array<ArrayBuffer>;
    }
    fields.push({ id: tag >>> 3, whole: message.subarray(start, reader.pos), bytes });
  }
  return fields;
}
