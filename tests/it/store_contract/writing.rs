//! Collections, and writes to them.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::json;
use splade_sidecar::store::{ScrollQuery, StoreError, VectorStore, WithVectors};
use splade_sidecar::types::{
    CollectionSpec, Datatype, DenseSpec, Distance, Document, DocumentId, EncodingSpec, Fingerprint, LongTextPolicy,
    Point, PointId, Pruning, SparseVector, StoredPoint,
};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{
    VECTOR, count, create, create_with_points, fresh_name, numbers, payload, point, query, retrieve, search, sparse,
    spec, spec_with_dense,
};

/// The information about a collection consists of its specification and its number of points.
pub async fn a_collection_returns_its_specification(store: Arc<dyn VectorStore>) {
    let dense = |size, distance| DenseSpec { size, distance };
    let rich = CollectionSpec {
        vector_name: "my terms".into(),
        on_disk_index: true,
        datatype: Datatype::Float16,
        dense: [
            ("title".to_owned(), dense(4, Distance::Cosine)),
            ("body".to_owned(), dense(8, Distance::Dot)),
            ("image".to_owned(), dense(2, Distance::Euclid)),
        ]
        .into(),
        ..spec()
    };
    let unknown = CollectionSpec {
        model: String::new(),
        fingerprint: None,
        dtype: String::new(),
        incarnation: String::new(),
        datatype: Datatype::Uint8,
        ..spec()
    };
    for spec in [spec(), rich, unknown] {
        let name = create(&store, &spec).await;
        let info = store.get_collection(&name).await.expect("an answer").expect("the collection");
        assert_eq!((info.spec, info.point_count), (spec.clone(), 0));
        store.upsert(&name, &spec.vector_name, &[point(1, &[(1, 1.0)]), point(2, &[])]).await.expect("an upsert");
        assert_eq!(count(&store, &name).await, 2);
    }
}

/// Creating an existing collection fails and changes nothing.
pub async fn a_collection_is_created_once(store: Arc<dyn VectorStore>) {
    let name = create_with_points(&store, &[point(1, &[(1, 1.0)])]).await;
    let other = CollectionSpec { model: "another".into(), incarnation: "another".into(), ..spec() };
    let again = store.create_collection(&name, &other).await;
    assert_eq!(again, Err(StoreError::AlreadyExists(name.clone())));
    let info = store.get_collection(&name).await.expect("an answer").expect("the collection");
    assert_eq!((info.spec, info.point_count), (spec(), 1));

    let contested = fresh_name();
    let mut creations = JoinSet::new();
    for _ in 0..4 {
        let (store, name) = (store.clone(), contested.clone());
        creations.spawn(async move { store.create_collection(&name, &spec()).await });
    }
    let mut outcomes = creations.join_all().await;
    outcomes.sort_by_key(Result::is_err);
    let exists = || Err(StoreError::AlreadyExists(contested.clone()));
    assert_eq!(outcomes, [Ok(()), exists(), exists(), exists()]);
}

/// Every collection is listed once, by its name and not by its aliases, sorted by name, with equal information.
pub async fn all_collections_are_listed(store: Arc<dyn VectorStore>) {
    let mut names = vec![create_with_points(&store, &[point(1, &[(1, 1.0)])]).await];
    for _ in 0..3 {
        names.push(create(&store, &spec()).await);
    }
    let alias = fresh_name();
    store.set_alias(&alias, &names[0]).await.expect("an alias is set");
    let all = store.list_collections().await.expect("the collections");
    assert!(all.is_sorted_by(|a, b| a.name < b.name), "{all:?}");
    assert!(all.iter().all(|info| info.name != alias), "{all:?}");
    for name in names {
        let described = store.get_collection(&name).await.expect("an answer");
        // The server may have other collections.
        assert_eq!(all.iter().find(|info| info.name == name), described.as_ref());
    }
}

