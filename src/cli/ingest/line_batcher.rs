//! Packs lines into batches of a bounded size.

use super::ingest_line::IngestLine;

/// Maximum number of lines per batch, and of operations per message.
pub const MAX_BATCH_LINES: usize = 64;

/// Maximum size of a batch or message in bytes; a single larger line is a batch of its own.
pub const MAX_BATCH_BYTES: usize = 1 << 20;

/// Packs lines into batches of at most [`MAX_BATCH_LINES`] lines and [`MAX_BATCH_BYTES`] bytes, or a single larger line.
#[derive(Debug, Default)]
pub struct LineBatcher {
    lines: Vec<IngestLine>,
    bytes: usize,
}

impl LineBatcher {
    /// Adds a line. Returns the batch of the lines before it if the line does not fit.
    pub fn push(&mut self, line: IngestLine) -> Option<Vec<IngestLine>> {
        let line_bytes = line.size_bytes();
        let is_full = self.lines.len() == MAX_BATCH_LINES || self.bytes + line_bytes > MAX_BATCH_BYTES;
        let batch = if is_full { self.take_batch() } else { None };
        self.bytes += line_bytes;
        self.lines.push(line);
        batch
    }

    /// Returns the current batch; `None` if it is empty.
    pub fn take_batch(&mut self) -> Option<Vec<IngestLine>> {
        self.bytes = 0;
        Some(std::mem::take(&mut self.lines)).filter(|lines| !lines.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::cli::ingest::input_position::InputPosition;

    fn line(number: u64, size: usize) -> IngestLine {
        let position = InputPosition { lines: number, bytes: number, ..InputPosition::default() };
        IngestLine {
            position,
            file: Arc::default(),
            number,
            other_shard_lines: 0,
            raw_bytes: None,
            document: Ok(Bytes::from(vec![0; size])),
        }
    }

    fn batches(lines: &[IngestLine]) -> Vec<Vec<IngestLine>> {
        let mut batcher = LineBatcher::default();
        let mut batches: Vec<_> = lines.iter().filter_map(|line| batcher.push(line.clone())).collect();
        batches.extend(batcher.take_batch());
        batches
    }

    #[test]
    fn sixty_four_small_lines_a_batch() {
        let lines: Vec<_> = (1..=130).map(|number| line(number, 10)).collect();
        assert_eq!(batches(&lines).iter().map(Vec::len).collect::<Vec<_>>(), [64, 64, 2]);
    }

    #[test]
    fn a_large_line_goes_alone() {
        let lines = [line(1, 10), line(2, 2 * MAX_BATCH_BYTES), line(3, 10), line(4, MAX_BATCH_BYTES - 10), line(5, 1)];
        assert_eq!(batches(&lines).iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 2, 1]);
    }

    proptest! {
        /// Law: batches contain all lines in order, and no batch is empty or exceeds its bounds.
        #[test]
        fn batches_are_the_lines(sizes in prop::collection::vec(0usize..MAX_BATCH_BYTES * 5 / 4, 0..12), small in 0u64..200) {
            let mut lines: Vec<_> = (0..small).map(|number| line(number, 3)).collect();
            lines.extend(sizes.iter().map(|&size| line(1000, size)));
            let batches = batches(&lines);
            for batch in &batches {
                let bytes: usize = batch.iter().map(IngestLine::size_bytes).sum();
                prop_assert!(!batch.is_empty() && batch.len() <= MAX_BATCH_LINES);
                prop_assert!(bytes <= MAX_BATCH_BYTES || batch.len() == 1);
            }
            prop_assert_eq!(batches.concat(), lines);
        }
    }
}
