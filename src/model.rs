//! The model: a folder of files becomes a tokenizer and an encoder.
//!
//! ```text
//!  text ──▶ Tokenizer ──▶ TokenBatch ──▶ Encoder: embeddings ▸ layers ▸ SPLADE head ──▶ SparseVector
//! ```
//!
//! A family (BERT, DistilBERT, …) says where its tensors are; the forward pass over a packed batch, the head and the
//! kernels are shared.

mod backend;
mod batch;
mod content;
mod encoder;
mod error;
mod families;
mod files;
mod fingerprint;
mod fingerprint_match;
mod head;
pub mod hub;
mod json_file;
mod kernels;
pub mod keys;
mod layout;
mod legacy;
mod loaded_model;
mod max_length;
mod models;
mod own_terms;
mod settings_check;
mod side;
mod splade_encoder;
mod static_encoder;
mod tokenizer;
mod tokenizer_files;
mod transformer;
#[cfg(feature = "verify")]
pub mod verify;
mod weights;
mod yield_point;

pub use backend::{Backend, DeviceName, Precision};
pub use batch::TokenBatch;
pub use encoder::{Encoder, EncoderOutput, NonFiniteOutput};
pub use error::ModelError;
pub use fingerprint_match::FingerprintMatch;
pub use layout::{Config, Pooling, Settings, TermActivation};
pub use loaded_model::Model;
pub use models::Models;
pub use settings_check::check_settings;
pub use side::Side;
pub use splade_encoder::SpladeEncoder;
pub use tokenizer::{Tokenizer, Tokens};
pub use yield_point::YieldPoint;
