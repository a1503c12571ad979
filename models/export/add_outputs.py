"""Adds inner layers to the outputs of the bundled encoders. Weights, and what was answered before, stay as they are.

    python add_outputs.py text  all-minilm-l6-v2.onnx    ../all-minilm-l6-v2/model.onnx
    python add_outputs.py image efficientnet-lite2.onnx  ../efficientnet-lite2/model.onnx

Text: `word_states` [batch, tokens, 384], the words before any attention. Their mean says which words there are, also where the
last layer has drawn them together into what the sentence is about.

Image: `stage6_corners` [batch, 832], the output of the last stage but one (208 channels, 9 x 9 places) as its means over the
four overlapping corners of 5 x 5 places: top left, top right, bottom left, bottom right. The last stage knows classes, the
one before it textures, scenes and layout, of which captions speak as well.
"""

import sys

import onnx
from onnx import TensorProto, helper

WORDS = "/m/embeddings/LayerNorm/LayerNormalization_output_0"
STAGE6 = "/_blocks.19/Add_output_0"
CHANNELS, SIDE = 208, 9


def add_words(graph: onnx.GraphProto) -> None:
    graph.node.append(helper.make_node("Identity", [WORDS], ["word_states"], name="word_states"))
    graph.output.append(helper.make_tensor_value_info("word_states", TensorProto.FLOAT, ["batch", "sequence", 384]))


def add_corners(graph: onnx.GraphProto) -> None:
    def constant(name: str, values: list[int]) -> str:
        graph.initializer.append(helper.make_tensor(name, TensorProto.INT64, [len(values)], values))
        return name

    axes = constant("corner_axes", [2, 3])
    edge = (SIDE + 1) // 2
    parts = []
    for top in (0, SIDE - edge):
        for left in (0, SIDE - edge):
            name = f"stage6_corner{len(parts)}"
            starts = constant(f"{name}_starts", [top, left])
            ends = constant(f"{name}_ends", [top + edge, left + edge])
            graph.node.append(helper.make_node("Slice", [STAGE6, starts, ends, axes], [f"{name}_map"], name=f"{name}_map"))
            graph.node.append(helper.make_node("ReduceMean", [f"{name}_map"], [name], name=name, axes=[2, 3], keepdims=0))
            parts.append(name)
    graph.node.append(helper.make_node("Concat", parts, ["stage6_corners"], name="stage6_corners", axis=1))
    graph.output.append(helper.make_tensor_value_info("stage6_corners", TensorProto.FLOAT, ["batch", 4 * CHANNELS]))


def main(kind: str, source: str, target: str) -> None:
    model = onnx.load(source)
    {"text": add_words, "image": add_corners}[kind](model.graph)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in ("text", "image"):
        sys.exit(__doc__)
    main(*sys.argv[1:])
