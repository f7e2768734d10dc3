//! Default texts for the verification of a model.

/// Returns texts that exercise normalization, pre-tokenization, unknown tokens, special tokens and truncation, and some
/// prose.
pub fn built_in_texts() -> Vec<String> {
    let mut texts: Vec<String> = TEXTS.iter().map(|&text| text.to_owned()).collect();
    texts.push("x".repeat(200));
    texts.push("again ".repeat(100));
    // Longer than the maximum length of any model and than MAX_TOKENS.
    texts.push(TEXTS.join(" ").repeat(8));
    texts
}

const TEXTS: [&str; 26] = [
    "",
    " ",
    "a",
    "The quick brown fox jumps over the lazy dog.",
    "LOUD AND CLEAR, McDonald and iPhone",
    "Café, naïve, Zürich, Ångström, crème brûlée, Łódź",
    "Cafe\u{301}, nai\u{308}ve, Zu\u{308}rich, A\u{30a}ngstro\u{308}m",
    "İstanbul, Straße, ﬁne ligatures, ＦＵＬＬ ｗｉｄｔｈ, H₂O, E=mc², ½",
    "東京タワーは一九五八年に完成した。",
    "今天天气很好，我们去公园散步。",
    "서울은 대한민국의 수도이다.",
    "القاهرة عاصمة مِصْر",
    "Москва — столица России, שלום עולם, नमस्ते दुनिया, กรุงเทพมหานคร",
    "I love it 😀🎉 👩\u{200d}👩\u{200d}👧\u{200d}👦 🇨🇭!",
    "In 1969, 600 million people (about 16.4 %) watched; $3.50 at 07:45 on 2024-02-29.",
    "... !!! ??? --- ;;; ((( ))) \" ' `",
    "tabs\tand\nlines\r\nand   runs of spaces",
    "control\u{0} characters\u{7}, a zero\u{200b}width space, \u{feff}a mark and \u{fffd}",
    "[MASK] [CLS] [SEP] [PAD] [UNK] as text",
    "<s> <pad> </s> <unk> <mask> as text",
    "fn main() { let x: Vec<u32> = vec![1, 2, 3]; println!(\"{x:?}\"); }",
    "See https://example.org/a/b?c=d&e=f#g or write to someone@example.com.",
    "don't can't it's o'clock l'été rock'n'roll “quoted” ‘single’ «guillemets»",
    "what is a learned sparse vector",
    "The Moon turns once on its axis in the same time that it takes to circle the Earth, so we always see the same half.",
    "pneumonoultramicroscopicsilicovolcanoconiosis unaffordability retokenization",
];
