//! Reference encoder: a masked language model of candle-transformers, followed by pooling.

use candle_core::{Device, Tensor};

use super::super::super::layout::Family;
use super::super::super::weights::Weights;
use super::super::super::{EncoderOutput, TransformerSettings};
use super::masked_lm::MaskedLm;
use super::tensors::TensorSource;
use super::{ReferenceError, bert, distilbert, modernbert, pooling, roberta};
use crate::panics::catch;

/// Reference encoder of a model.
pub struct ReferenceEncoder {
    model: Box<dyn MaskedLm>,
    settings: TransformerSettings,
    /// Description of a weight so large that int8 rounds the rest of its row to zero.
    pub outlier: Option<String>,
}

impl ReferenceEncoder {
    /// Loads the weights into a candle-transformers model.
    ///
    /// # Errors
    /// [`ReferenceError::Unsupported`] if candle-transformers does not support the model, [`ReferenceError::Damaged`]
    /// if a weight is not usable.
    pub fn load(settings: &TransformerSettings) -> Result<Self, ReferenceError> {
        let weights = Weights::open(&settings.weight_paths).map_err(ReferenceError::unsupported)?;
        let source = TensorSource::new(&weights);
        let model = catch_candle_panic(|| match settings.config.class.family {
            Family::Bert => bert::load(settings, &source),
            Family::DistilBert => distilbert::load(settings, &source),
            Family::Roberta => roberta::load(settings, &source),
            Family::ModernBert => modernbert::load(settings, &source),
        })?;
        // Damage is checked first, because it may be the reason why a class failed to load.
        match source.damage() {
            Some(damage) => Err(ReferenceError::Damaged(damage)),
            None => Ok(Self { model: model?, settings: settings.clone(), outlier: source.outlier() }),
        }
    }

    /// Encodes one sequence of token ids.
    ///
    /// # Errors
    /// [`ReferenceError::Unsupported`] if candle-transformers fails, which does not happen for a valid sequence.
    pub fn encode(&self, ids: &[u32]) -> Result<EncoderOutput, ReferenceError> {
        let encode = || -> candle_core::Result<EncoderOutput> {
            if ids.is_empty() {
                return Ok(Ok(Default::default()));
            }
            let ids = Tensor::new(ids, &Device::Cpu)?.unsqueeze(0)?;
            let logits = self.model.logits(&ids)?.squeeze(0)?.to_vec2::<f32>()?;
            Ok(pooling::pool(&logits, self.settings.pooling, self.settings.activation))
        };
        catch_candle_panic(encode)?
            .map_err(|error| ReferenceError::unsupported(format!("candle-transformers failed: {error}")))
    }
}

/// Converts a panic of candle-transformers, which trusts its configuration, into an error.
fn catch_candle_panic<T>(work: impl FnOnce() -> T) -> Result<T, ReferenceError> {
    let panicked = || ReferenceError::unsupported("candle-transformers panicked on this configuration");
    catch(work).map_err(|_| panicked())
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use serde::de::DeserializeOwned;

    use super::super::super::compare::{Differences, VerifyVerdict};
    use super::*;
    use crate::model::layout::{EncoderSettings, Layout};
    use crate::model::{Backend, InferenceDType, Model};
    use crate::types::SparseVector;

    #[derive(serde::Deserialize)]
    struct Golden {
        vectors: Vec<GoldenVector>,
    }

    #[derive(serde::Deserialize)]
    struct GoldenVector {
        indices: Vec<u32>,
        values: Vec<f32>,
    }

    fn tests_data(file: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file)
    }

    fn read<T: DeserializeOwned>(file: &str) -> T {
        serde_json::from_slice(&std::fs::read(tests_data(file)).unwrap()).unwrap()
    }

    fn transformer(directory: &Path) -> TransformerSettings {
        match Layout::read(directory).unwrap().document.encoder {
            EncoderSettings::Transformer { settings, .. } => settings,
            EncoderSettings::Static(_) => panic!("no transformer"),
        }
    }

    /// Property: the reference, if there is one, has the vectors of sentence-transformers.
    #[test]
    fn the_reference_agrees_with_sentence_transformers() {
        let texts: Vec<String> = read("golden/texts.json");
        let mut unsupported = Vec::new();
        for entry in std::fs::read_dir(tests_data("models")).unwrap() {
            let directory = entry.unwrap().path();
            let name = directory.file_name().unwrap().to_str().unwrap().to_owned();
            let reference = match ReferenceEncoder::load(&transformer(&directory)) {
                Ok(reference) => reference,
                Err(ReferenceError::Unsupported(_)) => {
                    unsupported.push(name);
                    continue;
                }
                Err(ReferenceError::Damaged(damage)) => panic!("{name}: {damage}"),
            };
            assert_eq!(reference.outlier, None, "{name}");
            let role_encoder = Model::load(&name, &directory, &Backend::default()).unwrap().document;
            let encode = |text: &String| reference.encode(&role_encoder.tokenizer.tokenize(text).unwrap().ids).unwrap();
            let outputs: Vec<EncoderOutput> = texts.iter().map(encode).collect();
            let golden: Golden = read(&format!("golden/{name}.json"));
            let golden = golden.vectors.into_iter().map(|vector| SparseVector::new(vector.indices, vector.values));
            let golden: Vec<EncoderOutput> = golden.map(|vector| Ok(vector.unwrap())).collect();
            let differences = Differences::measure(&outputs, &golden);
            assert_eq!(differences.text_count, golden.len());
            assert_eq!(
                VerifyVerdict::judge(InferenceDType::Float32, false, &differences),
                VerifyVerdict::Equal,
                "{name}: {differences:?}"
            );
        }
        assert_eq!(unsupported, ["modernbert-random-untied"]);
    }

    #[test]
    fn a_panic_is_an_unsupported_model() {
        assert!(matches!(catch_candle_panic(|| panic!("planted")), Err::<(), _>(ReferenceError::Unsupported(_))));
    }
}
