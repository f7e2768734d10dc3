"""Builds the small Unigram tokenizers of the random XLM-R and CamemBERT models.

Tokens and scores are computed from counts instead of being trained, so that every run gives the same result.
"""

import math
from collections import Counter

from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import Metaspace as MetaspaceDecoder
from tokenizers.models import Unigram
from tokenizers.pre_tokenizers import Metaspace, Sequence, WhitespaceSplit
from tokenizers.processors import TemplateProcessing

FIRST, LAST = ["<s>", "<pad>", "</s>", "<unk>"], ["<mask>"]
# CamemBERT's vocabulary begins with unused tokens, which precede the special tokens that it uses.
CAMEMBERT_FIRST = ["<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED", "<s>", "</s>"]
SPACE = "\u2581"


def build_unigram(texts: list[str], size: int, first: list[str] = FIRST) -> Tokenizer:
    """Returns a tokenizer like XLM-R's with exactly `size` tokens. Characters without a token become `<unk>`."""
    words = Counter(SPACE + word for text in texts for word in text.split() if len(word) < 20)
    # Omits XLM-R's normalizer, whose charsmap has 300 KB; the tokenizers library is responsible for it.
    scored = [(token, 0.0) for token in first] + score_tokens(words, size - len(first) - len(LAST))
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
    # A truncation that must be ignored, as in wordpiece.py.
    tokenizer.enable_truncation(max_length=20)
    return tokenizer


def score_tokens(words: Counter[str], count: int) -> list[tuple[str, float]]:
    """Returns tokens with log probabilities: the space, ASCII characters, and the most frequent words and suffixes."""
    alphabet = [SPACE, *map(chr, range(33, 127))]
    counts = Counter()
    for word, frequency in words.items():
        counts[word] += frequency
        for length in range(2, 5):
            if len(word) > length:
                counts[word[-length:]] += frequency
    common = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[: count - len(alphabet)]
    kept = [(character, 1) for character in alphabet] + common
    total = sum(frequency for _, frequency in kept)
    return [(token, round(math.log(frequency / total), 5)) for token, frequency in kept]
