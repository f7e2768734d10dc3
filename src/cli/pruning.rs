//! Values of `--prune` flags.

use crate::proto::Pruning;

/// Parses pruning rules such as `max-terms=128,weight-share=0.9`. The server's defaults apply to rules that are not given,
/// unless `none` turns them off. The server validates the ranges.
///
/// # Errors
/// If a rule is unknown or its value is not a number.
pub fn parse(text: &str) -> Result<Pruning, String> {
    let mut pruning = Pruning::default();
    let mut are_unset_rules_off = false;
    for rule in text.split(',').map(str::trim) {
        let describe_error = |error: &dyn std::fmt::Display| format!("`{rule}`: {error}");
        match rule.split_once('=') {
            Some(("max-terms", terms)) => {
                pruning.max_terms = Some(terms.parse().map_err(|error| describe_error(&error))?)
            }
            Some(("min-weight", weight)) => {
                pruning.min_weight = Some(weight.parse().map_err(|error| describe_error(&error))?)
            }
            Some(("weight-share", share)) => {
                pruning.weight_share = Some(share.parse().map_err(|error| describe_error(&error))?)
            }
            None if rule == "none" => are_unset_rules_off = true,
            _ => {
                let rules = "max-terms=N, min-weight=WEIGHT or weight-share=SHARE, separated by commas, or none";
                return Err(format!("`{rule}` is not a pruning rule; pass {rules}"));
            }
        }
    }
    if are_unset_rules_off {
        pruning.max_terms.get_or_insert(0);
        pruning.min_weight.get_or_insert(0.0);
        pruning.weight_share.get_or_insert(0.0);
    }
    Ok(pruning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_parsed() {
        let all = Pruning { max_terms: Some(128), min_weight: Some(0.25), weight_share: Some(0.5) };
        assert_eq!(parse("max-terms=128, min-weight=0.25,weight-share=0.5"), Ok(all));
        let one = Pruning { weight_share: Some(0.5), ..Pruning::default() };
        assert_eq!(parse("weight-share=0.5"), Ok(one), "the server's defaults apply to the other rules");
        let off = Pruning { max_terms: Some(0), min_weight: Some(0.0), weight_share: Some(0.0) };
        assert_eq!(parse("none"), Ok(off));
        assert_eq!(parse("none,max-terms=7"), Ok(Pruning { max_terms: Some(7), ..off }));
        assert_eq!(parse("max-terms=0"), Ok(Pruning { max_terms: Some(0), ..Pruning::default() }));
        for (text, part) in
            [("", "is not a pruning rule"), ("terms=3", "pass max-terms=N"), ("max-terms=few", "`max-terms=few`")]
        {
            assert!(parse(text).unwrap_err().contains(part), "{text}");
        }
    }
}
