"""Texts of the cases of settings. They are few, and each depends on several settings."""

from texts import read_golden_texts

# Dotted I, final sigma, sharp s, a ligature, and composed and combining accents.
LETTERS = "Café CAFÉ Cafe\u0301 déjà — İstanbul ΟΔΟΣ Straße ﬁne ½ ＦＵＬＬ"
SCRIPTS = "東京タワー 今天天气 서울 مصر I love it 😀 👩\u200d👩\u200d👧 🇨🇭!"
SPECIAL_TOKENS = (
    "A literal [MASK] and <mask> un[MASK]ed [mask], an<mask>d <MASK> "
    "then [SEP] </s> [UNK] <unk> [PAD] <pad> [CLS] <s>NOTUSED."
)
SPACES = "  leading, \t\n and   trailing spaces \r\n"
REPEATED = "sparse sparse Sparse SPARSE sparse, vector-space vectors"
CONTROLS = "con\u0000trol \u0007 a\u00a0b zero\u200bwidth\ufeff \ufffd \u2028 ##ing don't"
FIRST_WORD = "search the search, then THE other lathe, LATHES"
LONG_WORDS = "pneumonoultramicroscopicsilicovolcanoconiosis " + "x" * 101 + " end"
# Number of joined documents, which have over 300 tokens with each tokenizer.
LONG_DOCUMENTS = 4


def read_setting_texts() -> list[str]:
    """Returns the texts of the cases of settings."""
    long = " ".join(read_golden_texts()[30 : 30 + LONG_DOCUMENTS])
    return [LETTERS, SCRIPTS, SPECIAL_TOKENS, SPACES, REPEATED, CONTROLS, FIRST_WORD, LONG_WORDS, long]
