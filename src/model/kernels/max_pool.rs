//! The maximum over a sequence's tokens.

use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdOp};

/// Raises each of `best` to the maximum of its column in `rows`, a row-major `[tokens, best.len()]`.
pub fn max_rows_into(rows: &[f32], best: &mut [f32]) {
    if !best.is_empty() {
        MaxRows { rows, best }.dispatch();
    }
}

struct MaxRows<'a> {
    rows: &'a [f32],
    best: &'a mut [f32],
}

impl SimdOp for MaxRows<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let ops = isa.f32();
        for row in self.rows.chunks_exact(self.best.len()) {
            let mut best = self.best.chunks_exact_mut(ops.len());
            let mut row = row.chunks_exact(ops.len());
            for (best, row) in best.by_ref().zip(row.by_ref()) {
                let higher = ops.max(ops.load(best), ops.load(row));
                ops.store(higher, best);
            }
            for (best, &value) in best.into_remainder().iter_mut().zip(row.remainder()) {
                *best = best.max(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Law: the result is the maximum of each column, whatever the width.
        #[test]
        fn is_the_maximum_of_each_column(width in 1usize..40, rows in 1usize..6, seed in any::<u32>()) {
            let mut state = seed;
            let data: Vec<f32> = (0..width * rows).map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state as f32 / u32::MAX as f32 - 0.5
            }).collect();
            let mut best = vec![f32::NEG_INFINITY; width];
            max_rows_into(&data, &mut best);
            for column in 0..width {
                let expected = (0..rows).map(|row| data[row * width + column]).fold(f32::NEG_INFINITY, f32::max);
                prop_assert_eq!(best[column], expected);
            }
        }
    }
}
