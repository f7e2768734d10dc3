//! Texts that hold nothing to encode.

/// Code points that are invisible by definition though they are neither white space nor controls: Unicode's
/// Default_Ignorable_Code_Point (DerivedCoreProperties.txt, Unicode 16), the interlinear annotation marks, which are
/// format characters too, and the blank braille pattern, a symbol without dots that people send as an empty message and
/// that tokenizers keep as an unknown word. Sorted.
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

/// Whether a text shows nothing at all: it is empty, or has only white space, control characters and invisible ones such
/// as a zero-width space or a byte order mark. Its vector would be that of the special tokens.
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
    fn what_shows_nothing_is_blank() {
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
