"""EfficientNet-Lite2 in plain PyTorch, with parameters named as in the published weights.

https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite: no squeeze and excitation, ReLU6
instead of swish, fixed width of stem and head; Lite2 is 1.1 times as wide and 1.2 times as deep as Lite0, at 260
pixels.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

EDGE = 260
# Kernel, stride, expansion, channels and blocks of each stage, with width and depth multipliers applied.
STAGES = [
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 3),
    (5, 2, 6, 48, 3),
    (3, 2, 6, 88, 4),
    (5, 1, 6, 120, 4),
    (5, 2, 6, 208, 5),
    (3, 1, 6, 352, 1),
]
BATCH_NORM_EPS = 1e-3


class SameConv(nn.Conv2d):
    """A convolution padded as in TensorFlow: an odd pixel goes to the right and bottom."""

    def __init__(self, edge: int, *args: int, **options):
        super().__init__(*args, bias=False, **options)
        kernel, stride = self.kernel_size[0], self.stride[0]
        total = max((-(-edge // stride) - 1) * stride + kernel - edge, 0)
        self.is_uneven = total % 2 == 1
        self.before, self.after = total // 2, total - total // 2
        if not self.is_uneven:
            self.padding = (total // 2, total // 2)

    def forward(self, pixels: Tensor) -> Tensor:
        pads = (self.before, self.after) * 2
        return super().forward(nn.functional.pad(pixels, pads) if self.is_uneven else pixels)


class Block(nn.Module):
    def __init__(self, edge: int, before: int, after: int, kernel: int, stride: int, expansion: int):
        super().__init__()
        inside = before * expansion
        self.expands, self.adds = expansion > 1, stride == 1 and before == after
        if self.expands:
            self._expand_conv = SameConv(edge, before, inside, 1)
            self._bn0 = nn.BatchNorm2d(inside, BATCH_NORM_EPS)
        self._depthwise_conv = SameConv(edge, inside, inside, kernel, stride=stride, groups=inside)
        self._bn1 = nn.BatchNorm2d(inside, BATCH_NORM_EPS)
        self._project_conv = SameConv(-(-edge // stride), inside, after, 1)
        self._bn2 = nn.BatchNorm2d(after, BATCH_NORM_EPS)

    def forward(self, pixels: Tensor) -> Tensor:
        inside = pixels
        if self.expands:
            inside = nn.functional.relu6(self._bn0(self._expand_conv(inside)))
        inside = nn.functional.relu6(self._bn1(self._depthwise_conv(inside)))
        inside = self._bn2(self._project_conv(inside))
        return inside + pixels if self.adds else inside


class EfficientNetLite2(nn.Module):
    """pixel_values [batch, 3, 260, 260] to pooled features, logits, and means of the penultimate stage by corner."""

    def __init__(self, weights: Path):
        super().__init__()
        edge = EDGE
        self._conv_stem = SameConv(edge, 3, 32, 3, stride=2)
        self._bn0 = nn.BatchNorm2d(32, BATCH_NORM_EPS)
        edge, channels, blocks = -(-edge // 2), 32, []
        for kernel, stride, expansion, after, repeats in STAGES:
            for i in range(repeats):
                blocks.append(Block(edge, channels, after, kernel, stride if i == 0 else 1, expansion))
                edge, channels = -(-edge // (stride if i == 0 else 1)), after
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = SameConv(edge, channels, 1280, 1)
        self._bn1 = nn.BatchNorm2d(1280, BATCH_NORM_EPS)
        self._fc = nn.Linear(1280, 1000)
        self.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        self.eval()

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        pixels = nn.functional.relu6(self._bn0(self._conv_stem(pixel_values)))
        for i, block in enumerate(self._blocks):
            pixels = block(pixels)
            if i == len(self._blocks) - 2:
                corners = self.corners(pixels)
        pixels = nn.functional.relu6(self._bn1(self._conv_head(pixels)))
        features = pixels.mean((2, 3))
        return features, self._fc(features), corners

    @staticmethod
    def corners(stage: Tensor) -> Tensor:
        """Top left, top right, bottom left, bottom right: 5 x 5 of 9 x 9 positions each."""
        side = (stage.shape[2] + 1) // 2
        rows, columns = (slice(None, side), slice(-side, None)), (slice(None, side), slice(-side, None))
        return torch.cat([stage[:, :, row, column].mean((2, 3)) for row in rows for column in columns], 1)
