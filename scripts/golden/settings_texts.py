"""The texts of the cases of settings: few, and each shows several settings at once."""

from texts import golden_texts

# The dotted I, final sigma, sharp s, a ligature; accents composed and apart.
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
# Beyond 300 tokens for each of the tokenizers.
LONG_DOCUMENTS = 4


def setting_texts() -> list[str]:
    long = " ".join(golden_texts()[30 : 30 + LONG_DOCUMENTS])
    return [LETTERS, SCRIPTS, SPECIAL_TOKENS, SPACES, REPEATED, CONTROLS, FIRST_WORD, LONG_WORDS, long]
