"""Builds the byte-level BPE tokenizers of the random RoBERTa and ModernBERT models.

The merges are learned deterministically: pairs of equal frequency are ordered by the pair itself.
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


def build_roberta(texts: list[str], size: int) -> Tokenizer:
    """Returns a tokenizer like RoBERTa's: special tokens first, the mask token last, no normalizer."""
    tokenizer = assemble(texts, ROBERTA_FIRST, ROBERTA_LAST, size)
    tokenizer.post_processor = RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    return tokenizer


def build_modernbert(texts: list[str], size: int) -> Tokenizer:
    """Returns a tokenizer like ModernBERT's: special tokens last, with BERT's names."""
    tokenizer = assemble(texts, [], MODERNBERT_LAST, size)
    tokenizer.normalizer = NFC()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def assemble(texts: list[str], first: list[str], last: list[str], size: int) -> Tokenizer:
    """Returns a tokenizer with exactly `size` tokens: special tokens, the 256 bytes, and one token per merge."""
    splitter = ByteLevel(add_prefix_space=False)
    words = Counter(word for text in texts for word, _ in splitter.pre_tokenize_str(text))
    characters = sorted(ByteLevel.alphabet())
    merges = learn_merges(words, size - len(first) - len(last) - len(characters))
    tokens = first + characters + [left + right for left, right in merges] + last
    tokenizer = Tokenizer(BPE({token: index for index, token in enumerate(tokens)}, merges))
    # In both families the mask token strips whitespace on its left.
    tokenizer.add_special_tokens([AddedToken(token, lstrip="mask" in token.lower()) for token in first + last])
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = ByteLevelDecoder()
    # A truncation that must be ignored, as in wordpiece.py.
    tokenizer.enable_truncation(max_length=20)
    return tokenizer


def learn_merges(words: Counter[str], count: int) -> list[tuple[str, str]]:
    """Returns `count` merges: each is the most frequent pair of adjacent symbols after the previous merges."""
    symbols = {word: list(word) for word in words}
    merges = []
    while len(merges) < count:
        pairs = Counter()
        for word, sequence in symbols.items():
            for pair in zip(sequence, sequence[1:]):
                pairs[pair] += words[word]
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        symbols = {word: merge_pair(sequence, best) for word, sequence in symbols.items()}
    return merges


def merge_pair(symbols: list[str], pair: tuple[str, str]) -> list[str]:
    """Returns the symbols of a word with all occurrences of a pair merged."""
    merged = []
    for symbol in symbols:
        if merged and (merged[-1], symbol) == pair:
            merged[-1] += symbol
        else:
            merged.append(symbol)
    return merged
