#!/usr/bin/env python3
"""Makes Hearth's built-in model from the text in data/. See README.md for the commands.

Stages, in this order:
  tokenizer  learn the byte-level BPE vocabulary from the text; or
  import     take vocabulary and weights from a GGUF file that export wrote, to train on with --resume
  train      train the network, saving a checkpoint now and then
  export     write a checkpoint as a GGUF file with Q8_0 weights
  check      ask the held-out questions, in f32 and with the Q8_0 weights
"""

import argparse
import json
import math
import random
import re
import struct
import sys
import time
import unicodedata
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

HERE = Path(__file__).resolve().parent
DATA = HERE / "data"
HELD_OUT = HERE.parent / "tests" / "builtin-model" / "questions.json"

VOCAB_SIZE = 2048
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
HEAD_DIM = 32
CONTEXT = 1024
ROPE_BASE = 10000.0
NORM_EPS = 1e-5


@dataclass(frozen=True)
class Shape:
    name: str
    description: str
    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    kv_heads: int
    # The gate's activation, and what part of the neurons may fire for a token if it is relu.
    activation: str = "silu"
    density: float = 1.0


SHAPES = {
    "ember": Shape("Hearth Ember", "The built-in demo model of Hearth. It knows only Hearth.", 256, 768, 4, 8, 4),
    "spark": Shape(
        "Hearth Spark", "Ember with a ReLU gate, for Hearth's tests.", 256, 768, 4, 8, 4, "relu", 0.13
    ),
}
SHAPE = SHAPES["ember"]
DECISIVE = 8  # No two answers have these many first tokens in common.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

# ---------------------------------------------------------------------------------------------
# The text: a small grammar
#
# `[a|b|]` picks one alternative, `$name` expands a word list of words.txt. Both nest.
# A parsed line is a list whose items are strings or lists of alternatives (parsed lines).


class Grammar:
    def __init__(self, path):
        self.sources = {}
        self.parsed = {}
        for line in path.read_text().splitlines():
            if line.strip() and not line.startswith("#"):
                name, _, body = line.partition("=")
                name = name.strip()
                # A list may be continued by a later line of the same name.
                before = self.sources.get(name)
                self.sources[name] = f"{before}|{body.strip()}" if before else body.strip()

    def words(self, name):
        """The alternatives of a list, parsed once."""
        if name not in self.parsed:
            self.parsed[name] = self.parse("[" + self.sources[name] + "]")[0]
        return self.parsed[name]

    def parse(self, text):
        items, end = self._parse(text, 0, top=True)
        assert end == len(text), f"unbalanced brackets: {text}"
        return items

    def _parse(self, text, at, top):
        items = []
        while at < len(text) and (top or text[at] not in "|]"):
            if text[at] == "[":
                alternatives = []
                while True:
                    alternative, at = self._parse(text, at + 1, top=False)
                    alternatives.append(alternative)
                    assert at < len(text), f"no closing bracket: {text}"
                    if text[at] == "]":
                        break
                items.append(alternatives)
                at += 1
            elif text[at] == "$":
                name = re.match(r"\w+", text[at + 1 :]).group()
                items.append(self.words(name))
                at += 1 + len(name)
            else:
                literal = re.match(r"[^\[\]|$]+", text[at:]).group()
                items.append(literal)
                at += len(literal)
        return items, at

    def sample(self, items, rng):
        return "".join(i if isinstance(i, str) else self.sample(rng.choice(i), rng) for i in items)

    def regex(self, items):
        """Matches the normalised form of everything that the line can produce."""
        return "".join(
            normalise(i) if isinstance(i, str) else "(?:" + "|".join(map(self.regex, i)) + ")"
            for i in items
        )


