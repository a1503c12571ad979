"""Moves a model's weights to a file beside it, which onnxruntime memory-maps instead of keeping a parsed copy.

    python external_weights.py ../all-minilm-l6-v2-int8/model.onnx

Prints the SHA-256 of the original file, as `sameAs` in models/manifest.json: that of the model with its weights
inlined.
"""

import hashlib
import sys
from pathlib import Path

import onnx
from onnx.external_data_helper import convert_model_to_external_data, load_external_data_for_model

WEIGHTS = "model.weights"
# Smaller tensors are read immediately and stay in the graph.
SMALLEST = 1024


def save(model: onnx.ModelProto, path: Path) -> None:
    (path.parent / WEIGHTS).unlink(missing_ok=True)
    convert_model_to_external_data(model, location=WEIGHTS, size_threshold=SMALLEST)
    onnx.save(model, path)
    (path.parent / WEIGHTS).chmod(0o644)


def whole(path: Path) -> bytes:
    model = onnx.load(path, load_external_data=False)
    load_external_data_for_model(model, str(path.parent))
    for tensor in model.graph.initializer:
        tensor.ClearField("data_location")
    return model.SerializeToString()


def main() -> int:
    path = Path(sys.argv[1])
    before = path.read_bytes()
    save(onnx.load_from_string(before), path)
    after = whole(path)
    result = "ok  " if after == before else "FAIL"
    print(f"{result} with its weights put back: sha256 {hashlib.sha256(after).hexdigest()}")
    return 0 if after == before else 1


if __name__ == "__main__":
    sys.exit(main())
