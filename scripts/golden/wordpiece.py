"""Builds the small WordPiece tokenizer that the random models share.

The vocabulary is counted, not trained, so that it comes out the same on every run.
"""

from collections import Counter

from tokenizers import Tokenizer
from tokenizers.decoders import WordPiece as WordPieceDecoder
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def build(texts: list[str], size: int) -> Tokenizer:
    """A lower-casing BERT tokenizer of exactly `size` tokens: ASCII characters, then the texts' commonest pieces."""
    normalizer, splitter = BertNormalizer(lowercase=True), BertPreTokenizer()
    split = (splitter.pre_tokenize_str(normalizer.normalize_str(text)) for text in texts)
    words = Counter(word for text in split for word, _ in text if len(word) < 20)
    characters = sorted(chr(code) for code in range(33, 127) if not chr(code).isupper())
    continuations = sorted(f"##{c}" for c in characters if c.isalnum())
    pieces = Counter()
    for word, count in words.items():
        pieces[word] += count
        for length in range(2, 5):
            if len(word) > length:
                pieces[f"##{word[-length:]}"] += count
    tokens = dict.fromkeys(SPECIAL + characters + continuations)
    for piece, _ in sorted(pieces.items(), key=lambda item: (-item[1], item[0])):
        if len(tokens) == size:
            break
        tokens.setdefault(piece)
    return assemble({token: index for index, token in enumerate(tokens)}, normalizer, splitter)


def assemble(vocabulary: dict[str, int], normalizer: BertNormalizer, splitter: BertPreTokenizer) -> Tokenizer:
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = WordPieceDecoder()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, vocabulary[token]) for token in ("[CLS]", "[SEP]")],
    )
    # A stale limit, as real checkpoints have: it is not what decides where a text is cut.
    tokenizer.enable_truncation(max_length=20)
    return tokenizer
