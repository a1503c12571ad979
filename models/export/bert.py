"""BERT's encoder in plain PyTorch, with parameters named as in the published weights."""

import json
import math
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn


class Attention(nn.Module):
    def __init__(self, width: int, heads: int, eps: float):
        super().__init__()
        self.heads = heads
        self.self = nn.ModuleDict({name: nn.Linear(width, width) for name in ("query", "key", "value")})
        self.output = nn.ModuleDict({"dense": nn.Linear(width, width), "LayerNorm": nn.LayerNorm(width, eps)})

    def forward(self, states: Tensor, bias: Tensor) -> Tensor:
        batch, tokens, width = states.shape

        def split(layer: nn.Module) -> Tensor:
            return layer(states).view(batch, tokens, self.heads, width // self.heads).transpose(1, 2)

        query, key, value = (split(self.self[name]) for name in ("query", "key", "value"))
        scores = query @ key.transpose(-1, -2) / math.sqrt(width // self.heads) + bias
        looked = (scores.softmax(-1) @ value).transpose(1, 2).reshape(batch, tokens, width)
        return self.output["LayerNorm"](self.output["dense"](looked) + states)


class Layer(nn.Module):
    def __init__(self, width: int, heads: int, inside: int, eps: float):
        super().__init__()
        self.attention = Attention(width, heads, eps)
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, inside)})
        self.output = nn.ModuleDict({"dense": nn.Linear(inside, width), "LayerNorm": nn.LayerNorm(width, eps)})

    def forward(self, states: Tensor, bias: Tensor) -> Tensor:
        states = self.attention(states, bias)
        inside = nn.functional.gelu(self.intermediate["dense"](states))
        return self.output["LayerNorm"](self.output["dense"](inside) + states)


class Bert(nn.Module):
    """input_ids, attention_mask, token_type_ids [batch, tokens] to the last states and to those before attention."""

    def __init__(self, folder: Path):
        super().__init__()
        config = json.loads((folder / "config.json").read_text())
        width, eps = config["hidden_size"], config["layer_norm_eps"]
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": nn.Embedding(config["vocab_size"], width),
                "position_embeddings": nn.Embedding(config["max_position_embeddings"], width),
                "token_type_embeddings": nn.Embedding(config["type_vocab_size"], width),
                "LayerNorm": nn.LayerNorm(width, eps),
            }
        )
        heads, inside = config["num_attention_heads"], config["intermediate_size"]
        layers = (Layer(width, heads, inside, eps) for _ in range(config["num_hidden_layers"]))
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(layers)})
        weights = load_file(folder / "model.safetensors")
        found = self.load_state_dict(weights, strict=False)
        # The file also contains a pooler and a list of positions, which a sentence encoder does not need.
        unused = [name for name in found.unexpected_keys if "pooler" not in name and "position_ids" not in name]
        if found.missing_keys or unused:
            raise ValueError(f"expected the weights of this BERT, missing {found.missing_keys}, unknown {unused}")

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> tuple[Tensor, Tensor]:
        part = self.embeddings
        positions = torch.arange(input_ids.shape[1])
        words = part["word_embeddings"](input_ids) + part["token_type_embeddings"](token_type_ids)
        words = part["LayerNorm"](words + part["position_embeddings"](positions))
        bias = (1 - attention_mask[:, None, None, :].to(words.dtype)) * torch.finfo(words.dtype).min
        states = words
        for layer in self.encoder["layer"]:
            states = layer(states, bias)
        return states, words
