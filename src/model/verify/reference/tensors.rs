//! Checkpoint tensors under the names of candle-transformers.

use candle_core::{DType, Device, Result, Shape, Tensor, bail};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use parking_lot::Mutex;

use super::super::super::weights::Weights;

/// Magnitude above which a weight counts as damaged: its square, computed by layer normalization, overflows float32.
const MAX_MAGNITUDE: f32 = 1e18;

/// Biases per term. A large negative bias or −∞ excludes its term.
const TERM_BIASES: [&str; 6] = [
    "cls.predictions.decoder.bias",
    "cls.predictions.bias",
    "vocab_projector.bias",
    "lm_head.decoder.bias",
    "lm_head.bias",
    "decoder.bias",
];

/// Ratio of the largest weight of a row to all others above which int8, with one scale per row, rounds all others to
/// zero: half a step is the largest weight / 254.
const MAX_INT8_RATIO: f32 = 254.0;

/// Tensors of a checkpoint. Records the first unusable weight, and the first row in which int8 would keep a single
/// weight.
pub struct TensorSource<'a> {
    weights: &'a Weights,
    damage: Mutex<Option<String>>,
    outlier: Mutex<Option<String>>,
}

/// Backend of a [`VarBuilder`] that renames tensors of a [`TensorSource`].
struct RenamingBackend<'a> {
    source: &'a TensorSource<'a>,
    rename: NameMapping<'a>,
}

/// Maps a name of candle-transformers to candidate names in the checkpoint, in order of preference.
type NameMapping<'a> = Box<dyn Fn(&str) -> Vec<String> + Send + Sync + 'a>;

impl<'a> TensorSource<'a> {
    pub fn new(weights: &'a Weights) -> Self {
        Self { weights, damage: Mutex::default(), outlier: Mutex::default() }
    }

    /// Returns true if the checkpoint has a tensor with that name.
    pub fn has(&self, name: &str) -> bool {
        self.weights.has(name)
    }

    /// Returns a builder that reads each tensor under the first candidate name in the checkpoint. A tensor without
    /// candidate names is zero. Layer norms may be named `gamma` and `beta`, as in checkpoints converted from
    /// TensorFlow.
    pub fn builder(&'a self, rename: impl Fn(&str) -> Vec<String> + Send + Sync + 'a) -> VarBuilder<'a> {
        let backend = RenamingBackend { source: self, rename: Box::new(rename) };
        VarBuilder::from_backend(Box::new(backend), DType::F32, Device::Cpu)
    }

    /// Returns a description of the first unusable weight.
    pub fn damage(&self) -> Option<String> {
        self.damage.lock().clone()
    }

    /// Returns a description of the first weight for which int8 rounds the rest of its row to zero.
    pub fn outlier(&self) -> Option<String> {
        self.outlier.lock().clone()
    }

    /// Reads a tensor. `is_matrix` marks operands of products, whose rows int8 quantizes.
    fn read(&self, name: &str, shape: &[usize], is_matrix: bool) -> Result<Tensor> {
        let elements = match self.weights.tensor(&[name.to_owned()], shape) {
            Ok(elements) => elements.into_owned(),
            Err(error) => bail!("{error}"),
        };
        let is_term_bias = TERM_BIASES.contains(&name);
        let is_usable = |value: f32| value.abs() <= MAX_MAGNITUDE || (is_term_bias && value < 0.0);
        if let Some(value) = elements.iter().copied().find(|&value| !is_usable(value)) {
            let mut damage = self.damage.lock();
            damage.get_or_insert_with(|| format!("tensor `{name}` contains {value:e}; download the weights again"));
        }
        if let (true, &[_, width]) = (is_matrix, shape)
            && width > 0
            && let Some((row, value)) =
                elements.chunks(width).enumerate().find_map(|(at, row)| Some((at, find_outlier(row)?)))
        {
            let mut outlier = self.outlier.lock();
            outlier.get_or_insert_with(|| {
                format!(
                    "row {row} of tensor `{name}` contains {value:e}, so int8 rounds all other weights of the row to 0"
                )
            });
        }
        Tensor::from_vec(elements, shape, &Device::Cpu)
    }
}

/// Returns the largest weight of a row if int8 rounds all other weights to zero and they are not all zero.
fn find_outlier(row: &[f32]) -> Option<f32> {
    let (mut largest, mut second) = (0.0_f32, 0.0_f32);
    for &weight in row {
        if weight.abs() > largest.abs() {
            (largest, second) = (weight, largest);
        } else if weight.abs() > second.abs() {
            second = weight;
        }
    }
    (second != 0.0 && largest.abs() > MAX_INT8_RATIO * second.abs()).then_some(largest)
}

impl RenamingBackend<'_> {
    fn checkpoint_names(&self, name: &str) -> Vec<String> {
        let mut names = (self.rename)(name);
        let old: Vec<String> = names.iter().filter_map(|name| tensorflow_name(name)).collect();
        names.extend(old);
        names
    }
}

/// Returns the name of a layer norm's weight or bias in checkpoints converted from TensorFlow.
fn tensorflow_name(name: &str) -> Option<String> {
    let (layer, kind) = name.rsplit_once('.')?;
    match kind {
        _ if !layer.to_ascii_lowercase().contains("norm") => None,
        "weight" => Some(format!("{layer}.gamma")),
        "bias" => Some(format!("{layer}.beta")),
        _ => None,
    }
}

impl SimpleBackend for RenamingBackend<'_> {
    fn get(&self, shape: Shape, name: &str, _: Init, _: DType, _: &Device) -> Result<Tensor> {
        let names = self.checkpoint_names(name);
        match names.iter().find(|name| self.source.has(name)) {
            Some(found) => self.source.read(found, shape.dims(), !name.contains("embeddings")),
            None if names.is_empty() => Tensor::zeros(shape, DType::F32, &Device::Cpu),
            None => bail!("tensor `{}` is missing", names.join("` or `")),
        }
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        bail!("tensor `{name}` is requested without its shape")
    }

    fn contains_tensor(&self, name: &str) -> bool {
        let names = self.checkpoint_names(name);
        names.is_empty() || names.iter().any(|name| self.source.has(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_that_makes_int8_zero_its_row_is_an_outlier() {
        assert_eq!(find_outlier(&[0.1, -30.0, 0.05]), Some(-30.0));
        assert_eq!(find_outlier(&[1e17, 0.1]), Some(1e17));
        for row in [&[0.1, -20.0, 0.05][..], &[0.0, 5.0, 0.0], &[0.2, 0.1], &[]] {
            assert_eq!(find_outlier(row), None, "{row:?}");
        }
    }

    #[test]
    fn only_layer_norms_have_tensorflow_names() {
        assert_eq!(tensorflow_name("a.LayerNorm.weight").as_deref(), Some("a.LayerNorm.gamma"));
        assert_eq!(tensorflow_name("a.layer_norm.bias").as_deref(), Some("a.layer_norm.beta"));
        assert_eq!(tensorflow_name("a.dense.bias"), None);
    }
}
