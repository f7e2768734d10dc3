//! Encoding settings as stored in checkpoints. The stored text must not depend on names in this program.

use std::fmt::Write;

use crate::proto::{LongText, Pruning};

/// Values of the flags `--long-text`, `--window-overlap` and `--prune`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EncodingSettings {
    pub long_text: LongText,
    pub window_overlap: Option<u32>,
    /// Pruning rules; for a rule that is `None`, the default of the server applies.
    pub pruning: Option<Pruning>,
}

impl EncodingSettings {
    /// Formats the settings for version 2, such as `long_text=window window_overlap=9 prune=max-terms=64,weight-share=0.75`.
    /// Settings that are not given are omitted, and `prune=none` keeps all terms. Weights have the shortest digits that parse
    /// to the same number.
    pub fn to_text(self) -> String {
        self.format_with_rules(self.pruning.as_ref().map(format_pruning))
    }

    /// Formats the settings for version 2 like earlier builds, which omitted rules with the value 0, because an absent rule
    /// meant no limit to them.
    pub fn to_text_without_zeros(self) -> String {
        let rules = self.pruning.map(|Pruning { max_terms, min_weight, weight_share }| {
            let non_zero_rules = Pruning {
                max_terms: max_terms.filter(|terms| *terms > 0),
                min_weight: min_weight.filter(|weight| *weight != 0.0),
                weight_share: weight_share.filter(|share| *share != 0.0),
            };
            if non_zero_rules == Pruning::default() { "none".to_owned() } else { format_pruning(&non_zero_rules) }
        });
        self.format_with_rules(rules)
    }

    fn format_with_rules(self, rules: Option<String>) -> String {
        let mut text = format!("long_text={}", long_text_as_str(self.long_text));
        if let Some(overlap) = self.window_overlap {
            // Writing to a string can't fail.
            let _ = write!(text, " window_overlap={overlap}");
        }
        if let Some(rules) = rules {
            let _ = write!(text, " prune={rules}");
        }
        text
    }

    /// Formats the settings for version 1, which used Rust's debug output of the messages of that time.
    pub fn to_text_v1(self) -> String {
        let long_text = match self.long_text {
            LongText::Unspecified => 0,
            LongText::Truncate => 1,
            LongText::Reject => 2,
            LongText::Window => 3,
        };
        let overlap = self.window_overlap.map_or("None".to_owned(), |overlap| format!("Some({overlap})"));
        let pruning = self.pruning.map_or("None".to_owned(), |Pruning { max_terms, min_weight, weight_share }| {
            let (max_terms, min_weight) = (max_terms.unwrap_or_default(), min_weight.unwrap_or_default());
            let weight_share = weight_share.unwrap_or_default();
            format!(
                "Some(Pruning {{ max_terms: {max_terms}, min_weight: {min_weight:?}, weight_share: {weight_share:?} }})"
            )
        });
        format!("long_text {long_text} {overlap}, {pruning}")
    }
}

fn long_text_as_str(long_text: LongText) -> &'static str {
    match long_text {
        LongText::Unspecified => "unspecified",
        LongText::Truncate => "truncate",
        LongText::Reject => "reject",
        LongText::Window => "window",
    }
}

fn format_pruning(pruning: &Pruning) -> String {
    let Pruning { max_terms, min_weight, weight_share } = *pruning;
    if (max_terms, min_weight, weight_share) == (Some(0), Some(0.0), Some(0.0)) {
        return "none".to_owned();
    }
    let max_terms = max_terms.map(|terms| format!("max-terms={terms}"));
    let min_weight = min_weight.map(|weight| format!("min-weight={weight}"));
    let weight_share = weight_share.map(|share| format!("weight-share={share}"));
    [max_terms, min_weight, weight_share].into_iter().flatten().collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::pruning::parse;

    /// Pinned: the texts of version 2, and those of version 1 as written by the build of 2026-11-30, which also wrote the files
    /// in tests/data/checkpoints/reindex-v1.
    #[test]
    fn the_text_of_both_versions_is_stable() {
        let encoding = |long_text, window_overlap, pruning| EncodingSettings { long_text, window_overlap, pruning };
        let pruning = |rules| Some(parse(rules).unwrap());
        for (encoding, text, text_v1) in [
            (encoding(LongText::Truncate, None, None), "long_text=truncate", "long_text 1 None, None"),
            (
                encoding(LongText::Window, Some(9), None),
                "long_text=window window_overlap=9",
                "long_text 3 Some(9), None",
            ),
            (
                encoding(LongText::Reject, None, pruning("max-terms=64,min-weight=0.1,weight-share=0.75")),
                "long_text=reject prune=max-terms=64,min-weight=0.1,weight-share=0.75",
                "long_text 2 None, Some(Pruning { max_terms: 64, min_weight: 0.1, weight_share: 0.75 })",
            ),
            (
                encoding(LongText::Truncate, None, pruning("none")),
                "long_text=truncate prune=none",
                "long_text 1 None, Some(Pruning { max_terms: 0, min_weight: 0.0, weight_share: 0.0 })",
            ),
            (
                encoding(LongText::Truncate, None, pruning("min-weight=1e-7,weight-share=1")),
                "long_text=truncate prune=min-weight=0.0000001,weight-share=1",
                "long_text 1 None, Some(Pruning { max_terms: 0, min_weight: 1e-7, weight_share: 1.0 })",
            ),
            (
                encoding(LongText::Truncate, None, pruning("max-terms=4294967295,min-weight=3e20")),
                "long_text=truncate prune=max-terms=4294967295,min-weight=300000000000000000000",
                "long_text 1 None, Some(Pruning { max_terms: 4294967295, min_weight: 3e20, weight_share: 0.0 })",
            ),
        ] {
            assert_eq!((encoding.to_text().as_str(), encoding.to_text_v1().as_str()), (text, text_v1));
            assert_eq!(encoding.to_text_without_zeros(), text);
        }
        let partly = encoding(LongText::Truncate, None, pruning("max-terms=64,none"));
        assert_eq!(partly.to_text(), "long_text=truncate prune=max-terms=64,min-weight=0,weight-share=0");
        assert_eq!(partly.to_text_without_zeros(), "long_text=truncate prune=max-terms=64");
    }
}
