//! Aliases of collections.

use std::collections::BTreeMap;
use std::sync::Arc;

use splade_sidecar::store::{ScrollQuery, StoreError, VectorStore, WithVectors};
use splade_sidecar::types::PointId;
use tokio::task::JoinSet;

use super::{VECTOR, count, create, create_with_points, fresh_name, numbers, point, query, retrieve, search, spec};

/// Returns the collections of these aliases. The server may have other aliases.
async fn aliases(store: &Arc<dyn VectorStore>, names: &[&String]) -> BTreeMap<String, String> {
    let mut aliases = store.list_aliases().await.expect("the aliases");
    aliases.retain(|alias, _| names.contains(&alias));
    aliases
}

/// Every call accepts an alias, and returns the name of the collection.
pub async fn every_call_accepts_an_alias(store: Arc<dyn VectorStore>) {
    let name = create_with_points(&store, &[point(1, &[(1, 1.0)])]).await;
    let alias = fresh_name();
    store.set_alias(&alias, &name).await.expect("an alias is set");
    assert_eq!(aliases(&store, &[&alias]).await, [(alias.clone(), name.clone())].into());

    store.upsert(&alias, VECTOR, &[point(2, &[(1, 2.0)]), point(3, &[(1, 3.0)])]).await.expect("an upsert");
    let by_name = store.get_collection(&name).await.expect("an answer").expect("the collection");
    let by_alias = store.get_collection(&alias).await.expect("an answer").expect("the collection");
    assert_eq!((by_alias.name.as_str(), by_alias.point_count), (name.as_str(), 3));
    assert_eq!((by_alias.spec, by_name.name), (by_name.spec, by_alias.name));
    assert_eq!(numbers(&search(&store, &alias, query(&[(1, 1.0)])).await), [3, 2, 1]);
    assert_eq!(numbers(&retrieve(&store, &alias, &[1, 2]).await), [1, 2]);
    assert_eq!(store.fetch_digests(&alias, &[PointId::Num(1)]).await, Ok([].into()));
    let page = store
        .scroll(&alias, ScrollQuery { from: None, limit: 2, vectors: WithVectors::default() })
        .await
        .expect("a page");
    assert_eq!((numbers(&page.points), page.next), (vec![1, 2], Some(PointId::Num(3))));
    store.delete(&alias, &[PointId::Num(1)]).await.expect("a deletion");
    assert_eq!(count(&store, &name).await, 2);
}

/// Each call sees one of the two collections, and only the new one after the switch.
pub async fn an_alias_is_switched_in_one_step(store: Arc<dyn VectorStore>) {
    const SWITCHES: usize = 20;
    let (old, new) = (
        create_with_points(&store, &[point(1, &[(1, 1.0)])]).await,
        create_with_points(&store, &[point(2, &[(1, 1.0)])]).await,
    );
    let alias = fresh_name();
    store.set_alias(&alias, &old).await.expect("an alias is set");
    let mut searches = JoinSet::new();
    for _ in 0..4 {
        let (store, alias) = (store.clone(), alias.clone());
        searches.spawn(async move {
            for _ in 0..SWITCHES * 5 {
                let found = numbers(&search(&store, &alias, query(&[(1, 1.0)])).await);
                assert!(found == [1] || found == [2], "{found:?}");
            }
        });
    }
    for _ in 0..SWITCHES {
        for (collection, number) in [(&new, 2), (&old, 1), (&new, 2)] {
            store.set_alias(&alias, collection).await.expect("an alias is switched");
            assert_eq!(numbers(&search(&store, &alias, query(&[(1, 1.0)])).await), [number]);
        }
    }
    searches.join_all().await;
    assert_eq!(aliases(&store, &[&alias]).await, [(alias, new)].into());
}

/// A refused call changes nothing.
pub async fn an_alias_and_a_collection_cannot_share_a_name(store: Arc<dyn VectorStore>) {
    let (first, second) = (create(&store, &spec()).await, create(&store, &spec()).await);
    let (alias, absent) = (fresh_name(), fresh_name());
    store.set_alias(&alias, &first).await.expect("an alias is set");
    assert_eq!(store.set_alias(&second, &first).await, Err(StoreError::AlreadyExists(second.clone())));
    assert_eq!(store.set_alias(&first, &first).await, Err(StoreError::AlreadyExists(first.clone())));
    assert_eq!(store.create_collection(&alias, &spec()).await, Err(StoreError::AlreadyExists(alias.clone())));
    assert_eq!(store.set_alias(&alias, &absent).await, Err(StoreError::CollectionNotFound(absent)));
    let second_alias = fresh_name();
    assert_eq!(store.set_alias(&second_alias, &alias).await, Err(StoreError::CollectionNotFound(alias.clone())));
    assert_eq!(aliases(&store, &[&alias, &second_alias, &second]).await, [(alias, first)].into());
}

/// The collection and its other aliases stay.
pub async fn a_deleted_alias_is_gone(store: Arc<dyn VectorStore>) {
    let name = create_with_points(&store, &[point(1, &[(1, 1.0)])]).await;
    let (alias, other) = (fresh_name(), fresh_name());
    store.set_alias(&alias, &name).await.expect("an alias is set");
    store.set_alias(&other, &name).await.expect("an alias is set");
    for _ in 0..2 {
        store.delete_alias(&alias).await.expect("an alias is deleted, or not there");
        assert_eq!(store.get_collection(&alias).await, Ok(None));
        let absent = Err(StoreError::CollectionNotFound(alias.clone()));
        assert_eq!(store.search(&alias, query(&[(1, 1.0)])).await, absent);
    }
    assert_eq!((count(&store, &name).await, count(&store, &other).await), (1, 1));
    store.create_collection(&alias, &spec()).await.expect("the name is free");
}
