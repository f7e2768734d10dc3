//! The ids of a client's documents that are under way. A second document of the same id waits for the first, so that the
//! later one wins; the first then waits for no others on its way.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::types::PointId;

/// The ids of one client.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    ids: Arc<Mutex<Ids>>,
    released: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Ids {
    claimed: HashSet<PointId>,
    /// The claimed id that the client's next document has.
    awaited: Option<PointId>,
}

/// The claim to an id, released on drop.
#[derive(Debug)]
pub struct Claim {
    claims: Claims,
    id: PointId,
}

impl Claims {
    /// Waits until nobody else has the id; calls `hurry` if that takes a wait. For one task at a time: the one that reads
    /// the stream.
    pub async fn claim(&self, id: PointId, hurry: impl Fn()) -> Claim {
        loop {
            let released = self.released.notified();
            {
                let mut ids = self.lock();
                if ids.claimed.insert(id) {
                    ids.awaited = None;
                    return Claim { claims: self.clone(), id };
                }
                ids.awaited = Some(id);
            }
            hurry();
            released.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ids> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim {
    /// Whether another document of the id waits for this one to be answered.
    pub fn is_awaited(&self) -> bool {
        self.claims.lock().awaited == Some(self.id)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.claims.lock().claimed.remove(&self.id);
        self.claims.released.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::pipeline::testing::pending;

    #[tokio::test]
    async fn the_second_of_an_id_waits_for_the_first_and_hurries_it() {
        let claims = Claims::default();
        let hurried = Cell::new(0);
        let claim = |number| claims.claim(PointId::Num(number), || hurried.set(hurried.get() + 1));
        let first = claim(1).await;
        let other = claim(2).await;
        assert_eq!(hurried.get(), 0);
        let second = claim(1);
        tokio::pin!(second);
        assert!(pending(&mut second).await);
        assert!(first.is_awaited() && !other.is_awaited() && hurried.get() == 1);
        drop(other);
        assert!(pending(&mut second).await, "another id was released");
        drop(first);
        let second = second.await;
        assert!(!second.is_awaited());
        assert!(pending(claim(1)).await);
        drop(second);
        claim(1).await;
    }
}
