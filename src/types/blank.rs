//! Detection of blank texts.

/// Ranges of invisible code points that are neither white space nor controls, sorted: Unicode's
/// Default_Ignorable_Code_Point (DerivedCoreProperties.txt, Unicode 16); the interlinear annotation marks, which are
/// format characters too; and the blank braille pattern, a symbol without dots that is used to send empty messages and
/// that tokenizers keep as an unknown word.
const INVISIBLE: [(char, char); 18] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Returns true if a text has no visible characters: it is empty, or consists of white space, control characters and
/// invisible characters such as a zero-width space or a byte order mark. The vector of such a text would come from the
/// special tokens only.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c.is_control() || is_invisible(c))
}

fn is_invisible(c: char) -> bool {
    let index = INVISIBLE.partition_point(|(_, last)| *last < c);
    INVISIBLE.get(index).is_some_and(|(first, _)| *first <= c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_without_visible_characters_are_blank() {
        for blank in [
            "",
            " \t\r\n",
            "\u{a0}\u{2003}\u{3000}",
            "\0\u{1b}\u{7f}\u{9f}",
            "\u{feff}",
            "\u{200b}\u{200d}\u{2060}",
            "\u{ad}",
            "\u{fe0f}",
            "\u{2800}\u{2800}",
            "\u{3164}",
            "\u{e0020}",
        ] {
            assert!(is_blank(blank), "{blank:?}");
        }
        for text in
            ["a", "\u{feff}a", ".", "é", "\u{301}", "👩\u{200d}💻", "☃\u{fe0f}", "\u{600}", "\u{fffd}", "\u{2801}"]
        {
            assert!(!is_blank(text), "{text:?}");
        }
        assert!(INVISIBLE.is_sorted() && INVISIBLE.iter().all(|(first, last)| first <= last));
    }
}
