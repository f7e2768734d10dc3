//! Values of an enum, by name.

use std::fmt::Debug;
use std::marker::PhantomData;

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::config::flag_value::{FlagError, FlagType, expected_error};

/// Flag type of an enum's values by name. The default of the enum is the placeholder.
#[derive(Debug, Clone)]
pub struct OneOf<E>(PhantomData<E>);

impl<E: ValueEnum + Debug + Default + Send + Sync + 'static> FlagType for OneOf<E> {
    type Value = E;

    fn parse(text: &str) -> Result<E, FlagError> {
        E::from_str(text.trim(), false).map_err(|_| expected_error(join_names::<E>()))
    }

    fn placeholder() -> E {
        E::default()
    }

    fn possible_values() -> Vec<PossibleValue> {
        E::value_variants().iter().filter_map(E::to_possible_value).collect()
    }
}

/// Returns the names as an enumeration for messages: `a, b or c`.
fn join_names<E: ValueEnum>() -> String {
    let values = E::value_variants().iter().filter_map(E::to_possible_value);
    let names: Vec<String> = values.map(|value| value.get_name().to_owned()).collect();
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => names.concat(),
    }
}