/// Every call to a missing collection returns `CollectionNotFound`.
pub async fn calls_to_a_missing_collection_return_not_found(store: Arc<dyn VectorStore>) {
    let name = fresh_name();
    let absent = StoreError::CollectionNotFound(name.clone());
    assert_eq!(store.get_collection(&name).await, Ok(None));
    assert_eq!(store.upsert(&name, VECTOR, &[point(1, &[(1, 1.0)])]).await, Err(absent.clone()));
    assert_eq!(store.search(&name, query(&[(1, 1.0)])).await, Err(absent.clone()));
    assert_eq!(store.retrieve(&name, &[PointId::Num(1)], &WithVectors::sparse(VECTOR)).await, Err(absent.clone()));
    assert_eq!(store.delete(&name, &[PointId::Num(1)]).await, Err(absent));
}

/// Nothing of the previous point is left: no term, no payload field, no second copy.
pub async fn an_upsert_replaces_the_whole_point(store: Arc<dyn VectorStore>) {
    let name = create_with_points(&store, &[point(1, &[(1, 1.0), (2, 1.0)]), point(2, &[(1, 1.0)])]).await;
    let new = Point { payload: payload(json!({ "fresh": true })), ..point(1, &[(2, 0.5), (3, 2.0)]) };
    store.upsert(&name, VECTOR, std::slice::from_ref(&new)).await.expect("an upsert");

    assert_eq!(count(&store, &name).await, 2);
    assert_eq!(numbers(&search(&store, &name, query(&[(1, 1.0)])).await), [2]);
    let hits = search(&store, &name, query(&[(2, 1.0), (3, 1.0)])).await;
    assert_eq!(hits.iter().map(|hit| hit.score).collect::<Vec<_>>(), [2.5]);
    let stored = retrieve(&store, &name, &[1]).await;
    assert_eq!(stored, [StoredPoint::new(new.id, 0.0, new.payload, Some(new.sparse))]);
}

/// In one batch, too, the later point replaces the earlier one.
pub async fn the_last_of_two_points_with_one_id_stays(store: Arc<dyn VectorStore>) {
    let name = create_with_points(&store, &[point(1, &[(1, 1.0)]), point(2, &[(5, 1.0)]), point(1, &[(2, 1.0)])]).await;
    assert_eq!(count(&store, &name).await, 2);
    assert_eq!(retrieve(&store, &name, &[1]).await[0].sparse, Some(sparse(&[(2, 1.0)])));
    assert_eq!(search(&store, &name, query(&[(1, 1.0)])).await, []);
}

/// Digests are returned by id; missing points and points without a digest are omitted.
pub async fn digests_are_stored_with_points(store: Arc<dyn VectorStore>) {
    let document = |number| Document {
        id: DocumentId::Num(number),
        text: format!("text {number}"),
        payload: payload(json!({ "year": number })),
        dense: Default::default(),
        version: None,
    };
    let recipe = EncodingSpec::new(&Fingerprint("ab".to_owned()), LongTextPolicy::Truncate, Pruning::default(), "text");
    let made = |number| {
        Point::new(document(number), sparse(&[(1, 1.0)]), "text").with_digest(recipe.compute_digest(&document(number)))
    };
    let name = create_with_points(&store, &[made(1), made(2), point(3, &[(1, 1.0)])]).await;
    let ids = [2, 1, 3, 4].map(PointId::Num);
    let digests = store.fetch_digests(&name, &ids).await.expect("digests are retrieved");
    let expected = [1, 2].map(|number| (PointId::Num(number), recipe.compute_digest(&document(number))));
    assert_eq!(digests, HashMap::from(expected));
    assert_eq!(store.fetch_digests(&name, &[]).await, Ok(HashMap::new()));
    let absent = StoreError::CollectionNotFound(fresh_name());
    let StoreError::CollectionNotFound(name) = &absent else { unreachable!() };
    assert_eq!(store.fetch_digests(name, &ids).await, Err(absent.clone()));
    let stored = retrieve(&store, &create_with_points(&store, &[made(1)]).await, &[1]).await;
    assert_eq!(
        stored[0].payload,
        payload(json!({ "text": "text 1", "year": 1 })),
        "the digest is not part of the payload"
    );
}

