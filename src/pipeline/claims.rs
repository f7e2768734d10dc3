//! The ids of a client's documents that are under way. A second document of the same id waits for the first, so that the
//! later one wins.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::types::PointId;

/// The ids of one client.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    ids: Arc<Mutex<HashSet<PointId>>>,
    released: Arc<Notify>,
}

/// The claim to an id, released on drop.
#[derive(Debug)]
pub struct Claim {
    claims: Claims,
    id: PointId,
}

impl Claims {
    /// Waits until nobody else has the id. For one task at a time: the one that reads the stream.
    pub async fn claim(&self, id: PointId) -> Claim {
        loop {
            let released = self.released.notified();
            if self.ids.lock().unwrap_or_else(PoisonError::into_inner).insert(id) {
                return Claim { claims: self.clone(), id };
            }
            released.await;
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.claims.ids.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
        self.claims.released.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::testing::pending;

    #[tokio::test]
    async fn the_second_of_an_id_waits_for_the_first() {
        let claims = Claims::default();
        let first = claims.claim(PointId::Num(1)).await;
        let other = claims.claim(PointId::Num(2)).await;
        let second = claims.claim(PointId::Num(1));
        tokio::pin!(second);
        assert!(pending(&mut second).await);
        drop(other);
        assert!(pending(&mut second).await, "another id was released");
        drop(first);
        let second = second.await;
        assert!(pending(claims.claim(PointId::Num(1))).await);
        drop(second);
        claims.claim(PointId::Num(1)).await;
    }
}
