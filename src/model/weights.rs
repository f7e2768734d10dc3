//! A model's weights: safetensors (whole or in shards), or a PyTorch pickle.

mod location;
mod mapped;
mod pickled;
mod safetensors;
mod table;
mod tensors;
mod weight_files;

pub use table::Table;
pub use tensors::Weights;
pub use weight_files::weight_files;
