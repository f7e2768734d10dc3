"""Builds the small Unigram tokenizers of the random XLM-R and CamemBERT models.

Its pieces and their scores are counted, not trained, so that they come out the same on every run.
"""

import math
from collections import Counter

from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import Metaspace as MetaspaceDecoder
from tokenizers.models import Unigram
from tokenizers.pre_tokenizers import Metaspace, Sequence, WhitespaceSplit
from tokenizers.processors import TemplateProcessing

FIRST, LAST = ["<s>", "<pad>", "</s>", "<unk>"], ["<mask>"]
# CamemBERT's own first tokens are unused, and those that it uses come after them.
CAMEMBERT_FIRST = ["<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED", "<s>", "</s>"]
SPACE = "\u2581"


def build(texts: list[str], size: int, first: list[str] = FIRST) -> Tokenizer:
    """XLM-R's pipeline with exactly `size` tokens: what the model has no piece for becomes `<unk>`."""
    words = Counter(SPACE + word for text in texts for word in text.split() if len(word) < 20)
    # Without the normalizer of the real one: a table of 300 KB, which is the tokenizer library's concern.
    scored = [(token, 0.0) for token in first] + pieces(words, size - len(first) - len(LAST))
    scored += [(token, 0.0) for token in LAST]
    tokenizer = Tokenizer(Unigram(scored, unk_id=first.index("<unk>"), byte_fallback=False))
    tokenizer.add_special_tokens(
        [AddedToken(token, lstrip=token == "<mask>", normalized=False) for token in first + LAST]
    )
    tokenizer.pre_tokenizer = Sequence([WhitespaceSplit(), Metaspace(replacement=SPACE, prepend_scheme="always")])
    tokenizer.decoder = MetaspaceDecoder(replacement=SPACE, prepend_scheme="always")
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[(token, first.index(token)) for token in ("<s>", "</s>")],
    )
    # A stale limit, as in wordpiece.py.
    tokenizer.enable_truncation(max_length=20)
    return tokenizer


def pieces(words: Counter[str], count: int) -> list[tuple[str, float]]:
    """ASCII characters and the space, then the commonest words and ends of words; the logarithm of each one's share."""
    alphabet = [SPACE, *map(chr, range(33, 127))]
    counts = Counter()
    for word, seen in words.items():
        counts[word] += seen
        for length in range(2, 5):
            if len(word) > length:
                counts[word[-length:]] += seen
    common = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[: count - len(alphabet)]
    kept = [(character, 1) for character in alphabet] + common
    total = sum(seen for _, seen in kept)
    return [(piece, round(math.log(seen / total), 5)) for piece, seen in kept]
