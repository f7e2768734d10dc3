//! Where and in which number format a model computes.
//!
//! See docs/adr/0026-cpu-kernels.md.

use std::fmt;
use std::str::FromStr;

use candle_core::{DType, Device};

use super::ModelError;

/// The number format of the matrix products.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InferenceDType {
    #[default]
    Float32,
    /// Half precision, on a GPU.
    Float16,
    /// Weights in 8 bits per output channel, activations in 8 bits per row, sums in 32 bits; on the CPU.
    Int8,
}

impl fmt::Display for InferenceDType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Float32 => "float32",
            Self::Float16 => "float16",
            Self::Int8 => "int8",
        })
    }
}

impl FromStr for InferenceDType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "float32" => Ok(Self::Float32),
            "float16" => Ok(Self::Float16),
            "int8" => Ok(Self::Int8),
            _ => Err(format!("`{text}` is no number format; expected float32, float16 or int8")),
        }
    }
}

/// A device by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceName {
    #[default]
    Cpu,
    /// An NVIDIA GPU, by its number.
    Cuda(usize),
    Metal,
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("`{text}` is no device; expected cpu, cuda:N or metal");
        match text.split_once(':') {
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "cuda" => Ok(Self::Cuda(0)),
            None if text == "metal" => Ok(Self::Metal),
            Some(("cuda", index)) => index.parse().map(Self::Cuda).map_err(|_| expected()),
            _ => Err(expected()),
        }
    }
}

impl DeviceName {
    /// Whether it computes in that format.
    ///
    /// # Errors
    /// If not: which formats it has.
    pub fn check_dtype(self, dtype: InferenceDType) -> Result<(), String> {
        match (self, dtype) {
            (Self::Cpu, InferenceDType::Float16) => {
                Err("float16 is for GPUs; use float32 or int8 on the cpu".to_owned())
            }
            (Self::Cuda(_) | Self::Metal, InferenceDType::Int8) => {
                Err("int8 is for the cpu; use float32 or float16 on a GPU".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// What runs a forward pass.
#[derive(Debug, Clone)]
pub enum Backend {
    /// This crate's kernels on prepacked weights, one thread a batch.
    Kernels { int8: bool },
    /// candle's own operations on its device.
    Candle { device: Device, dtype: DType },
}

impl Default for Backend {
    fn default() -> Self {
        Self::Kernels { int8: false }
    }
}

impl Backend {
    /// The backend of a device and a number format.
    ///
    /// # Errors
    /// If this build can't use the device, the device is not there, or it doesn't compute in that format.
    pub fn open(device: DeviceName, inference_dtype: InferenceDType) -> Result<Self, ModelError> {
        device.check_dtype(inference_dtype).map_err(ModelError::Device)?;
        let device_result = match device {
            DeviceName::Cpu => return Ok(Self::Kernels { int8: inference_dtype == InferenceDType::Int8 }),
            DeviceName::Cuda(index) => Device::new_cuda(index),
            DeviceName::Metal => Device::new_metal(0),
        };
        let dtype = if inference_dtype == InferenceDType::Float16 { DType::F16 } else { DType::F32 };
        match device_result {
            Ok(device) => Ok(Self::Candle { device, dtype }),
            Err(error) => Err(ModelError::Device(format!(
                "the device can't be used: {error}; build with the feature `cuda` or `metal`, or use the device cpu"
            ))),
        }
    }

    /// The dtype of its results: of products in 8 bits, too, those are float32.
    pub fn result_dtype(&self) -> DType {
        match self {
            Self::Kernels { .. } => DType::F32,
            Self::Candle { dtype, .. } => *dtype,
        }
    }

    /// The kind of device it is on: cpu, cuda or metal.
    pub fn device_kind(&self) -> &'static str {
        match self {
            Self::Kernels { .. } | Self::Candle { device: Device::Cpu, .. } => "cpu",
            Self::Candle { device: Device::Cuda(_), .. } => "cuda",
            Self::Candle { device: Device::Metal(_), .. } => "metal",
        }
    }

    /// The number format of its products.
    pub fn inference_dtype(&self) -> InferenceDType {
        match self {
            Self::Kernels { int8: true } => InferenceDType::Int8,
            Self::Candle { dtype: DType::F16, .. } => InferenceDType::Float16,
            Self::Kernels { int8: false } | Self::Candle { .. } => InferenceDType::Float32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        assert_eq!("cuda:1".parse(), Ok(DeviceName::Cuda(1)));
        assert_eq!("cpu".parse(), Ok(DeviceName::Cpu));
        assert!("cuda:x".parse::<DeviceName>().unwrap_err().contains("cuda:x"));
        for precision in [InferenceDType::Float32, InferenceDType::Float16, InferenceDType::Int8] {
            assert_eq!(precision.to_string().parse(), Ok(precision));
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused_with_the_remedy() {
        let refused = |device, precision| Backend::open(device, precision).unwrap_err().to_string();
        assert!(refused(DeviceName::Cpu, InferenceDType::Float16).contains("use float32 or int8"));
        assert!(refused(DeviceName::Cuda(0), InferenceDType::Int8).contains("use float32 or float16"));
        #[cfg(not(feature = "cuda"))]
        assert!(refused(DeviceName::Cuda(0), InferenceDType::Float32).contains("feature `cuda`"));
    }
}
