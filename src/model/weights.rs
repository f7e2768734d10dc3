//! Model weights: safetensors (one file or shards), or PyTorch pickles.
//!
//! See docs/adr/0029-weights-mapped-and-packed.md.

mod location;
mod mapped_file;
mod pickled;
mod safetensors;
mod table;
mod tensors;
mod weight_files;

pub use table::EmbeddingTable;
pub use tensors::Weights;
pub use weight_files::find_weight_files;
