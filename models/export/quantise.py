"""Builds quantised variants of an encoder for bench/quantise.ts to measure. Requires the files from export.py --float32.

    python quantise.py text  all-minilm-l6-v2-fp32.onnx    --data DIR --out VARIANTS
    python quantise.py image efficientnet-lite2-fp32.onnx  --data DIR --out VARIANTS
    python quantise.py image mobilenet_v2_1.0_224.onnx     --data DIR --out VARIANTS

DIR contains images/ and captions.jsonl, as for npm run train; split "train" is used for calibration. Writes
VARIANTS/ENCODER/fp32.onnx, dynamic-int8.onnx, static-int8.onnx, and for text dynamic-int8-fused.onnx.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from PIL import Image
from tokenizers import Tokenizer

HERE = Path(__file__).resolve().parent
CALIBRATION = 200


class Feeds(CalibrationDataReader):
    def __init__(self, feeds: Iterator[dict[str, np.ndarray]]):
        self.feeds = feeds

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.feeds, None)


def train_lines(data: Path) -> Iterator[dict]:
    found = 0
    for line in (data / "captions.jsonl").open():
        pair = json.loads(line)
        if pair["split"] == "train" and found < CALIBRATION:
            found += 1
            yield pair


def photos(data: Path, crop: int, resize: int, squash: bool, kernel: int, scaling: tuple[float, float]) -> Iterator[dict]:
    mean, std = scaling
    for pair in train_lines(data):
        picture = Image.open(data / "images" / pair["image"]).convert("RGB")
        width, height = picture.size
        short = min(width, height)
        size = (resize, resize) if squash else (resize * width // short, resize * height // short)
        picture = picture.resize(size, kernel)
        left, top = (picture.width - crop) // 2, (picture.height - crop) // 2
        pixels = np.asarray(picture.crop((left, top, left + crop, top + crop)), np.float32)
        yield {"pixel_values": ((pixels - mean) / std).transpose(2, 0, 1)[None]}


def captions(data: Path) -> Iterator[dict]:
    tokenizer = Tokenizer.from_file(str(HERE.parent / "all-minilm-l6-v2" / "tokenizer.json"))
    for pair in train_lines(data):
        ids = np.array([tokenizer.encode(pair["captions"][0]).ids], np.int64)
        yield {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}


def calibration(kind: str, name: str, data: Path) -> Feeds:
    if kind == "text":
        return Feeds(captions(data))
    if name == "efficientnet-lite2":
        return Feeds(photos(data, 260, 297, True, Image.Resampling.BICUBIC, (127, 128)))
    return Feeds(photos(data, 224, 256, False, Image.Resampling.BILINEAR, (127.5, 127.5)))


def ends(path: Path) -> list[str]:
    """The first and the last convolution and everything after it: a few operators that cause most of the error."""
    nodes = list(onnx.load(path).graph.node)
    convolutions = [node.name for node in nodes if node.op_type == "Conv"]
    return [convolutions[0], convolutions[-1]] + [node.name for node in nodes if node.op_type == "Gemm"]


def fuse(source: Path, target: Path) -> None:
    """Fuses attention, layer norms and activations into one operator each; the embeddings before attention stay an output."""
    from onnxruntime.transformers.fusion_options import FusionOptions
    from onnxruntime.transformers.optimizer import optimize_model

    options = FusionOptions("bert")
    options.enable_embed_layer_norm = False
    model = optimize_model(str(source), "bert", num_heads=12, hidden_size=384, optimization_options=options)
    print({name: count for name, count in model.get_fused_operator_statistics().items() if count})
    model.save_model_to_file(str(target))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["text", "image"])
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    name = options.model.stem.removesuffix("-fp32")
    out = options.out / name
    out.mkdir(parents=True, exist_ok=True)
    shutil.copy(options.model, out / "fp32.onnx")
    with tempfile.TemporaryDirectory() as work:
        ready = Path(work) / "ready.onnx"
        # Not every version can infer BERT's symbolic shapes; the quantiser works without them.
        quant_pre_process(str(options.model), str(ready), skip_symbolic_shape=options.kind == "text")
        kinds = ["MatMul", "Gemm"] if options.kind == "text" else ["Conv", "Gemm", "MatMul"]
        # Types behind fused operators are not inferred; everything here is float32.
        types = dict(extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})
        dynamic = types | dict(per_channel=True, weight_type=QuantType.QInt8, op_types_to_quantize=kinds)
        # Unsigned weights for convolutions quantised at run time: ConvInteger accepts no signed ones on this processor.
        if options.kind == "image":
            dynamic |= dict(weight_type=QuantType.QUInt8, per_channel=False)
        quantize_dynamic(str(ready), str(out / "dynamic-int8.onnx"), **dynamic)
        if options.kind == "text":
            fused = Path(work) / "fused.onnx"
            fuse(options.model, fused)
            fused_kinds = dict(op_types_to_quantize=["MatMul", "Attention"])
            quantize_dynamic(str(fused), str(out / "dynamic-int8-fused.onnx"), **(dynamic | fused_kinds))
        quantize_static(
            str(ready),
            str(out / "static-int8.onnx"),
            calibration(options.kind, name, options.data),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["MatMul"] if options.kind == "text" else None,
            nodes_to_exclude=[] if options.kind == "text" else ends(ready),
        )
    for path in sorted(out.glob("*.onnx")):
        print(f"{path}: {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