def normalise(text):
    """Only letters and digits, so that wording counts and spelling of it does not."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def tidy(text):
    return re.sub(r"\s+", " ", text).strip()


class Topic:
    def __init__(self, name):
        self.name, self.answer, self.lines, self.weight = name, None, [], 1.0


def load_topics(grammar):
    """
    `== name weight` opens a topic, `> text` is its answer, every other line is a question. The questions-*.txt
    files open topics again and give them more questions, plain ones.
    """
    topics = {}
    for path in sorted(DATA.glob("topics-*.txt")):
        for line in lines_of(path):
            if line.startswith("=="):
                name, *weight = line[2:].split()
                assert name not in topics, f"{name} is opened twice"
                topic = topics[name] = Topic(name)
                topic.weight = float(weight[0]) if weight else 1.0
            elif line.startswith(">"):
                topic.answer = line[1:].strip()
            else:
                topic.lines.append(grammar.parse(line))
    for path in sorted(DATA.glob("questions-*.txt")):
        for line in lines_of(path):
            if line.startswith("=="):
                topic = topics[line[2:].strip()]
            else:
                # Case and punctuation are varied when questions are drawn.
                topic.lines.append(grammar.parse(line.lower().rstrip("?.!")))
    assert all(t.answer and t.lines for t in topics.values())
    return list(topics.values())


def lines_of(path):
    lines = (line.strip() for line in path.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def load_synonyms():
    """For each word what may stand for it."""
    synonyms = defaultdict(list)
    for line in (DATA / "synonyms.txt").read_text().splitlines():
        if not line.startswith("#"):
            group = line.split("|")
            for word in group:
                synonyms[word] += [other for other in group if other != word]
    return synonyms


def load_held_out():
    return json.loads(HELD_OUT.read_text())


def assert_not_in_text(grammar, topics, questions):
    """No held-out question can be derived from the grammar, with any opening or closing."""
    opening = re.compile(grammar.regex([grammar.words("opening")]))
    closing = re.compile(grammar.regex([grammar.words("closing")]))
    wanted = set()
    for question in map(normalise, questions):
        ends = range(len(question) + 1)
        starts = [i for i in ends if i == 0 or opening.fullmatch(question[:i])]
        stops = [i for i in ends if i == len(question) or closing.fullmatch(question[i:])]
        wanted.update(question[start:stop] for start in starts for stop in stops if start < stop)
    for topic in topics:
        for line in topic.lines:
            pattern = re.compile(grammar.regex(line))
            for question in wanted:
                assert not pattern.fullmatch(question), f"in the text of {topic.name}: {question}"


# ---------------------------------------------------------------------------------------------
# The tokenizer: byte-level BPE, split like GPT-2


def category_class(first_letter):
    """All characters of one Unicode category as ranges of a regex class (`re` has no \\p)."""
    ranges = []
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code))[0] == first_letter:
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"\\U{a:08x}-\\U{b:08x}" for a, b in ranges)


def pre_tokenizer():
    letter, number, space = category_class("L"), category_class("N"), r"\s"
    return re.compile(
        r"'s|'t|'re|'ve|'m|'ll|'d"
        f"| ?[{letter}]+| ?[{number}]+| ?[^{space}{letter}{number}]+|{space}+(?!\\S)|{space}+"
    )


def byte_alphabet():
    """GPT-2's printable character for each byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    shifted = [b for b in range(256) if b not in printable]
    table = {b: chr(b) for b in printable}
    table.update({b: chr(256 + i) for i, b in enumerate(shifted)})
    return [table[b] for b in range(256)]


class Tokenizer:
    def __init__(self, merges):
        self.alphabet = byte_alphabet()
        self.split = pre_tokenizer()
        self.merges = merges
        self.ranks = {tuple(m): i for i, m in enumerate(merges)}
        self.tokens = sorted(self.alphabet) + [a + b for a, b in merges] + SPECIALS
        self.ids = {t: i for i, t in enumerate(self.tokens)}
        self.end_of_text, self.im_start, self.im_end = (self.ids[s] for s in SPECIALS)
        self.byte_of = {c: b for b, c in enumerate(self.alphabet)}
        self.cache = {}

    @classmethod
    def load(cls, path):
        return cls([tuple(m) for m in json.loads(path.read_text())])

    def spell(self, piece):
        return [self.alphabet[b] for b in piece.encode()]

    def _merge(self, symbols, dropout=0.0, rng=None):
        while len(symbols) > 1:
            pairs = [p for p in zip(symbols, symbols[1:]) if p in self.ranks]
            if dropout:
                pairs = [p for p in pairs if rng.random() >= dropout]
            if not pairs:
                break
            symbols = join_pair(symbols, min(pairs, key=self.ranks.get))
        return [self.ids[s] for s in symbols]

    def encode(self, text, dropout=0.0, rng=None):
        out = []
        for piece in self.split.findall(text):
            if dropout:
                out += self._merge(self.spell(piece), dropout, rng)
            else:
                if piece not in self.cache:
                    self.cache[piece] = self._merge(self.spell(piece))
                out += self.cache[piece]
        return out

    def decode(self, ids):
        text = "".join(self.tokens[i] for i in ids if self.tokens[i] not in SPECIALS)
        return bytes(self.byte_of[c] for c in text).decode(errors="replace")


def join_pair(symbols, pair):
    out, i = [], 0
    while i < len(symbols):
        if tuple(symbols[i : i + 2]) == pair:
            out.append(symbols[i] + symbols[i + 1])
            i += 2
        else:
            out.append(symbols[i])
            i += 1
    return out


