//! Defaults of the transformers classes for missing keys, and aliases of keys.

use serde_json::{Map, Value, json};

use super::super::class::ModelClass;
use super::super::family::Family;

/// Returns the aliases of keys, which take precedence: alias, key, and factor from alias to key.
pub fn list_aliases(family: Family) -> &'static [(&'static str, &'static str, u64)] {
    match family {
        Family::DistilBert => {
            &[("hidden_size", "dim", 1), ("num_hidden_layers", "n_layers", 1), ("num_attention_heads", "n_heads", 1)]
        }
        Family::ModernBert => &[("sliding_window", "local_attention", 2)],
        Family::Bert | Family::Roberta => &[],
    }
}

/// Returns the defaults of a class for the keys that determine vectors.
pub fn build_defaults(class: &ModelClass) -> Map<String, Value> {
    let object = match class.family {
        Family::Bert => json!({
            "vocab_size": 30522, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
            "intermediate_size": 3072, "hidden_act": "gelu", "max_position_embeddings": 512, "type_vocab_size": 2,
            "layer_norm_eps": 1e-12, "tie_word_embeddings": true,
        }),
        Family::Roberta => json!({
            "vocab_size": if class.model_type == "roberta" { 50265 } else { 30522 },
            "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
            "intermediate_size": 3072, "hidden_act": "gelu", "max_position_embeddings": 512, "type_vocab_size": 2,
            "layer_norm_eps": 1e-12, "pad_token_id": 1, "tie_word_embeddings": true,
        }),
        Family::DistilBert => json!({
            "vocab_size": 30522, "dim": 768, "n_layers": 6, "n_heads": 12, "hidden_dim": 3072, "activation": "gelu",
            "max_position_embeddings": 512, "tie_word_embeddings": true,
        }),
        Family::ModernBert => json!({
            "vocab_size": 50368, "hidden_size": 768, "num_hidden_layers": 22, "num_attention_heads": 12,
            "intermediate_size": 1152, "hidden_activation": "gelu", "classifier_activation": "gelu",
            "max_position_embeddings": 8192, "norm_eps": 1e-5, "norm_bias": false, "attention_bias": false,
            "mlp_bias": false, "classifier_bias": false, "decoder_bias": true, "local_attention": 128,
            "global_attn_every_n_layers": 3, "tie_word_embeddings": true,
        }),
    };
    match object {
        Value::Object(defaults) => defaults,
        _ => Map::new(),
    }
}
