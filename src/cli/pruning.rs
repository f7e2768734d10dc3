//! `--prune`: which terms are kept, in one value.

use crate::proto::Pruning;

/// `max-terms=128,weight-share=0.9`, or `none`, which keeps all. The server checks the numbers.
pub fn parse(text: &str) -> Result<Pruning, String> {
    let mut pruning = Pruning::default();
    for rule in text.split(',').map(str::trim).filter(|&rule| rule != "none") {
        let number = |error: &dyn std::fmt::Display| format!("`{rule}`: {error}");
        match rule.split_once('=') {
            Some(("max-terms", terms)) => pruning.max_terms = terms.parse().map_err(|error| number(&error))?,
            Some(("min-weight", weight)) => pruning.min_weight = weight.parse().map_err(|error| number(&error))?,
            Some(("weight-share", share)) => pruning.weight_share = share.parse().map_err(|error| number(&error))?,
            _ => {
                let rules = "max-terms=N, min-weight=WEIGHT or weight-share=SHARE, with commas between, or none";
                return Err(format!("`{rule}` is no rule; give {rules}"));
            }
        }
    }
    Ok(pruning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read() {
        let all = Pruning { max_terms: 128, min_weight: 0.25, weight_share: 0.5 };
        assert_eq!(parse("max-terms=128, min-weight=0.25,weight-share=0.5"), Ok(all));
        assert_eq!(parse("weight-share=0.5"), Ok(Pruning { weight_share: 0.5, ..Pruning::default() }));
        assert_eq!(parse("none"), Ok(Pruning::default()));
        for (text, part) in [("", "is no rule"), ("terms=3", "give max-terms=N"), ("max-terms=few", "`max-terms=few`")]
        {
            assert!(parse(text).unwrap_err().contains(part), "{text}");
        }
    }
}