def learn_merges(text_pieces, count):
    """text_pieces: how often each pre-tokenized piece occurs, spelled in the byte alphabet."""
    words = [(list(piece), n) for piece, n in sorted(text_pieces.items())]
    pair_counts, where = Counter(), defaultdict(set)

    def add(index, sign):
        symbols, n = words[index]
        for pair in zip(symbols, symbols[1:]):
            pair_counts[pair] += sign * n
            where[pair].add(index)

    for index in range(len(words)):
        add(index, 1)
    merges = []
    while len(merges) < count:
        best = max(pair_counts, key=lambda p: (pair_counts[p], p))
        merges.append(best)
        for index in list(where[best]):
            add(index, -1)
            words[index] = (join_pair(words[index][0], best), words[index][1])
            add(index, 1)
        del pair_counts[best], where[best]
    return merges


# ---------------------------------------------------------------------------------------------
# Training samples


NEAR_KEYS = dict(zip("qwertyuiopasdfghjklzxcvbnm", "waeryutoipsqdfghjkkxzcvbnn"))


def typo(word, rng):
    if len(word) < 4:
        return word
    i = rng.randrange(1, len(word) - 1)
    kind = rng.randrange(4)
    if kind == 0:
        return word[:i] + word[i + 1 :]
    if kind == 1:
        return word[:i] + word[i] + word[i:]
    if kind == 2:
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    return word[:i] + NEAR_KEYS.get(word[i], word[i]) + word[i + 1 :]


class Sampler:
    """Draws questions and whole conversations from the grammar."""

    def __init__(self, grammar, topics, tokenizer, held_out, seed):
        self.grammar, self.topics, self.tokenizer = grammar, topics, tokenizer
        self.rng = random.Random(seed)
        self.weights = [t.weight for t in topics]
        self.synonyms = load_synonyms()
        self.common_words = set(grammar.sources["common"].split("|"))
        self.proper = {w.lower(): w for w in grammar.sources["proper"].split("|")}
        self.held_out = {normalise(q["question"]) for q in held_out}

    def plain_question(self, topic):
        return tidy(self.grammar.sample(self.rng.choice(topic.lines), self.rng))

    def question(self, topic):
        rng, grammar = self.rng, self.grammar
        text = self.plain_question(topic)
        if rng.random() < 0.4:
            words = text.split()
            for i, word in enumerate(words):
                if word in self.synonyms and rng.random() < 0.3:
                    words[i] = rng.choice(self.synonyms[word])
            text = " ".join(words)
        words = text.split()
        kind = rng.random()
        # Single words must count as well as whole phrases: some questions lose words, some keep
        # only the telling ones, some lose their order.
        if kind < 0.25:
            words = [w for w in words if rng.random() > 0.15]
        elif kind < 0.37:
            words = [w for w in words if w not in self.common_words]
        elif kind < 0.45:
            rng.shuffle(words)
        text = " ".join(words) or text
        if rng.random() < 0.25:
            text = grammar.sample([grammar.words("opening")], rng) + " " + text
        if rng.random() < 0.12:
            text = text + " " + grammar.sample([grammar.words("closing")], rng)
        text = tidy(text)
        if rng.random() < 0.55:
            text = " ".join(self.proper.get(w, w) for w in text.split())
            text = re.sub(r"\bi\b", "I", text)
            text = text[:1].upper() + text[1:]
        if rng.random() < 0.25:
            words = text.split()
            for _ in range(rng.choice([1, 1, 2])):
                i = rng.randrange(len(words))
                words[i] = typo(words[i], rng)
            text = " ".join(words)
        if rng.random() < 0.15:
            text = text.replace("'", "")
        if rng.random() < 0.02:
            text = text.upper()
        text += rng.choices(["?", "", ".", "!", " ?", "??"], [50, 38, 6, 3, 2, 1])[0]
        if normalise(text) in self.held_out:
            return self.question(topic)
        return text

    def turn(self, role, ids):
        t = self.tokenizer
        return [t.im_start] + t.encode(role + "\n") + ids + [t.im_end] + t.encode("\n")

    def sample(self):
        """Token ids and, for each, the weight of predicting it."""
        rng, t = self.rng, self.tokenizer
        if rng.random() < 0.02:
            texts = " ".join(rng.choice(self.topics).answer for _ in range(rng.randint(1, 3)))
            ids = t.encode(texts) + [t.end_of_text]
            return ids, [0.3] * len(ids)
        ids, weights = [], []

        def add(piece, weight):
            ids.extend(piece)
            weights.extend([weight] * len(piece))

        if rng.random() < 0.15:
            add(self.turn("system", t.encode(self.grammar.sample([self.grammar.words("system")], rng))), 0.0)
        turns = rng.choices([1, 2, 3], [90, 8, 2])[0]
        for number in range(turns):
            topic = rng.choices(self.topics, self.weights)[0]
            dropout = 0.1 if rng.random() < 0.2 else 0.0
            question = t.encode(self.question(topic), dropout, rng)
            # Predicting some questions too teaches which words stand for each other.
            add(self.turn("user", question), 0.2 if rng.random() < 0.3 else 0.0)
            add([t.im_start] + t.encode("assistant\n"), 0.0)
            answer = t.encode(topic.answer) + [t.im_end]
            # The choice of the answer is made in its first tokens; the rest is soon known by
            # heart, so most samples stop early and leave time for more questions.
            if number == turns - 1 and rng.random() < 0.85:
                answer = answer[:DECISIVE]
            add(answer, 1.0)
            if number < turns - 1:
                add(t.encode("\n"), 0.0)
        return ids, weights

    def batches(self, batch_size):
        """Samples of like length together, so that little is padded."""
        while True:
            pool = sorted((self.sample() for _ in range(batch_size * 16)), key=lambda s: len(s[0]))
            starts = list(range(0, len(pool), batch_size))
            self.rng.shuffle(starts)
            for start in starts:
                group = pool[start : start + batch_size]
                length = max(len(ids) for ids, _ in group)
                ids = torch.zeros(batch_size, length, dtype=torch.long)
                weights = torch.zeros(batch_size, length)
                for row, (sample_ids, sample_weights) in enumerate(group):
                    ids[row, : len(sample_ids)] = torch.tensor(sample_ids)
                    weights[row, : len(sample_ids)] = torch.tensor(sample_weights)
                yield ids, weights


