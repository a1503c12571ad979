"""The photos and captions that int8.py calibrates with, as the encoders see them."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from onnxruntime.quantization import CalibrationDataReader
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


def photos(data: Path) -> Iterator[dict]:
    """Squashed to 297 pixels and cut to 260 in the middle, as efficientnet-lite2 sees them."""
    for pair in train_lines(data):
        picture = Image.open(data / "images" / pair["image"]).convert("RGB")
        picture = picture.resize((297, 297), Image.Resampling.BICUBIC)
        pixels = np.asarray(picture.crop((18, 18, 278, 278)), np.float32)
        yield {"pixel_values": ((pixels - 127) / 128).transpose(2, 0, 1)[None]}


def captions(data: Path) -> Iterator[dict]:
    tokenizer = Tokenizer.from_file(str(HERE.parent / "all-minilm-l6-v2" / "tokenizer.json"))
    for pair in train_lines(data):
        ids = np.array([tokenizer.encode(pair["captions"][0]).ids], np.int64)
        yield {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}


def calibration(kind: str, data: Path) -> Feeds:
    if kind == "text":
        return Feeds(captions(data))
    return Feeds(photos(data))
