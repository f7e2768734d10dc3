//! Permits, each of which counts one document or text and its bytes.

use std::sync::Arc;

use metrics::{Counter, Histogram};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Pool of the permits of one kind of work.
#[derive(Debug, Clone)]
pub struct PermitPool {
    documents: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    max_documents: usize,
    max_bytes: u32,
    metrics: PermitMetrics,
}

/// Metrics of a permit pool.
#[derive(Debug, Clone)]
pub struct PermitMetrics {
    /// Permits acquired.
    pub admitted: Counter,
    /// Time that each permit was held, in seconds.
    pub held_seconds: Histogram,
}

/// Permit of a document whose bytes may not be acquired yet.
#[derive(Debug)]
pub struct PermitReservation {
    document: OwnedSemaphorePermit,
    /// `None` until the size is known.
    bytes: Option<OwnedSemaphorePermit>,
    pool: PermitPool,
}

/// Permit of one document in flight.
#[derive(Debug)]
pub struct Permit {
    _document: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
    acquired_at: Instant,
    held_seconds: Histogram,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.held_seconds.record(self.acquired_at.elapsed().as_secs_f64());
    }
}

impl PermitPool {
    /// Creates a pool that limits documents and bytes in flight.
    pub fn new(max_documents: usize, max_bytes: usize) -> Self {
        // A semaphore's bulk acquire takes a u32; 1 so that an oversized document can still acquire "all bytes".
        let max_bytes = u32::try_from(max_bytes).unwrap_or(u32::MAX).max(1);
        Self {
            documents: Arc::new(Semaphore::new(max_documents)),
            bytes: Arc::new(Semaphore::new(max_bytes as usize)),
            max_documents,
            max_bytes,
            metrics: PermitMetrics { admitted: Counter::noop(), held_seconds: Histogram::noop() },
        }
    }

    /// Adds metrics to the pool.
    #[must_use]
    pub fn with_metrics(self, metrics: PermitMetrics) -> Self {
        Self { metrics, ..self }
    }

    /// Reserves a permit for one document. Waits in FIFO order.
    ///
    /// # Errors
    /// If the pool is closed.
    pub async fn reserve(&self) -> Result<PermitReservation, AcquireError> {
        let document = Arc::clone(&self.documents).acquire_owned().await?;
        Ok(PermitReservation { document, bytes: None, pool: self.clone() })
    }

    /// Reserves permits for documents of the given sizes in bytes, or returns `None` if the pool has too few. The
    /// reservation is all-or-nothing, so that two callers can't deadlock by each holding a part. Documents larger than
    /// the pool acquire all of its bytes.
    ///
    /// See docs/adr/0043-admission-of-calls-and-streams.md.
    pub fn try_reserve_all(&self, sizes: &[usize]) -> Option<Vec<PermitReservation>> {
        let count = u32::try_from(sizes.len()).ok()?;
        let total = sizes.iter().fold(0, |total: usize, size| total.saturating_add(*size));
        let total = u32::try_from(total).unwrap_or(u32::MAX).min(self.max_bytes);
        let mut documents = Arc::clone(&self.documents).try_acquire_many_owned(count).ok()?;
        let mut bytes = Arc::clone(&self.bytes).try_acquire_many_owned(total).ok()?;
        // The total is capped, so the last documents may get fewer bytes than their size.
        let reservations = sizes.iter().map(|&size| {
            let bytes = bytes.split(size.min(bytes.num_permits()));
            Some(PermitReservation { document: documents.split(1)?, bytes, pool: self.clone() })
        });
        reservations.collect()
    }

    /// Returns the maximum number of documents that can hold a permit.
    pub fn max_documents(&self) -> usize {
        self.max_documents
    }

    /// Returns the number of documents that hold a permit.
    pub fn held_permits(&self) -> usize {
        self.max_documents - self.documents.available_permits()
    }
}

impl PermitReservation {
    /// Waits for the document's bytes. A document larger than the pool acquires all of its bytes.
    ///
    /// Cannot deadlock: a caller that waits here holds no bytes, and a holder of bytes never waits for a permit.
    ///
    /// # Errors
    /// If the pool is closed.
    pub async fn acquire_bytes(self, bytes: usize) -> Result<Permit, AcquireError> {
        let Self { document, bytes: held_bytes, pool: PermitPool { bytes: byte_permits, max_bytes, metrics, .. } } =
            self;
        let bytes = match held_bytes {
            Some(held) => held,
            None => byte_permits.acquire_many_owned(u32::try_from(bytes).unwrap_or(u32::MAX).min(max_bytes)).await?,
        };
        metrics.admitted.increment(1);
        Ok(Permit {
            _document: document,
            _bytes: bytes,
            acquired_at: Instant::now(),
            held_seconds: metrics.held_seconds,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::testing::is_pending;

    #[tokio::test]
    async fn waits_for_documents_and_for_bytes() {
        let admission = PermitPool::new(2, 100);
        let first = admission.reserve().await.unwrap().acquire_bytes(60).await.unwrap();
        let second = admission.reserve().await.unwrap();
        assert!(is_pending(admission.reserve()).await, "both permits are reserved");
        let second = second.acquire_bytes(60);
        tokio::pin!(second);
        assert!(is_pending(&mut second).await, "120 bytes are more than 100");
        drop(first);
        second.await.unwrap();
        assert_eq!(admission.held_permits(), 0);
    }

    #[tokio::test]
    async fn reserving_for_several_documents_is_all_or_nothing() {
        let admission = PermitPool::new(4, 100);
        let reservations = admission.try_reserve_all(&[30, 40, 1 << 40]).unwrap();
        assert_eq!(admission.held_permits(), 3);
        assert!(admission.try_reserve_all(&[0, 0]).is_none(), "only one permit is left");
        assert!(admission.try_reserve_all(&[1]).is_none(), "no byte is left");
        assert_eq!(admission.held_permits(), 3, "a refusal takes nothing");
        for reservation in reservations {
            reservation.acquire_bytes(1 << 40).await.unwrap();
        }
        assert_eq!(admission.held_permits(), 0);
        assert_eq!(admission.try_reserve_all(&[25; 4]).unwrap().len(), 4);
    }

    #[tokio::test]
    async fn a_document_larger_than_the_pool_takes_all_bytes() {
        let admission = PermitPool::new(2, 100);
        let large = admission.reserve().await.unwrap().acquire_bytes(1 << 40).await.unwrap();
        assert!(is_pending(admission.reserve().await.unwrap().acquire_bytes(1)).await);
        drop(large);
    }
}
