//! Paging through a collection.

use std::sync::Arc;

use serde_json::json;
use splade_sidecar::store::{PointPage, ScrollQuery, SearchQuery, StoreError, VectorStore, WithVectors};
use splade_sidecar::types::{
    CollectionSpec, DenseSpec, Distance, Document, DocumentId, EncodingSpec, Fingerprint, LongTextPolicy, Point,
    PointId, Pruning, StoredPoint,
};
use uuid::Uuid;

use super::{VECTOR, create, create_with_points, fresh_name, payload, point, query, sparse, spec};

async fn page(store: &Arc<dyn VectorStore>, name: &str, from: Option<PointId>, limit: usize) -> PointPage {
    store.scroll(name, ScrollQuery { from, limit, vectors: WithVectors::default() }).await.expect("a page")
}

/// Reads all points of a collection in pages of `limit`.
async fn all(store: &Arc<dyn VectorStore>, name: &str, limit: usize) -> Vec<StoredPoint> {
    let (mut points, mut from) = (Vec::new(), None);
    loop {
        let page = page(store, name, from, limit).await;
        assert!(page.points.len() == limit || page.next.is_none(), "only the last page is short");
        points.extend(page.points);
        from = page.next;
        if from.is_none() {
            return points;
        }
    }
}

/// Each point is on exactly one page for every page size: numeric ids first, then UUIDs; with its payload and the
/// client's id, and without internal fields.
pub async fn scrolling_returns_every_point_in_id_order(store: Arc<dyn VectorStore>) {
    let document = |id: DocumentId| {
        let text = format!("text of {id:?}");
        Document {
            id,
            text,
            payload: payload(json!({ "year": 1967, "tags": ["a"] })),
            dense: Default::default(),
            version: None,
        }
    };
    let numbers = [0, 1, 7, 1_000, u64::MAX].map(DocumentId::Num);
    let uuids = [1, 7, u128::MAX].map(|bits| DocumentId::Uuid(Uuid::from_u128(bits)));
    let keys = (0..40).map(|key| DocumentId::Key(format!("page/{key}")));
    let ids: Vec<DocumentId> = keys.chain(uuids).chain(numbers).collect();
    let recipe = EncodingSpec::new(&Fingerprint("ab".to_owned()), LongTextPolicy::Truncate, Pruning::default(), "body");
    let made = |id: &DocumentId| {
        let document = document(id.clone());
        let digest = recipe.compute_digest(&document);
        Point::new(document, sparse(&[(1, 1.0)]), "body").with_digest(digest)
    };
    let name = create_with_points(&store, &ids.iter().map(made).collect::<Vec<_>>()).await;

    let mut expected = ids;
    expected.sort_by_key(DocumentId::to_point_id);
    for limit in [1, 7, expected.len() - 1, expected.len(), 1_000] {
        let points = all(&store, &name, limit).await;
        assert!(points.iter().map(|point| &point.id).eq(&expected), "{limit}: {points:?}");
        for point in &points {
            let Document { text, mut payload, .. } = document(point.id.clone());
            assert_eq!((point.text(), point.text_field.as_str()), (Some(text.as_str()), "body"));
            payload.insert("body".into(), text.into());
            assert_eq!((&point.payload, point.sparse.is_none(), point.dense.is_empty()), (&payload, true, true));
        }
    }
    // From an id that exists, and from one that does not.
    let after = page(&store, &name, Some(PointId::Num(2)), 2).await;
    assert!(after.points.iter().map(|point| point.id.clone()).eq([7, 1_000].map(DocumentId::Num)));
    assert_eq!(after.next, Some(PointId::Num(u64::MAX)));
}

