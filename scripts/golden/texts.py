"""Golden texts: hand-written edge cases for tokenizers, and ordinary texts from the sample corpus."""

import json
from pathlib import Path

CORPUS = Path(__file__).resolve().parents[2] / "demo" / "corpus.jsonl"

EDGE_CASES = [
    "Rust",
    "The quick brown fox jumps over the lazy dog.",
    "MiXeD CaSe and SHOUTING, iPhone and McDonald.",
    "Café, naïve, Zürich, Ångström, crème brûlée, São Paulo, Łódź.",
    "Cafe\u0301 and nai\u0308ve, with the accents written apart.",
    "東京タワーは一九五八年に完成した。",
    "今天天气很好,我们去公园散步。",
    "서울은 대한민국의 수도이다.",
    "Москва - столица России.",
    "القاهرة عاصمة مصر",
    "שלום עולם",
    "नमस्ते दुनिया",
    "กรุงเทพมหานคร",
    "İstanbul'da ılık bir sabah; Straße und Fuß.",
    "I love it 😀🎉 👩‍👩‍👧‍👦 🇨🇭!",
    "... !!! ??? --- ;;; ((( )))",
    "In 1969, 600 million people (about 16.4 %) watched; $3.50 at 07:45 on 2024-02-29.",
    'fn main() { let x: Vec<u32> = vec![1, 2, 3]; println!("{x:?}"); }',
    "See https://example.org/a/b?c=d&e=f#g or write to someone@example.com.",
    "A literal [MASK] here, a [SEP] there, and ##ing.",
    "tabs\tand\nline\r\nbreaks   and    runs\u00a0of\u2003spaces",
    "control\u0000 characters\u0007 zero\u200bwidth\ufeff and a replacement \ufffd",
    "pneumonoultramicroscopicsilicovolcanoconiosis",
    "x" * 101 + " is longer than any word may be",
    "a",
    "don't can't it's o'clock l'été rock'n'roll",
    "H₂O, E=mc², ½ cup, №5, ﬁne ligatures, ＦＵＬＬ ｗｉｄｔｈ",
    "“Quoted”, ‘single’, «guillemets» – dashes — and… ellipses",
    "sparse sparse sparse sparse sparse sparse sparse sparse",
    "what is a learned sparse vector",
]


def read_golden_texts() -> list[str]:
    """Returns the texts in a fixed order: edge cases, every sixth corpus document, and two of over 512 tokens."""
    with open(CORPUS, encoding="utf-8") as lines:
        documents = [json.loads(line)["text"] for line in lines]
    long = [" ".join(documents[:16]), "".join(documents[100:115])]
    return EDGE_CASES + documents[::6] + long