/// Ids of each kind, bit-exact floats, and typed payloads are returned; missing ids are omitted.
pub async fn upserted_points_are_retrieved_exactly(store: Arc<dyn VectorStore>) {
    let awkward = payload(json!({
        "whole": 3.0, "tenth": 0.1, "huge": 1e300, "negative": -0.5,
        "integers": [i64::MIN, -1, 0, 1, 9_007_199_254_740_993_i64, i64::MAX],
        "text": "naïve 東京 \u{1F600} \"quoted\" \\ \n", "empty": "", "true": true, "null": null,
        "nested": { "list": [[1], [], {}], "deeper": { "dotted.name": 1, "": 2 } },
    }));
    let weights = [(0, f32::MIN_POSITIVE), (7, 0.1), (30_521, 1.0 / 3.0), (250_001, 3.4e37), (u32::MAX, -2.5)];
    let document =
        |id| Document { id, text: "a text".into(), payload: awkward.clone(), dense: Default::default(), version: None };
    let ids = [
        DocumentId::Num(0),
        DocumentId::Num(u64::MAX),
        DocumentId::Uuid(Uuid::from_u128(7)),
        DocumentId::Key("https://example.org/a?b=c#ü".into()),
    ];
    let points: Vec<_> = ids.iter().map(|id| Point::new(document(id.clone()), sparse(&weights), "text")).collect();
    let name = create_with_points(&store, &points).await;

    let absent = [PointId::Num(1), PointId::Uuid(Uuid::from_u128(8))];
    let asked: Vec<_> = ids.iter().map(DocumentId::to_point_id).chain(absent).collect();
    let stored = store.retrieve(&name, &asked, &WithVectors::sparse(VECTOR)).await.expect("points are retrieved");
    assert_eq!(stored.len(), ids.len());
    let mut expected = awkward;
    expected.insert("text".into(), "a text".into());
    for id in ids {
        let point = stored.iter().find(|point| point.id == id).unwrap_or_else(|| panic!("{id:?} is missing"));
        assert_eq!((&point.payload, point.score), (&expected, 0.0));
        let bits = |vector: &SparseVector| vector.iter().map(|(i, value)| (i, value.to_bits())).collect::<Vec<_>>();
        assert_eq!(point.sparse.as_ref().map(bits), Some(bits(&sparse(&weights))));
    }
}

/// The model may assign no weight to any term of a text.
pub async fn a_point_without_terms_is_kept_and_never_found(store: Arc<dyn VectorStore>) {
    let name = create_with_points(&store, &[point(1, &[]), point(2, &[(1, 1.0)])]).await;
    assert_eq!(count(&store, &name).await, 2);
    assert_eq!(retrieve(&store, &name, &[1]).await[0].sparse, Some(SparseVector::default()));
    assert_eq!(numbers(&search(&store, &name, query(&[(1, 1.0)])).await), [2]);

    store.upsert(&name, VECTOR, &[point(2, &[])]).await.expect("an upsert");
    assert_eq!(search(&store, &name, query(&[(1, 1.0)])).await, []);
    assert_eq!(retrieve(&store, &name, &[2]).await[0].sparse, Some(SparseVector::default()));
}

/// A deleted point is not counted, found or retrieved. Missing ids are ignored. The point can be written again.
pub async fn a_deleted_point_is_gone(store: Arc<dyn VectorStore>) {
    let name = create_with_points(&store, &[point(1, &[(1, 1.0)]), point(2, &[(1, 2.0)]), point(3, &[(1, 3.0)])]).await;
    let ids = [PointId::Num(1), PointId::Num(3), PointId::Num(99), PointId::Uuid(Uuid::from_u128(1))];
    for _ in 0..2 {
        store.delete(&name, &ids).await.expect("a deletion");
        assert_eq!(count(&store, &name).await, 1);
        assert_eq!(numbers(&search(&store, &name, query(&[(1, 1.0)])).await), [2]);
        assert_eq!(numbers(&retrieve(&store, &name, &[1, 2, 3]).await), [2]);
    }
    store.upsert(&name, VECTOR, &[point(3, &[(1, 4.0)])]).await.expect("an upsert");
    assert_eq!(numbers(&search(&store, &name, query(&[(1, 1.0)])).await), [3, 2]);
}