/// A page contains the requested vectors that a point has.
pub async fn scrolling_returns_the_requested_dense_vectors(store: Arc<dyn VectorStore>) {
    let dense = |size, distance| DenseSpec { size, distance };
    let vectors = [("image".to_owned(), dense(2, Distance::Dot)), ("voice".to_owned(), dense(3, Distance::Euclid))];
    let name = create(&store, &CollectionSpec { dense: vectors.into(), ..spec() }).await;
    let image = || [("image".to_owned(), vec![0.5, -2.0])];
    let both = Point {
        dense: image().into_iter().chain([("voice".to_owned(), vec![1.0, 2.0, 4.0])]).collect(),
        ..point(1, &[(1, 1.0)])
    };
    let one = Point { dense: image().into(), ..point(2, &[(1, 1.0)]) };
    let none = point(3, &[(1, 1.0)]);
    store.upsert(&name, VECTOR, &[both.clone(), one.clone(), none]).await.expect("an upsert");
    let asked = async |names: &[&str]| {
        let dense = names.iter().map(|&name| name.to_owned()).collect();
        let vectors = WithVectors { sparse: None, dense };
        let page = store.scroll(&name, ScrollQuery { from: None, limit: 10, vectors }).await.expect("a page");
        page.points.into_iter().map(|point| point.dense).collect::<Vec<_>>()
    };
    assert_eq!(asked(&["image", "voice"]).await, [both.dense, one.dense, [].into()]);
    assert_eq!(asked(&["image"]).await, [image().into(), image().into(), [].into()]);
    assert_eq!(asked(&[]).await, [[].into(), [].into(), [].into()]);
}

/// Search, retrieve and scroll return equal vectors of a point: sparse, dense, or none.
pub async fn every_read_returns_the_requested_vectors(store: Arc<dyn VectorStore>) {
    let dense = |size| DenseSpec { size, distance: Distance::Dot };
    let dense = [("image".to_owned(), dense(2)), ("voice".to_owned(), dense(1))].into();
    let name = create(&store, &CollectionSpec { dense, ..spec() }).await;
    let given = [("image".to_owned(), vec![0.5, -2.0]), ("voice".to_owned(), vec![4.0])];
    let point = Point { dense: given.clone().into(), ..point(1, &[(1, 1.0), (7, 0.5)]) };
    store.upsert(&name, VECTOR, std::slice::from_ref(&point)).await.expect("an upsert");
    for sparse in [None, Some(VECTOR.to_owned())] {
        for dense in [&given[..0], &given[..1], &given[1..], &given[..]] {
            let names: Vec<String> = dense.iter().map(|(name, _)| name.clone()).collect();
            let vectors = WithVectors { sparse: sparse.clone(), dense: names };
            let query = SearchQuery { vectors: vectors.clone(), ..query(&[(1, 1.0)]) };
            let found = store.search(&name, query).await.expect("a search");
            let got = store.retrieve(&name, &[PointId::Num(1)], &vectors).await.expect("points are retrieved");
            let scroll = ScrollQuery { from: None, limit: 10, vectors: vectors.clone() };
            let page = store.scroll(&name, scroll).await.expect("a page").points;
            for read in [found, got, page] {
                let [read] = read.as_slice() else { panic!("{read:?}") };
                let expected = (sparse.as_ref().map(|_| point.sparse.clone()), dense.iter().cloned().collect());
                assert_eq!((read.sparse.clone(), read.dense.clone()), expected, "{vectors:?}");
            }
        }
    }
}

pub async fn scrolling_nothing_returns_an_empty_page(store: Arc<dyn VectorStore>) {
    let scroll = || ScrollQuery { from: None, limit: 10, vectors: WithVectors::default() };
    let absent = fresh_name();
    assert_eq!(store.scroll(&absent, scroll()).await, Err(StoreError::CollectionNotFound(absent.clone())));
    let name = create(&store, &spec()).await;
    assert_eq!(store.scroll(&name, scroll()).await, Ok(PointPage { points: Vec::new(), next: None }));
    store.upsert(&name, VECTOR, &[point(1, &[(1, 1.0)])]).await.expect("an upsert");
    let beyond = ScrollQuery { from: Some(PointId::Num(2)), ..scroll() };
    assert_eq!(store.scroll(&name, beyond).await, Ok(PointPage { points: Vec::new(), next: None }));
}
