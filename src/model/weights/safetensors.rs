//! Safetensors files.

use std::collections::HashMap;

use candle_core::DType;
use safetensors::{SafeTensorError, SafeTensors};

use super::location::{ElementOrder, TensorLocation, TensorLocations};

/// The tensors that a safetensors header names. This also checks that the file is as long as its header says.
pub fn read_locations(map: &[u8]) -> Result<(TensorLocations, HashMap<String, String>), SafeTensorError> {
    let (header, metadata) = SafeTensors::read_metadata(map)?;
    // Before the header comes its length.
    let begin = header + size_of::<u64>();
    let (mut locations, mut unsupported) = (TensorLocations::new(), HashMap::new());
    for (name, info) in metadata.tensors() {
        let bytes = begin + info.data_offsets.0..begin + info.data_offsets.1;
        match DType::try_from(info.dtype) {
            Ok(dtype) => {
                locations.insert(
                    name,
                    TensorLocation { dtype, shape: info.shape.clone(), bytes, order: ElementOrder::Rows },
                );
            }
            Err(_) => {
                unsupported.insert(name, format!("{:?}", info.dtype));
            }
        }
    }
    Ok((locations, unsupported))
}
