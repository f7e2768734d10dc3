"""Builds the byte-level BPE tokenizers of the random RoBERTa and ModernBERT models.

The merges are learned here, ties broken by the pair itself, so that they come out the same on every run.
"""

from collections import Counter

from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.normalizers import NFC
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.processors import RobertaProcessing, TemplateProcessing

ROBERTA_FIRST, ROBERTA_LAST = ["<s>", "<pad>", "</s>", "<unk>"], ["<mask>"]
MODERNBERT_LAST = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]


def roberta(texts: list[str], size: int) -> Tokenizer:
    """As RoBERTa's: the special tokens first, the mask last; no normalizer."""
    tokenizer = assemble(texts, ROBERTA_FIRST, ROBERTA_LAST, size)
    tokenizer.post_processor = RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    return tokenizer


def modernbert(texts: list[str], size: int) -> Tokenizer:
    """As ModernBERT's: the special tokens last, BERT's names for them."""
    tokenizer = assemble(texts, [], MODERNBERT_LAST, size)
    tokenizer.normalizer = NFC()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def assemble(texts: list[str], first: list[str], last: list[str], size: int) -> Tokenizer:
    """A tokenizer of exactly `size` tokens: the 256 bytes, then one token a merge."""
    splitter = ByteLevel(add_prefix_space=False)
    words = Counter(word for text in texts for word, _ in splitter.pre_tokenize_str(text))
    characters = sorted(ByteLevel.alphabet())
    merges = learn_merges(words, size - len(first) - len(last) - len(characters))
    tokens = first + characters + [left + right for left, right in merges] + last
    tokenizer = Tokenizer(BPE({token: index for index, token in enumerate(tokens)}, merges))
    # The mask takes the space before it, in both.
    tokenizer.add_special_tokens([AddedToken(token, lstrip="mask" in token.lower()) for token in first + last])
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = ByteLevelDecoder()
    # A stale limit, as in wordpiece.py.
    tokenizer.enable_truncation(max_length=20)
    return tokenizer


def learn_merges(words: Counter[str], count: int) -> list[tuple[str, str]]:
    """The `count` commonest pairs of pieces, each counted after the merges before it."""
    pieces = {word: list(word) for word in words}
    merges = []
    while len(merges) < count:
        pairs = Counter()
        for word, parts in pieces.items():
            for pair in zip(parts, parts[1:]):
                pairs[pair] += words[word]
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        pieces = {word: merge(parts, best) for word, parts in pieces.items()}
    return merges


def merge(parts: list[str], pair: tuple[str, str]) -> list[str]:
    merged = []
    for part in parts:
        if merged and (merged[-1], part) == pair:
            merged[-1] += part
        else:
            merged.append(part)
    return merged
