"""Builds an ONNX graph node by node."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Graph:
    """Nodes and constants; every method returns the name of what it adds."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, name: str, values: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(
        self, kind: str, inputs: list[str], output: str, domain: str = "com.microsoft", **attributes: object
    ) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], output, domain=domain, **attributes))
        return output

    def split(self, joined: str, outputs: list[str], name: str) -> list[str]:
        """Equal parts of the last axis."""
        self.nodes.append(helper.make_node("Split", [joined], outputs, name, axis=-1, num_outputs=len(outputs)))
        return outputs
