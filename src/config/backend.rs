//! Device and dtype of inference.

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use super::errors::ConfigErrors;
use super::flag_value::{FlagError, FlagType, FlagValue, expected_error};
use super::values::OneOf;
use crate::model::{DeviceName, InferenceDType};

#[derive(Debug, Clone, Args)]
pub struct BackendArgs {
    /// Inference device: cpu, cuda:N or metal. cuda and metal need a build with the cargo feature of that name.
    #[arg(long, env = "SPLADE_DEVICE", value_name = "DEVICE", default_value = "cpu")]
    device: FlagValue<DeviceFlag>,
    /// Inference dtype: float32, int8 (CPU only) or float16 (GPU only).
    #[arg(long, env = "SPLADE_DTYPE", value_name = "DTYPE", default_value = "float32")]
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
    fn flag_values_of_dtypes_equal_their_display_names() {
        for dtype in InferenceDType::value_variants() {
            let name = dtype.to_possible_value().unwrap().get_name().to_owned();
            assert_eq!(name, dtype.to_string());
            assert_eq!(name.parse(), Ok(*dtype));
        }
    }
}
