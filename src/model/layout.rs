//! Structure of a model: the settings of the document encoder and of the query encoder.
//!
//! Without `modules.json`, a masked language model with max pooling encodes both. With it, sentence-transformers lists
//! the modules: a transformer and its pooling, or a router with a list per role.
//!
//! Everything here is read from small files, before weights are read or the tokenizer is built.

mod class;
mod config;
mod family;
mod module;
mod module_arguments;
mod pooling;
mod reader;
mod role_settings;
mod router;
mod sentence_config;
mod settings;
mod static_settings;
mod tokenizer_settings;
mod warnings;

pub use config::TransformerConfig;
pub use family::Family;
pub use pooling::{Pooling, TermActivation};
pub use reader::Layout;
pub use role_settings::{EncoderSettings, RoleSettings};
pub use settings::TransformerSettings;
pub use static_settings::StaticSettings;
pub use tokenizer_settings::TokenizerSettings;
