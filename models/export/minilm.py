"""Builds all-MiniLM-L6-v2 as a graph of onnxruntime's int8 operators from the published weights."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper
from safetensors.numpy import load_file

from graph import Graph
from store import quantise

# Weights from -63 to 63: with larger ones, two products overflow the 16 bits in which processors without VNNI add them.
LARGEST = 63
EPS = 1e-12
OUTPUT = "last_hidden_state"


class Weights:
    def __init__(self, folder: Path):
        self.tensors = load_file(folder / "model.safetensors")
        self.config = json.loads((folder / "config.json").read_text())

    def __call__(self, name: str) -> np.ndarray:
        return self.tensors[name]

    def matrix(self, *names: str) -> np.ndarray:
        """[in, out], concatenated."""
        return np.concatenate([self.tensors[f"{name}.weight"].T for name in names], axis=1)


def build(folder: Path) -> onnx.ModelProto:
    """input_ids [batch, sequence], rows of equal length, to the embeddings before attention and the last states."""
    graph, weights = Graph(), Weights(folder)
    state = embed(graph, weights)
    layers = weights.config["num_hidden_layers"]
    for at in range(layers):
        state = layer(graph, weights, state, at, OUTPUT if at == layers - 1 else f"l{at}.states")
    shape = ["batch", "sequence", weights.config["hidden_size"]]
    names = (OUTPUT, "word_states")
    named = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in names]
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "sequence"])
    made = helper.make_graph(graph.nodes, "all-MiniLM-L6-v2", [ids], named, graph.constants)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(made, opset_imports=opsets, ir_version=9, producer_name="sightline")


def embed(graph: Graph, weights: Weights) -> str:
    """Word and position embeddings; the table is int8 with one scale per row."""
    at = "embeddings"
    values, scales = quantise(weights(f"{at}.word_embeddings.weight"), axis=1)
    rows = graph.node("Gather", [graph.constant("words.w", values), "input_ids"], "words.rows", "")
    wide = graph.node("Cast", [rows], "words.wide", "", to=TensorProto.FLOAT)
    factors = graph.node("Gather", [graph.constant("words.s", scales), "input_ids"], "words.factors", "")
    words = graph.node("Mul", [wide, factors], "words", "")
    places = weights(f"{at}.position_embeddings.weight") + weights(f"{at}.token_type_embeddings.weight")[0]
    length = graph.node("Shape", ["input_ids"], "length", "", start=1, end=2)
    zero = graph.constant("zero", np.array([0]))
    places = graph.node("Slice", [graph.constant("places.w", places), zero, length, zero], "places", "")
    norm = [graph.constant(f"words.norm.{one}", weights(f"{at}.LayerNorm.{one}")) for one in ("weight", "bias")]
    total = graph.node("Add", [words, places], "words.sum", "")
    return graph.node("LayerNormalization", [total, *norm], "word_states", "", axis=-1, epsilon=EPS)


def layer(graph: Graph, weights: Weights, state: str, number: int, output: str) -> str:
    at = f"encoder.layer.{number}"

    def vector(name: str, *parts: str) -> str:
        return graph.constant(f"l{number}.{name}", np.concatenate([weights(f"{at}.{part}") for part in parts]))

    def linear(state: str, name: str, *parts: str) -> str:
        """[..., in] to [..., out] with one scale per output channel; the input is quantised by its own range."""
        values, scales = quantise(weights.matrix(*(f"{at}.{part}" for part in parts)), axis=0, largest=LARGEST)
        named = f"l{number}.{name}"
        stored = [graph.constant(f"{named}.w", values), graph.constant(f"{named}.s", scales.reshape(-1))]
        bias = vector(f"{name}.b", *(f"{part}.bias" for part in parts))
        return graph.node("DynamicQuantizeMatMul", [state, *stored, "", bias], named)

    def add_and_norm(state: str, other: str, part: str, output: str) -> str:
        # With Add, onnxruntime would fuse both into SkipLayerNormalization, which takes twice as long as these two.
        total = graph.node("Sum", [state, other], f"l{number}.{part}.sum", "")
        norms = [vector(f"{part}.{name}", f"{part}.LayerNorm.{name}") for name in ("weight", "bias")]
        return graph.node("LayerNormalization", [total, *norms], output, "", axis=-1, epsilon=EPS)

    three = [f"attention.self.{one}" for one in ("query", "key", "value")]
    parts = graph.split(linear(state, "three", *three), [f"l{number}.{one}" for one in "qkv"], f"l{number}.split")
    heads = weights.config["num_attention_heads"]
    looked = graph.node("MultiHeadAttention", parts, f"l{number}.looked", num_heads=heads)
    looked = linear(looked, "joined", "attention.output.dense")
    state = add_and_norm(looked, state, "attention.output", f"l{number}.attended")
    wide = graph.node("Gelu", [linear(state, "wide", "intermediate.dense")], f"l{number}.active")
    return add_and_norm(linear(wide, "narrow", "output.dense"), state, "output", output)
