//! Lines → messages of a bounded size.

use super::line::Line;

/// Maximum lines per batch, and operations per message.
pub const MAX_LINES: usize = 64;

/// Maximum bytes per batch and per message, unless one line alone has more.
pub const MAX_BYTES: usize = 1 << 20;

/// Packs lines into batches: at most 64 lines and 1 MiB, or one line.
#[derive(Debug, Default)]
pub struct Batcher {
    lines: Vec<Line>,
    bytes: usize,
}

impl Batcher {
    /// Takes a line; gives the batch before it, if the line no longer fits.
    pub fn push(&mut self, line: Line) -> Option<Vec<Line>> {
        let size = line.size();
        let full = self.lines.len() == MAX_LINES || self.bytes + size > MAX_BYTES;
        let batch = if full { self.take() } else { None };
        self.bytes += size;
        self.lines.push(line);
        batch
    }

    /// Gives what there is.
    pub fn take(&mut self) -> Option<Vec<Line>> {
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

    fn line(number: u64, size: usize) -> Line {
        let place = InputPosition { lines: number, bytes: number, ..InputPosition::default() };
        Line { place, file: Arc::default(), number, passed: 0, text: None, document: Ok(Bytes::from(vec![0; size])) }
    }

    fn batches(lines: &[Line]) -> Vec<Vec<Line>> {
        let mut batcher = Batcher::default();
        let mut batches: Vec<_> = lines.iter().filter_map(|line| batcher.push(line.clone())).collect();
        batches.extend(batcher.take());
        batches
    }

    #[test]
    fn sixty_four_small_lines_a_batch() {
        let lines: Vec<_> = (1..=130).map(|number| line(number, 10)).collect();
        assert_eq!(batches(&lines).iter().map(Vec::len).collect::<Vec<_>>(), [64, 64, 2]);
    }

    #[test]
    fn a_large_line_goes_alone() {
        let lines = [line(1, 10), line(2, 2 * MAX_BYTES), line(3, 10), line(4, MAX_BYTES - 10), line(5, 1)];
        assert_eq!(batches(&lines).iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 2, 1]);
    }

    proptest! {
        /// Law: no line is lost or moved, and no batch is empty or over its bounds.
        #[test]
        fn batches_are_the_lines(sizes in prop::collection::vec(0usize..MAX_BYTES * 5 / 4, 0..12), small in 0u64..200) {
            let mut lines: Vec<_> = (0..small).map(|number| line(number, 3)).collect();
            lines.extend(sizes.iter().map(|&size| line(1000, size)));
            let batches = batches(&lines);
            for batch in &batches {
                let bytes: usize = batch.iter().map(Line::size).sum();
                prop_assert!(!batch.is_empty() && batch.len() <= MAX_LINES);
                prop_assert!(bytes <= MAX_BYTES || batch.len() == 1);
            }
            prop_assert_eq!(batches.concat(), lines);
        }
    }
}
