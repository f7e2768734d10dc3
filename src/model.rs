//! The model: a directory of files becomes a tokenizer and an encoder.
//!
//! ```text
//!  text ──▶ Tokenizer ──▶ TokenBatch ──▶ Encoder: embeddings ▸ layers ▸ SPLADE head ──▶ SparseVector
//! ```
//!
//! A family (BERT, DistilBERT, …) says where its tensors are; the forward pass over a packed batch, the head and the
//! kernels are shared.
//!
//! | modules | what they do |
//! |---|---|
//! | `hub` | find or download the directory of a model |
//! | `layout`, `keys` | read its small files: which parts it has, and which settings decide vectors |
//! | `tokenizer_files`, `tokenizer`, `content` | build the tokenizer, and use it |
//! | `weights`, `families`, `transformer`, `head`, `kernels` | read the weights, and run the forward pass |
//! | `splade_encoder`, `static_encoder`, `own_terms` | the encoders |
//! | `side`, `loaded_model`, `models` | the tokenizer and the encoder of each role, and all models of a process |
//! | `fingerprint`, `legacy` | identify what decides vectors |
//! | `verify` | compare vectors with those of a second implementation |

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
mod lexical_encoder;
mod loaded_model;
mod max_length;
mod models;
mod role_encoder;
mod settings_check;
mod splade_encoder;
mod static_encoder;
mod tokenizer;
mod tokenizer_files;
mod transformer;
#[cfg(feature = "verify")]
pub mod verify;
mod weights;
mod yield_point;

pub use backend::{Backend, DeviceName, InferenceDType};
pub use batch::TokenBatch;
pub use encoder::{Encoder, EncoderOutput, NonFiniteOutput};
pub use error::ModelError;
pub use fingerprint_match::FingerprintMatch;
pub use layout::{Pooling, TermActivation, TransformerConfig, TransformerSettings};
pub use loaded_model::Model;
pub use models::Models;
pub use role_encoder::RoleEncoder;
pub use settings_check::check_settings;
pub use splade_encoder::SpladeEncoder;
pub use tokenizer::{TokenizedText, Tokenizer};
pub use yield_point::YieldPoint;
