//! Reading of safetensors headers.

use std::collections::HashMap;

use candle_core::DType;
use safetensors::{SafeTensorError, SafeTensors};

use super::location::{ElementOrder, TensorLocation, TensorLocations};

/// Returns the locations of supported tensors and the element types of unsupported ones. Checks that the file is as
/// long as its header declares.
pub fn read_locations(map: &[u8]) -> Result<(TensorLocations, HashMap<String, String>), SafeTensorError> {
    let (header, metadata) = SafeTensors::read_metadata(map)?;
    // The header is preceded by its length.
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
