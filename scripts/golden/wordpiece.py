"""Builds the small WordPiece tokenizer of the random BERT and DistilBERT models.

The vocabulary is computed from counts instead of being trained, so that every run gives the same result.
"""

from collections import Counter

from tokenizers import Tokenizer
from tokenizers.decoders import WordPiece as WordPieceDecoder
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def build_wordpiece(texts: list[str], size: int) -> Tokenizer:
    """Returns an uncased BERT tokenizer with exactly `size` tokens: ASCII characters, frequent words and suffixes."""
    normalizer, splitter = BertNormalizer(lowercase=True), BertPreTokenizer()
    split = (splitter.pre_tokenize_str(normalizer.normalize_str(text)) for text in texts)
    words = Counter(word for text in split for word, _ in text if len(word) < 20)
    characters = sorted(chr(code) for code in range(33, 127) if not chr(code).isupper())
    continuations = sorted(f"##{c}" for c in characters if c.isalnum())
    counts = Counter()
    for word, frequency in words.items():
        counts[word] += frequency
        for length in range(2, 5):
            if len(word) > length:
                counts[f"##{word[-length:]}"] += frequency
    tokens = dict.fromkeys(SPECIAL + characters + continuations)
    for token, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if len(tokens) == size:
            break
        tokens.setdefault(token)
    return assemble({token: index for index, token in enumerate(tokens)}, normalizer, splitter)


def assemble(vocabulary: dict[str, int], normalizer: BertNormalizer, splitter: BertPreTokenizer) -> Tokenizer:
    """Returns a BERT tokenizer with a vocabulary."""
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
    # Real checkpoints contain such a stale truncation, which loaders must ignore.
    tokenizer.enable_truncation(max_length=20)
    return tokenizer
