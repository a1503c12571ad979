"""Stores the weights of an ONNX model in fewer bytes and expands them in the graph, which computes in float32."""

import numpy as np
import onnx
from onnx import helper, numpy_helper

# Smaller tensors (biases, norms) are not worth a node.
SMALLEST = 256


def _constants(graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    return {one.name: numpy_helper.to_array(one) for one in graph.initializer}


def _replace(graph: onnx.GraphProto, name: str, stored: dict[str, np.ndarray]) -> None:
    kept = [one for one in graph.initializer if one.name != name]
    del graph.initializer[:]
    graph.initializer.extend(kept + [numpy_helper.from_array(value, key) for key, value in stored.items()])


def _insert(graph: onnx.GraphProto, at: int, nodes: list[onnx.NodeProto]) -> None:
    for offset, node in enumerate(nodes):
        graph.node.insert(at + offset, node)


def quantise(matrix: np.ndarray, axis: int, largest: int = 127) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric int8 with one scale along `axis`: values from -`largest` to `largest`, and the scales."""
    scale = np.abs(matrix).max(axis=axis, keepdims=True) / largest
    scale = np.maximum(scale, np.finfo(np.float32).tiny).astype(np.float32)
    return np.clip(np.round(matrix / scale), -largest, largest).astype(np.int8), scale


def store_int8(model: onnx.ModelProto) -> None:
    """Matrices with one scale per output channel; embeddings with one per row, applied after the lookup."""
    graph = model.graph
    constants = _constants(graph)
    for node in [one for one in graph.node if one.op_type in ("MatMul", "Gather")]:
        at = list(graph.node).index(node)
        if node.op_type == "MatMul" and node.input[1] in constants:
            name = node.input[1]
            values, scale = quantise(constants[name], axis=0)
            _replace(graph, name, {f"{name}_q": values, f"{name}_s": scale})
            cast = helper.make_node("Cast", [f"{name}_q"], [f"{name}_c"], to=onnx.TensorProto.FLOAT)
            _insert(graph, at, [cast, helper.make_node("Mul", [f"{name}_c", f"{name}_s"], [name])])
        if node.op_type == "Gather" and constants.get(node.input[0], np.empty(0)).size > 2 * SMALLEST * 4:
            (name, ids), (output,) = node.input, node.output
            values, scale = quantise(constants[name], axis=1)
            _replace(graph, name, {f"{name}_q": values, f"{name}_s": scale})
            graph.node.remove(node)
            rows, factors = f"{output}_g", f"{output}_s"
            _insert(
                graph,
                at,
                [
                    helper.make_node("Gather", [f"{name}_q", ids], [rows]),
                    helper.make_node("Cast", [rows], [f"{output}_c"], to=onnx.TensorProto.FLOAT),
                    helper.make_node("Gather", [f"{name}_s", ids], [factors]),
                    helper.make_node("Mul", [f"{output}_c", factors], [output]),
                ],
            )


def fold_pads(model: onnx.ModelProto, pads: list[list[int]]) -> None:
    """Merges padding nodes into the following convolutions, given in execution order, and removes unused nodes."""
    graph = model.graph
    makers = {output: node for node in graph.node for output in node.output}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    padded = [node for node in convolutions if makers.get(node.input[0], node).op_type == "Pad"]
    for conv, own in zip(padded, pads, strict=True):
        conv.input[0] = makers[conv.input[0]].input[0]
        next(one for one in conv.attribute if one.name == "pads").ints[:] = own
    wanted = {output.name for output in graph.output}
    for node in reversed(list(graph.node)):
        if wanted.isdisjoint(node.output):
            graph.node.remove(node)
        else:
            wanted.update(node.input)


def store_half(model: onnx.ModelProto, only: set[str] | None = None) -> None:
    """Stores every large float32 tensor, or only the given ones, as float16 followed by a cast."""
    graph = model.graph
    casts = []
    for name, values in _constants(graph).items():
        if values.dtype != np.float32 or values.size < SMALLEST or (only is not None and name not in only):
            continue
        _replace(graph, name, {f"{name}_h": values.astype(np.float16)})
        casts.append(helper.make_node("Cast", [f"{name}_h"], [name], to=onnx.TensorProto.FLOAT))
    _insert(graph, 0, casts)
