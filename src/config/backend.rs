//! Where models compute, and in which dtype.

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use super::errors::ConfigErrors;
use super::flag_value::{FlagError, FlagType, FlagValue, expected_error};
use super::values::OneOf;
use crate::model::{DeviceName, InferenceDType};

#[derive(Debug, Clone, Args)]
pub struct BackendArgs {
    /// Where models compute: cpu, cuda:N or metal. The latter two need a build with that feature.
    #[arg(long, env = "SPLADE_DEVICE", value_name = "NAME", default_value = "cpu")]
    device: FlagValue<DeviceFlag>,
    /// The number format of their products: float32, int8 (on the cpu) or float16 (on a GPU).
    #[arg(long, env = "SPLADE_DTYPE", value_name = "NAME", default_value = "float32")]
    dtype: FlagValue<OneOf<InferenceDType>>,
}

impl BackendArgs {
    pub fn resolve(self, errors: &mut ConfigErrors) -> (DeviceName, InferenceDType) {
        let (device, dtype) = (errors.take_value(self.device), errors.take_value(self.dtype));
        if let Err(problem) = device.check_dtype(dtype) {
            errors.add("dtype", &format!(": {problem}"));
        }
        (device, dtype)
    }
}

#[derive(Debug, Clone)]
struct DeviceFlag;

impl FlagType for DeviceFlag {
    type Value = DeviceName;

    fn parse(text: &str) -> Result<DeviceName, FlagError> {
        text.trim().parse().map_err(|_| expected_error("cpu, cuda:N or metal"))
    }

    fn placeholder() -> DeviceName {
        DeviceName::default()
    }
}

impl ValueEnum for InferenceDType {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Float32, Self::Int8, Self::Float16]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Float32 => "float32",
            Self::Int8 => "int8",
            Self::Float16 => "float16",
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dtypes_have_the_names_that_reports_give_them() {
        for dtype in InferenceDType::value_variants() {
            let name = dtype.to_possible_value().unwrap().get_name().to_owned();
            assert_eq!(name, dtype.to_string());
            assert_eq!(name.parse(), Ok(*dtype));
        }
    }
}
