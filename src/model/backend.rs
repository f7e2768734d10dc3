//! Devices and dtypes of inference.
//!
//! See docs/adr/0026-cpu-kernels.md.

use std::fmt;
use std::str::FromStr;

use candle_core::{DType, Device};

use super::ModelError;

/// dtype of the matrix products.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InferenceDType {
    #[default]
    Float32,
    /// Half precision; GPU only.
    Float16,
    /// 8-bit weights quantized per output channel, 8-bit activations quantized per row, 32-bit accumulators; CPU only.
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
            _ => Err(format!("unknown dtype `{text}`; expected float32, float16 or int8")),
        }
    }
}

/// A compute device, parsed from `cpu`, `cuda:N` or `metal`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceName {
    #[default]
    Cpu,
    /// NVIDIA GPU with the given CUDA ordinal; `cuda` alone means `cuda:0`.
    Cuda(usize),
    Metal,
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("unknown device `{text}`; expected cpu, cuda:N or metal");
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
    /// Checks that the device supports a dtype.
    ///
    /// # Errors
    /// Returns a message with the supported dtypes if it does not.
    pub fn check_dtype(self, dtype: InferenceDType) -> Result<(), String> {
        match (self, dtype) {
            (Self::Cpu, InferenceDType::Float16) => {
                Err("float16 requires a GPU; use float32 or int8 on the CPU".to_owned())
            }
            (Self::Cuda(_) | Self::Metal, InferenceDType::Int8) => {
                Err("int8 requires the CPU; use float32 or float16 on a GPU".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// Implementation that runs the forward pass.
#[derive(Debug, Clone)]
pub enum Backend {
    /// Kernels of this crate on prepacked weights; one thread per batch.
    Kernels { int8: bool },
    /// candle operations on a candle device.
    Candle { device: Device, dtype: DType },
}

impl Default for Backend {
    fn default() -> Self {
        Self::Kernels { int8: false }
    }
}

impl Backend {
    /// Opens the backend for a device and a dtype.
    ///
    /// # Errors
    /// [`ModelError::Device`] if this build has no support for the device, the device is not available, or it does not
    /// support the dtype.
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
                "cannot open the device: {error}; build with the feature `cuda` or `metal`, or use the device `cpu`"
            ))),
        }
    }

    /// dtype of the outputs: int8 products also produce float32.
    pub fn result_dtype(&self) -> DType {
        match self {
            Self::Kernels { .. } => DType::F32,
            Self::Candle { dtype, .. } => *dtype,
        }
    }

    /// Kind of the device: `cpu`, `cuda` or `metal`.
    pub fn device_kind(&self) -> &'static str {
        match self {
            Self::Kernels { .. } | Self::Candle { device: Device::Cpu, .. } => "cpu",
            Self::Candle { device: Device::Cuda(_), .. } => "cuda",
            Self::Candle { device: Device::Metal(_), .. } => "metal",
        }
    }

    /// dtype of the matrix products.
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
    fn device_and_dtype_names_are_parsed() {
        assert_eq!("cuda:1".parse(), Ok(DeviceName::Cuda(1)));
        assert_eq!("cpu".parse(), Ok(DeviceName::Cpu));
        assert!("cuda:x".parse::<DeviceName>().unwrap_err().contains("cuda:x"));
        for dtype in [InferenceDType::Float32, InferenceDType::Float16, InferenceDType::Int8] {
            assert_eq!(dtype.to_string().parse(), Ok(dtype));
        }
    }

    #[test]
    fn unsupported_device_and_dtype_pairs_are_refused_with_a_remedy() {
        let refused = |device, dtype| Backend::open(device, dtype).unwrap_err().to_string();
        assert!(refused(DeviceName::Cpu, InferenceDType::Float16).contains("use float32 or int8"));
        assert!(refused(DeviceName::Cuda(0), InferenceDType::Int8).contains("use float32 or float16"));
        #[cfg(not(feature = "cuda"))]
        assert!(refused(DeviceName::Cuda(0), InferenceDType::Float32).contains("feature `cuda`"));
    }
}
