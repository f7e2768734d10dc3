//! Sparse encoder models: loads a model directory and encodes texts with it.
//!
//! ```text
//!  text ──▶ Tokenizer ──▶ TokenBatch ──▶ Encoder: embeddings ▸ layers ▸ SPLADE head ──▶ SparseVector
//! ```
//!
//! Each family (BERT, DistilBERT, RoBERTa, ModernBERT) maps its tensor names to shared parts; the forward pass of
//! packed batches, the SPLADE head and the kernels are common to all families. See `ARCHITECTURE.md` and
//! docs/adr/0031-one-forward-pass.md.
//!
//! Entry points: [`Model::load`] reads a directory (found or downloaded by [`hub`]) and computes its fingerprint;
//! [`Models`] holds the models of a process by name; [`RoleEncoder`] has the [`Tokenizer`] and the [`Encoder`] for
//! documents or for queries.
//!
//! | modules | responsibility |
//! |---|---|
//! | `hub` | find or download the directory of a model |
//! | `layout`, `keys` | parse the configuration files: modules of the model, and settings that determine vectors |
//! | `tokenizer_files`, `tokenizer`, `content` | build and run the tokenizer; detect texts without content |
//! | `weights`, `families`, `transformer`, `head`, `kernels` | read the weights and run the forward pass |
//! | `splade_encoder`, `static_encoder`, `lexical_encoder` | implementations of [`Encoder`] |
//! | `role_encoder`, `loaded_model`, `models` | tokenizer and encoder of each role; all models of a process |
//! | `fingerprint`, `legacy` | fingerprints of everything that determines vectors |
//! | `verify` | compares vectors with those of a second implementation |

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
