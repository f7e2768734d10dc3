//! `ListDocuments`: what is stored, a page at a time.

use prost::Message;
use uuid::Uuid;

use super::Shared;
use super::document::to_document_id;
use super::options::invalid;
use super::payload::{Returned, payload_format};
use crate::pipeline::store_fault;
use crate::proto::{DenseVector, ListDocumentsRequest, ListDocumentsResponse, PayloadFormat, StoredDocument};
use crate::store::ScrollFrom;
use crate::types::{Fault, PointId, StoredPoint, check_collection_name};

const DEFAULT_PAGE: u32 = 100;
/// The most documents of a page.
pub const MAX_PAGE: u32 = 1_000;
/// The most bytes of a page, unless one document alone has more. Clients take messages of up to 4 MiB unless they are told
/// otherwise.
const PAGE_BYTES: usize = 3 << 20;
/// How many documents the store is asked for at once: as many as are in memory beyond a page, if they are large.
const STEP: usize = 64;

/// A page of a collection's documents.
///
/// # Errors
/// A request that is wrong, by its field; a collection that is not there; a store that fails.
pub async fn list_documents(shared: &Shared, request: ListDocumentsRequest) -> Result<ListDocumentsResponse, Fault> {
    let ListDocumentsRequest { collection, page_size, page_token, with_vectors, payload_format: format } = request;
    check_collection_name(&collection)?;
    let page_size = self::page_size(page_size)?;
    let format = payload_format(format)?;
    let info = shared.collections.read(&collection).await?;
    let mut next = begin(&page_token, &info.name)?;
    let dense: Vec<String> = if with_vectors { info.spec.dense.into_keys().collect() } else { Vec::new() };
    let mut page = Page::new(format);
    loop {
        let limit = STEP.min(page_size - page.documents.len());
        let scroll = ScrollFrom { from: next, limit, dense: dense.clone() };
        let step = shared.store.scroll(&info.name, scroll).await.map_err(store_fault)?;
        let left = step.points.into_iter().find_map(|point| page.push(point));
        next = left.or(step.next);
        if left.is_some() || next.is_none() || page.documents.len() >= page_size {
            break;
        }
    }
    let next_page_token = next.map(|id| token(&info.name, id)).unwrap_or_default();
    Ok(ListDocumentsResponse { documents: page.documents, next_page_token })
}

/// Documents up to a size.
#[derive(Debug)]
struct Page {
    format: PayloadFormat,
    documents: Vec<StoredDocument>,
    bytes: usize,
}

impl Page {
    fn new(format: PayloadFormat) -> Self {
        Self { format, documents: Vec::new(), bytes: 0 }
    }

    /// Adds a point; gives its id if there is no room for it.
    fn push(&mut self, point: StoredPoint) -> Option<PointId> {
        let id = point.id.point_id();
        let document = to_stored_document(point, self.format);
        let bytes = document.encoded_len();
        if !self.documents.is_empty() && self.bytes + bytes > PAGE_BYTES {
            return Some(id);
        }
        self.bytes += bytes;
        self.documents.push(document);
        None
    }
}

fn to_stored_document(point: StoredPoint, format: PayloadFormat) -> StoredDocument {
    let Returned { payload, payload_json, inexact_fields } = Returned::new(point.payload, format);
    let dense = point.dense.into_iter().map(|(name, values)| (name, DenseVector { values }));
    StoredDocument {
        id: Some(to_document_id(point.id)),
        payload,
        dense_vectors: dense.collect(),
        text_key: point.text_key,
        payload_json,
        inexact_fields,
        payload_unreadable: point.payload_unreadable,
    }
}

fn page_size(size: u32) -> Result<usize, Fault> {
    match size {
        0 => Ok(DEFAULT_PAGE as usize),
        1..=MAX_PAGE => Ok(size as usize),
        _ => Err(invalid("page_size", format!("it is {size}; send 1 to {MAX_PAGE}, or 0 for {DEFAULT_PAGE}"))),
    }
}

// A token is the collection's own name and the least id of the page. No name holds a slash.

fn token(collection: &str, id: PointId) -> String {
    match id {
        PointId::Num(num) => format!("{collection}/{num}"),
        PointId::Uuid(uuid) => format!("{collection}/{}", uuid.hyphenated()),
    }
}

/// Where a page begins; `None` is with the first point.
fn begin(token: &str, collection: &str) -> Result<Option<PointId>, Fault> {
    if token.is_empty() {
        return Ok(None);
    }
    let remedy = "send the next_page_token of the page before as it is, or none to begin again";
    let unreadable = || invalid("page_token", format!("ListDocuments never gave it; {remedy}"));
    let (of, id) = token.split_once('/').ok_or_else(unreadable)?;
    if of != collection {
        let message = format!("it is of another collection than `{collection}`, or an alias was switched; {remedy}");
        return Err(invalid("page_token", message));
    }
    let num = id.parse().map(PointId::Num).ok();
    num.or_else(|| Uuid::parse_str(id).map(PointId::Uuid).ok()).map(Some).ok_or_else(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_and_nothing_else_is_one() {
        // The bytes stay: checkpoints of `reindex` keep them across an upgrade.
        for (id, golden) in [
            (PointId::Num(0), "docs/0"),
            (PointId::Num(u64::MAX), "docs/18446744073709551615"),
            (PointId::Uuid(Uuid::from_u128(7)), "docs/00000000-0000-0000-0000-000000000007"),
        ] {
            assert_eq!(token("docs", id), golden);
            assert_eq!(begin(golden, "docs"), Ok(Some(id)));
        }
        assert_eq!(begin("", "docs"), Ok(None));
        for (wrong, part) in [
            ("docs", "never gave it"),
            ("docs/", "never gave it"),
            ("docs/-1", "never gave it"),
            ("docs/18446744073709551616", "never gave it"),
            ("other/7", "another collection than `docs`"),
        ] {
            let fault = begin(wrong, "docs").unwrap_err();
            assert_eq!(fault.field, "page_token");
            assert!(fault.message.contains(part) && fault.message.contains("begin again"), "{wrong}: {fault}");
        }
    }

    #[test]
    fn a_page_has_room_for_some_large_documents_and_for_any_one() {
        let point = |num, bytes: usize| {
            let payload = [("text".to_owned(), "x".repeat(bytes).into())].into_iter().collect();
            StoredPoint::new(PointId::Num(num), 0.0, payload, None)
        };
        let mut page = Page::new(PayloadFormat::Struct);
        assert_eq!(page.push(point(1, 2 * PAGE_BYTES)), None);
        assert_eq!(page.push(point(2, 1)), Some(PointId::Num(2)));
        let mut page = Page::new(PayloadFormat::Struct);
        let half = PAGE_BYTES / 2 - 100;
        assert_eq!([1, 2, 3].map(|num| page.push(point(num, half))), [None, None, Some(PointId::Num(3))]);
        assert_eq!(page.documents.len(), 2);
    }
}