pub async fn empty_batches_succeed(store: Arc<dyn VectorStore>) {
    let name = create(&store, &spec()).await;
    assert_eq!(store.upsert(&name, VECTOR, &[]).await, Ok(()));
    assert_eq!(store.delete(&name, &[]).await, Ok(()));
    assert_eq!(store.retrieve(&name, &[], &WithVectors::sparse(VECTOR)).await, Ok(vec![]));
    assert_eq!(search(&store, &name, query(&[(1, 1.0)])).await, []);
    assert_eq!(count(&store, &name).await, 0);
}

/// A dense vector that the collection does not have, or of a wrong size: the batch is refused, the invalid point is not
/// written, and the others can be written without it. (A Qdrant server may have written some of them.)
pub async fn a_batch_with_an_invalid_vector_is_refused(store: Arc<dyn VectorStore>) {
    const MISFIT: u64 = 100;
    let name = create(&store, &spec_with_dense("title", 3)).await;
    let with_dense = |id, vector: &str, size| {
        let dense = [(vector.to_owned(), vec![0.5; size])].into();
        Point { dense, ..point(id, &[(1, 1.0)]) }
    };
    let rest: Vec<_> = (0..MISFIT).map(|id| with_dense(id, "title", 3)).collect();
    for misfit in [with_dense(MISFIT, "title", 2), with_dense(MISFIT, "title", 0), with_dense(MISFIT, "body", 3)] {
        let batch = [rest.as_slice(), &[misfit]].concat();
        let outcome = store.upsert(&name, VECTOR, &batch).await;
        assert!(matches!(outcome, Err(StoreError::Refused(_))), "{outcome:?}");
        assert_eq!(retrieve(&store, &name, &[MISFIT]).await, []);
    }
    store.upsert(&name, VECTOR, &rest).await.expect("an upsert of the valid points");
    assert_eq!(count(&store, &name).await, MISFIT);
}

pub async fn concurrent_upserts_all_arrive(store: Arc<dyn VectorStore>) {
    const WRITERS: u64 = 8;
    const EACH: u64 = 50;
    let name = create(&store, &spec()).await;
    let mut upserts = JoinSet::new();
    for writer in 0..WRITERS {
        let (store, name) = (store.clone(), name.clone());
        upserts.spawn(async move {
            let points: Vec<_> = (0..EACH).map(|n| point(writer * EACH + n, &[(7, 1.0)])).collect();
            for batch in points.chunks(20) {
                store.upsert(&name, VECTOR, batch).await.expect("an upsert");
            }
        });
    }
    upserts.join_all().await;
    assert_eq!(count(&store, &name).await, WRITERS * EACH);
    let mut found = numbers(&search(&store, &name, query(&[(7, 1.0)])).await);
    found.sort_unstable();
    assert_eq!(found, (0..WRITERS * EACH).collect::<Vec<_>>());
}

/// A store can be closed twice. Later calls are refused as unavailable.
pub async fn a_closed_store_refuses(store: Arc<dyn VectorStore>) {
    let name = create_with_points(&store, &[point(1, &[(1, 1.0)])]).await;
    assert_eq!(store.check_ready().await, Ok(()));
    assert_eq!((store.close().await, store.close().await), (Ok(()), Ok(())));

    let outcomes = [
        store.check_ready().await.err(),
        store.get_collection(&name).await.err(),
        store.list_collections().await.err(),
        store.create_collection(&fresh_name(), &spec()).await.err(),
        store.upsert(&name, VECTOR, &[point(2, &[(1, 1.0)])]).await.err(),
        store.search(&name, query(&[(1, 1.0)])).await.err(),
        store.retrieve(&name, &[PointId::Num(1)], &WithVectors::sparse(VECTOR)).await.err(),
        store.delete(&name, &[PointId::Num(1)]).await.err(),
        store.scroll(&name, ScrollQuery { from: None, limit: 1, vectors: WithVectors::default() }).await.err(),
        store.list_aliases().await.err(),
        store.set_alias(&fresh_name(), &name).await.err(),
        store.delete_alias(&name).await.err(),
    ];
    for outcome in outcomes {
        assert!(matches!(outcome, Some(StoreError::Unavailable(_))), "{outcome:?}");
    }
}
