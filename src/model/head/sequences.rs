//! Outputs of the sequences of a batch while the head computes them.

use super::super::kernels::SequenceRows;
use super::super::{EncoderOutput, NonFiniteOutput};
use crate::types::SparseVector;

/// Sequences of a batch and their outputs so far.
pub struct SequenceOutputs {
    pub rows: Vec<SequenceRows>,
    pub outputs: Vec<EncoderOutput>,
}

impl SequenceOutputs {
    /// Creates an empty vector per sequence; a sequence with non-finite hidden states starts as an error.
    pub fn new(rows: Vec<SequenceRows>) -> Self {
        let output = |rows: &SequenceRows| match rows.max_abs.is_finite() {
            true => Ok(SparseVector::default()),
            false => Err(NonFiniteOutput),
        };
        Self { outputs: rows.iter().map(output).collect(), rows }
    }

    /// Iterates over the sequences without an error so far.
    pub fn iter_finite_mut(&mut self) -> impl Iterator<Item = (&SequenceRows, &mut EncoderOutput)> {
        self.rows.iter().zip(&mut self.outputs).filter(|(_, output)| output.is_ok())
    }
}

/// Appends terms in ascending order. A weight that is not finite makes the output an error.
pub fn append_terms(output: &mut EncoderOutput, weights: impl IntoIterator<Item = (u32, f32)>) {
    for (term, weight) in weights {
        let Ok(vector) = output else { return };
        if vector.push(term, weight).is_err() {
            *output = Err(NonFiniteOutput);
        }
    }
}