# ---------------------------------------------------------------------------------------------
# The network: Llama


class RMSNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(SHAPE.hidden_size))

    def forward(self, x):
        return x * (torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + NORM_EPS) * self.weight)


def cast(x):
    """To bf16 once, where autocast would do it for each product."""
    return x.bfloat16() if torch.is_autocast_cpu_enabled() else x


def rope_turns():
    frequency = ROPE_BASE ** (-torch.arange(0, HEAD_DIM, 2).float() / HEAD_DIM)
    angle = torch.outer(torch.arange(CONTEXT).float(), frequency)
    return torch.polar(torch.ones_like(angle), angle)


def rotate(x, turn):
    """Rotates neighbouring pairs, the order in which GGUF stores llama's Q and K."""
    pairs = torch.view_as_complex(x.float().unflatten(-1, (HEAD_DIM // 2, 2)))
    return torch.view_as_real(pairs * turn).flatten(-2).to(x.dtype)


class Layer(nn.Module):
    def __init__(self, dropout):
        super().__init__()
        self.attn_norm, self.ffn_norm = RMSNorm(), RMSNorm()
        self.attn_q = nn.Linear(SHAPE.hidden_size, SHAPE.heads * HEAD_DIM, bias=False)
        self.attn_k = nn.Linear(SHAPE.hidden_size, SHAPE.kv_heads * HEAD_DIM, bias=False)
        self.attn_v = nn.Linear(SHAPE.hidden_size, SHAPE.kv_heads * HEAD_DIM, bias=False)
        self.attn_output = nn.Linear(SHAPE.heads * HEAD_DIM, SHAPE.hidden_size, bias=False)
        self.ffn_gate = nn.Linear(SHAPE.hidden_size, SHAPE.intermediate_size, bias=False)
        self.ffn_up = nn.Linear(SHAPE.hidden_size, SHAPE.intermediate_size, bias=False)
        self.ffn_down = nn.Linear(SHAPE.intermediate_size, SHAPE.hidden_size, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, turn, mask, past):
        batch, length, _ = x.shape
        h = cast(self.attn_norm(x))
        q = self.attn_q(h).view(batch, length, SHAPE.heads, HEAD_DIM).transpose(1, 2)
        k = self.attn_k(h).view(batch, length, SHAPE.kv_heads, HEAD_DIM).transpose(1, 2)
        v = self.attn_v(h).view(batch, length, SHAPE.kv_heads, HEAD_DIM).transpose(1, 2)
        q, k = rotate(q, turn), rotate(k, turn)
        if past:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        # The query heads of one KV head are rows of one product.
        rows = q.reshape(batch, SHAPE.kv_heads, -1, HEAD_DIM)
        scores = (rows @ k.transpose(-1, -2)).float() / math.sqrt(HEAD_DIM) + mask
        mixed = (scores.softmax(-1).to(v.dtype) @ v).view(batch, SHAPE.heads, length, HEAD_DIM)
        x = x + self.dropout(self.attn_output(mixed.transpose(1, 2).reshape(batch, length, -1)))
        h = cast(self.ffn_norm(x))
        gate = self.ffn_gate(h)
        x = x + self.dropout(self.ffn_down(self.activated(gate) * self.ffn_up(h)))
        return x, (k, v)


    def activated(self, gate):
        if SHAPE.activation == "silu":
            return F.silu(gate)
        if self.training:
            self.firing = (gate > 0).float().mean()
            # Differentiable, and indifferent to the gate's scale, which could else shrink without a neuron less firing.
            self.pressure = torch.sigmoid(4 * gate.float() / gate.detach().float().pow(2).mean().sqrt()).mean()
        return F.relu(gate)


class Pressure:
    """A term of the loss for each layer whose neurons fire too often, as strong as it takes."""

    def __init__(self):
        self.strengths = [0.02] * SHAPE.layers

    def term(self, network):
        if SHAPE.activation == "silu":
            return 0.0
        for i, layer in enumerate(network.blk):
            excess = float(layer.firing) / SHAPE.density - 1
            change = math.exp(0.02 * max(-1.0, min(1.0, excess)))
            self.strengths[i] = min(1.0, max(1e-3, self.strengths[i] * change))
        return sum(strength * layer.pressure for strength, layer in zip(self.strengths, network.blk))

    def report(self, network):
        if SHAPE.activation == "silu":
            return ""
        return " firing " + " ".join(f"{float(layer.firing):.3f}" for layer in network.blk)


class Network(nn.Module):
    def __init__(self, dropout=0.0):
        super().__init__()
        self.token_embd = nn.Embedding(VOCAB_SIZE, SHAPE.hidden_size)
        self.blk = nn.ModuleList(Layer(dropout) for _ in range(SHAPE.layers))
        self.output_norm = RMSNorm()
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("turns", rope_turns(), persistent=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                deep = name.endswith(("attn_output.weight", "ffn_down.weight"))
                nn.init.normal_(parameter, std=0.02 / (math.sqrt(2 * SHAPE.layers) if deep else 1))

    def forward(self, ids, pasts=None):
        """The last hidden states, normalised, and the keys and values of each layer."""
        start = pasts[0][0].shape[2] if pasts else 0
        length = ids.shape[1]
        turn = self.turns[start : start + length]
        mask = torch.full((length, start + length), float("-inf")).triu(start + 1)
        mask = mask.repeat(SHAPE.heads // SHAPE.kv_heads, 1)
        x = self.dropout(self.token_embd(ids))
        new_pasts = []
        for i, layer in enumerate(self.blk):
            x, past = layer(x, turn, mask, pasts[i] if pasts else None)
            new_pasts.append(past)
        return self.output_norm(x), new_pasts

    def logits(self, hidden):
        return F.linear(hidden, self.token_embd.weight)


@torch.no_grad()
def answer_greedily(network, tokenizer, question, limit=160):
    prompt = [tokenizer.im_start] + tokenizer.encode("user\n" + question) + [tokenizer.im_end]
    prompt += tokenizer.encode("\n") + [tokenizer.im_start] + tokenizer.encode("assistant\n")
    ids, pasts, out = torch.tensor([prompt]), None, []
    while len(out) < limit:
        hidden, pasts = network(ids, pasts)
        token = int(network.logits(hidden[:, -1]).argmax())
        if token in (tokenizer.im_end, tokenizer.end_of_text):
            break
        out.append(token)
        ids = torch.tensor([[token]])
    return tokenizer.decode(out)


# ---------------------------------------------------------------------------------------------
# GGUF


def quantize_q8_0(weights):
    """Blocks of 32: an f16 scale and 32 signed bytes."""
    blocks = weights.reshape(-1, 32).astype(np.float32)
    scale = np.abs(blocks).max(1, keepdims=True) / 127
    inverse = np.divide(1, scale, out=np.zeros_like(scale), where=scale > 0)
    return scale.astype(np.float16), np.rint(blocks * inverse).astype(np.int8)


def dequantized_q8_0(weights):
    scale, quants = quantize_q8_0(weights)
    return (scale.astype(np.float32) * quants).reshape(weights.shape)


TYPE_U32, TYPE_I32, TYPE_F32, TYPE_BOOL, TYPE_STRING, TYPE_ARRAY = 4, 5, 6, 7, 8, 9
SCALARS = {TYPE_U32: "<I", TYPE_I32: "<i", TYPE_F32: "<f", TYPE_BOOL: "<?"}
TENSOR_F32, TENSOR_Q8_0 = 0, 8
ALIGNMENT = 32


def gguf_string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def gguf_value(kind, value):
    return gguf_string(value) if kind == TYPE_STRING else struct.pack(SCALARS[kind], value)


def gguf_entry(key, kind, value):
    if isinstance(value, list):
        items = b"".join(gguf_value(kind, v) for v in value)
        return gguf_string(key) + struct.pack("<IIQ", TYPE_ARRAY, kind, len(value)) + items
    return gguf_string(key) + struct.pack("<I", kind) + gguf_value(kind, value)


def write_gguf(path, entries, tensors):
    """tensors: name → array; matrices become Q8_0, vectors stay F32."""
    infos, blobs, offset = [], [], 0
    for name, array in tensors.items():
        if array.ndim == 2:
            scale, quants = quantize_q8_0(array)
            blob = np.concatenate([scale.view(np.int8), quants], 1).tobytes()
        else:
            blob = array.astype("<f4").tobytes()
        kind = TENSOR_Q8_0 if array.ndim == 2 else TENSOR_F32
        # GGUF counts dimensions innermost first.
        dims = struct.pack(f"<{array.ndim}Q", *reversed(array.shape))
        infos.append(gguf_string(name) + struct.pack("<I", array.ndim) + dims + struct.pack("<IQ", kind, offset))
        blob += bytes(-len(blob) % ALIGNMENT)
        blobs.append(blob)
        offset += len(blob)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries))
    head += b"".join(gguf_entry(*e) for e in entries) + b"".join(infos)
    path.write_bytes(head + bytes(-len(head) % ALIGNMENT) + b"".join(blobs))


class GgufReader:
    """Reads what write_gguf wrote: entries by their keys, and tensors as f32."""

    def __init__(self, path):
        self.data, self.at = path.read_bytes(), 0
        magic, _, tensors, entries = self.take("<4sIQQ")
        assert magic == b"GGUF", f"{path} is no GGUF file"
        self.entries = dict(self.entry() for _ in range(entries))
        infos = [self.info() for _ in range(tensors)]
        begin = self.at + -self.at % ALIGNMENT
        self.tensors = {name: self.tensor(begin + offset, kind, shape) for name, kind, shape, offset in infos}

    def take(self, form):
        values = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return values if len(values) > 1 else values[0]

    def string(self):
        length = self.take("<Q")
        return self.take(f"<{length}s").decode()

    def value(self, kind):
        if kind == TYPE_ARRAY:
            item, count = self.take("<IQ")
            return [self.value(item) for _ in range(count)]
        return self.string() if kind == TYPE_STRING else self.take(SCALARS[kind])

    def entry(self):
        return self.string(), self.value(self.take("<I"))

    def info(self):
        name, rank = self.string(), self.take("<I")
        shape = [self.take("<Q") for _ in range(rank)][::-1]
        return (name, self.take("<I"), shape, self.take("<Q"))

    def tensor(self, at, kind, shape):
        count = math.prod(shape)
        if kind == TENSOR_F32:
            return np.frombuffer(self.data, "<f4", count, at).reshape(shape)
        assert kind == TENSOR_Q8_0, f"tensor type {kind} is not one that export writes"
        block = np.dtype([("scale", "<f2"), ("quants", "i1", 32)])
        blocks = np.frombuffer(self.data, block, count // 32, at)
        return (blocks["scale"].astype(np.float32)[:, None] * blocks["quants"]).reshape(shape)


def gguf_entries(tokenizer):
    kinds = [3 if t in SPECIALS else 1 for t in tokenizer.tokens]
    gate = [("llama.hidden_activation", TYPE_STRING, SHAPE.activation)] if SHAPE.activation != "silu" else []
    return [
        ("general.architecture", TYPE_STRING, "llama"),
        ("general.name", TYPE_STRING, SHAPE.name),
        ("general.description", TYPE_STRING, SHAPE.description),
        ("general.license", TYPE_STRING, "apache-2.0"),
        ("general.file_type", TYPE_U32, 7),
        ("general.quantization_version", TYPE_U32, 2),
        ("llama.context_length", TYPE_U32, CONTEXT),
        ("llama.embedding_length", TYPE_U32, SHAPE.hidden_size),
        ("llama.block_count", TYPE_U32, SHAPE.layers),
        ("llama.feed_forward_length", TYPE_U32, SHAPE.intermediate_size),
        *gate,
        ("llama.attention.head_count", TYPE_U32, SHAPE.heads),
        ("llama.attention.head_count_kv", TYPE_U32, SHAPE.kv_heads),
        ("llama.attention.layer_norm_rms_epsilon", TYPE_F32, NORM_EPS),
        ("llama.rope.dimension_count", TYPE_U32, HEAD_DIM),
        ("llama.rope.freq_base", TYPE_F32, ROPE_BASE),
        ("llama.vocab_size", TYPE_U32, VOCAB_SIZE),
        ("tokenizer.ggml.model", TYPE_STRING, "gpt2"),
        ("tokenizer.ggml.pre", TYPE_STRING, "gpt-2"),
        ("tokenizer.ggml.tokens", TYPE_STRING, tokenizer.tokens),
        ("tokenizer.ggml.token_type", TYPE_I32, kinds),
        ("tokenizer.ggml.merges", TYPE_STRING, [" ".join(m) for m in tokenizer.merges]),
        ("tokenizer.ggml.bos_token_id", TYPE_U32, tokenizer.end_of_text),
        ("tokenizer.ggml.eos_token_id", TYPE_U32, tokenizer.im_end),
        ("tokenizer.ggml.padding_token_id", TYPE_U32, tokenizer.end_of_text),
        ("tokenizer.ggml.add_bos_token", TYPE_BOOL, False),
        ("tokenizer.chat_template", TYPE_STRING, CHAT_TEMPLATE),
    ]


# ---------------------------------------------------------------------------------------------
# The stages


def is_right(answer, expect):
    return all(re.search(e, answer, re.I) for e in expect)


def load_text():
    grammar = Grammar(DATA / "words.txt")
    topics = load_topics(grammar)
    held_out = load_held_out()
    assert_not_in_text(grammar, topics, [q["question"] for q in held_out])
    for q in held_out:
        assert sum(is_right(t.answer, q["expect"]) for t in topics) == 1, f"one topic must fit: {q}"
    return grammar, topics, held_out


def stage_tokenizer(args):
    grammar, topics, held_out = load_text()
    tokenizer = Tokenizer([])
    sampler = Sampler(grammar, topics, tokenizer, held_out, args.seed)
    pieces = Counter()
    for _ in range(60_000):
        topic = sampler.rng.choices(topics, sampler.weights)[0]
        for text in ("user\n", "assistant\n", "system\n", sampler.question(topic), topic.answer):
            pieces.update(tokenizer.split.findall(text))
    spelled = {tuple(tokenizer.spell(p)): n for p, n in pieces.items()}
    merges = learn_merges(spelled, VOCAB_SIZE - 256 - len(SPECIALS))
    (args.work / "merges.json").write_text(json.dumps(merges))
    print(f"{len(topics)} topics, {sum(len(t.lines) for t in topics)} lines, {len(merges)} merges")


def stage_import(args):
    file = GgufReader(args.model)
    merges = [merge.split(" ") for merge in file.entries["tokenizer.ggml.merges"]]
    (args.work / "merges.json").write_text(json.dumps(merges))
    network = Network()
    network.load_state_dict({name: torch.tensor(array) for name, array in file.tensors.items()})
    torch.save(network.state_dict(), args.work / "checkpoint.pt")
    print(f"{args.model}: {len(merges)} merges, {sum(p.numel() for p in network.parameters())} parameters")


def stage_train(args):
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    grammar, topics, held_out = load_text()
    tokenizer = Tokenizer.load(args.work / "merges.json")
    starts = {tuple(tokenizer.encode(t.answer)[:DECISIVE]) for t in topics}
    assert len(starts) == len(topics), "two answers start alike"
    dev = [line.split("\t") for line in (DATA / "dev.txt").read_text().splitlines()]
    answers = {t.name: t.answer for t in topics}
    sampler = Sampler(grammar, topics, tokenizer, held_out, args.seed)

    network, average = Network(args.dropout), Network()
    if args.resume:
        network.load_state_dict(torch.load(args.work / "checkpoint.pt"))
    average.load_state_dict(network.state_dict())
    decayed = [p for p in network.parameters() if p.dim() == 2]
    others = [p for p in network.parameters() if p.dim() == 1]
    groups = [{"params": decayed, "weight_decay": args.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=args.lr, betas=(0.9, 0.98), foreach=True)
    print(f"{sum(p.numel() for p in network.parameters())} parameters, {len(topics)} topics", flush=True)

    began, tokens, losses, pressure = time.time(), 0, [], Pressure()
    for step, (ids, weights) in enumerate(sampler.batches(args.batch)):
        # Whichever ends first, steps or minutes: a shared machine has no steady speed.
        progress = max(step / args.steps, (time.time() - began) / 60 / args.minutes)
        done = progress >= 1
        rate = args.lr * max(0.0, min(1.0, (step + 1) / 50, 2 * (1 - progress)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        network.train()
        # Processors with bf16 matrix units are many times faster with it; the weights stay f32.
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden, _ = network(ids[:, :-1])
            chosen = weights[:, 1:] > 0
            logits = network.logits(hidden[chosen])
        each = F.cross_entropy(logits.float(), ids[:, 1:][chosen], reduction="none")
        answer = weights[:, 1:][chosen]
        loss = (each * answer).sum() / answer.sum()
        optimizer.zero_grad(set_to_none=True)
        (loss + pressure.term(network)).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        tokens += ids.numel()
        losses.append(float(loss))
        decay = min(0.999, (step + 1) / (step + 10))
        with torch.no_grad():
            torch._foreach_mul_(list(average.parameters()), decay)
            torch._foreach_add_(list(average.parameters()), list(network.parameters()), alpha=1 - decay)
        if (step + 1) % args.every == 0 or done:
            average.eval()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                given = [answer_greedily(average, tokenizer, q, limit=DECISIVE) for _, q in dev]
            wrong = sum(not text or not answers[name].startswith(text) for (name, _), text in zip(dev, given))
            seconds = time.time() - began
            print(
                f"step {step + 1} loss {np.mean(losses):.4f} dev {1 - wrong / len(dev):.3f}"
                f" tokens {tokens} {tokens / seconds:.0f}/s {seconds:.0f} s{pressure.report(network)}",
                flush=True,
            )
            losses = []
            torch.save(average.state_dict(), args.work / "checkpoint.pt")
        if done:
            break


def load_checkpoint(args):
    network = Network()
    network.load_state_dict(torch.load(args.work / "checkpoint.pt"))
    return network.eval()


def stage_export(args):
    tokenizer = Tokenizer.load(args.work / "merges.json")
    tensors = {n: p.detach().numpy() for n, p in load_checkpoint(args).named_parameters()}
    write_gguf(args.model, gguf_entries(tokenizer), tensors)
    print(f"{args.model}: {args.model.stat().st_size} bytes")


def stage_check(args):
    torch.set_num_threads(args.threads)
    _, topics, held_out = load_text()
    tokenizer = Tokenizer.load(args.work / "merges.json")
    exact = load_checkpoint(args)
    rounded = load_checkpoint(args)
    with torch.no_grad():
        for p in rounded.parameters():
            if p.dim() == 2:
                p.copy_(torch.from_numpy(dequantized_q8_0(p.numpy())))
    right = {"f32": 0, "Q8_0": 0}
    same = 0
    for q in held_out:
        answers = {"f32": answer_greedily(exact, tokenizer, q["question"])}
        answers["Q8_0"] = answer_greedily(rounded, tokenizer, q["question"])
        same += answers["f32"] == answers["Q8_0"]
        for kind, answer in answers.items():
            right[kind] += is_right(answer, q["expect"])
        if not is_right(answers["Q8_0"], q["expect"]):
            print(f"WRONG {q['question']}\n  -> {answers['Q8_0']}")
    print(f"of {len(held_out)}: f32 {right['f32']}, Q8_0 {right['Q8_0']} right; {same} answers the same in both")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    stages = {
        "tokenizer": stage_tokenizer,
        "import": stage_import,
        "train": stage_train,
        "export": stage_export,
        "check": stage_check,
    }
    parser.add_argument("stage", choices=stages)
    parser.add_argument("--shape", choices=SHAPES, default="ember")
    parser.add_argument("--work", type=Path, required=True, help="folder of the merges and the checkpoint")
    parser.add_argument(
        "--model", type=Path, default=HERE / "hearth-ember.gguf", help="what export writes and import reads"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--resume", action="store_true", help="start from the checkpoint in the folder")
    parser.add_argument("--minutes", type=float, default=1e9, help="end after these, if the steps last longer")
    parser.add_argument("--every", type=int, default=500, help="steps between checkpoints")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--weight-decay", type=float, default=0.05)
    args = parser.parse_args()
    global SHAPE
    SHAPE = SHAPES[args.shape]
    args.work.mkdir(parents=True, exist_ok=True)
    stages[args.stage](args)


if __name__ == "__main__":
    main()
