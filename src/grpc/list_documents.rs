//! `ListDocuments` and `GetDocuments`: read stored documents page by page or by id.

use std::collections::HashMap;

use prost::Message;
use uuid::Uuid;

use super::ServiceContext;
use super::convert::{ReturnSelection, check_id_count, parse_ids, parse_page_size};
use super::features::{check_features, check_unset};
use super::pagination::Paginator;
use crate::proto::{
    self, GetDocumentsRequest, GetDocumentsResponse, ListDocumentsRequest, ListDocumentsResponse, StoredDocument,
};
use crate::store::{CollectionInfo, ScrollQuery};
use crate::types::{ApiError, PointId, StoredPoint, check_collection_name};

/// Maximum number of ids per `GetDocuments` call.
pub const MAX_GET_IDS: usize = 1_000;
/// Maximum size of a response, unless a single document is larger. gRPC clients accept messages of up to 4 MiB by default.
const MAX_PAGE_BYTES: usize = 3 << 20;
/// Number of documents per request to the store. Bounds the memory for documents that don't fit the page any more.
const SCROLL_BATCH_SIZE: usize = 64;

/// Returns a page of a collection's documents.
///
/// # Errors
/// If a field is invalid (named in the error), the collection doesn't exist (`COLLECTION_NOT_FOUND`), or the store fails.
pub async fn list_documents(
    context: &ServiceContext,
    request: ListDocumentsRequest,
) -> Result<ListDocumentsResponse, ApiError> {
    let ListDocumentsRequest { collection, page_size, page_token, return_options, tenant, required_features } = request;
    check_features(&required_features)?;
    check_unset("tenant", !tenant.is_empty())?;
    check_collection_name(&collection)?;
    let page_size = parse_page_size(page_size)?;
    let selection =
        ReturnSelection::parse(return_options).map_err(|error| error.with_field_prefix("return_options"))?;
    let info = context.collections.fetch(&collection).await?;
    let token_scope = build_token_scope(&info);
    let paginator = Paginator { method: "ListDocuments", scope: &token_scope };
    let mut next = parse_token(&paginator, &page_token, &info.name)?;
    let vectors = selection.vectors_to_read(&info.spec);
    let mut page = DocumentPage::new(&selection, &info.spec.vector_name);
    loop {
        let limit = SCROLL_BATCH_SIZE.min(page_size - page.documents.len());
        let scroll = ScrollQuery { from: next, limit, vectors: vectors.clone() };
        let batch = context.store.scroll(&info.name, scroll).await?;
        let first_unfit = batch.points.into_iter().find_map(|point| page.try_push(point));
        next = first_unfit.or(batch.next);
        // The next page begins with the first point that didn't fit, or else where the store continues.
        if first_unfit.is_some() || next.is_none() || page.documents.len() >= page_size {
            break;
        }
    }
    let next_page_token = next.map(|id| paginator.encode_token(&id.to_string())).unwrap_or_default();
    Ok(ListDocumentsResponse { documents: page.documents, next_page_token })
}

/// Returns documents by id. The response lists the ids that don't exist, and those that didn't fit.
///
/// # Errors
/// If a field is invalid (named in the error), the collection doesn't exist (`COLLECTION_NOT_FOUND`), or the store fails.
pub async fn get_documents(
    context: &ServiceContext,
    request: GetDocumentsRequest,
) -> Result<GetDocumentsResponse, ApiError> {
    let GetDocumentsRequest { collection, ids, return_options, tenant, required_features } = request;
    check_features(&required_features)?;
    check_unset("tenant", !tenant.is_empty())?;
    check_collection_name(&collection)?;
    check_id_count(ids.len(), MAX_GET_IDS)?;
    let selection =
        ReturnSelection::parse(return_options).map_err(|error| error.with_field_prefix("return_options"))?;
    let ids: Vec<_> =
        parse_ids(ids, MAX_GET_IDS)?.into_iter().map(|id| (id.to_point_id(), proto::DocumentId::from(id))).collect();
    let info = context.collections.fetch(&collection).await?;
    let vectors = selection.vectors_to_read(&info.spec);
    let mut page = DocumentPage::new(&selection, &info.spec.vector_name);
    let mut response = GetDocumentsResponse::default();
    for batch in ids.chunks(SCROLL_BATCH_SIZE) {
        // After the first document that doesn't fit, all ids remain, so that the order of the request is kept.
        if !response.remaining.is_empty() {
            response.remaining.extend(batch.iter().map(|(_, id)| id.clone()));
            continue;
        }
        let batch_ids: Vec<_> = batch.iter().map(|(id, _)| *id).collect();
        let found = context.store.retrieve(&info.name, &batch_ids, &vectors).await?;
        let found: HashMap<_, _> = found.into_iter().map(|point| (point.id.to_point_id(), point)).collect();
        for (point_id, id) in batch {
            match found.get(point_id) {
                _ if !response.remaining.is_empty() => response.remaining.push(id.clone()),
                None => response.missing.push(id.clone()),
                Some(point) => {
                    if page.try_push(point.clone()).is_some() {
                        response.remaining.push(id.clone());
                    }
                }
            }
        }
    }
    response.documents = page.documents;
    Ok(response)
}

/// Page of documents, bounded in bytes.
#[derive(Debug)]
struct DocumentPage<'a> {
    selection: &'a ReturnSelection,
    vector_name: &'a str,
    documents: Vec<StoredDocument>,
    bytes: usize,
}

impl<'a> DocumentPage<'a> {
    fn new(selection: &'a ReturnSelection, vector_name: &'a str) -> Self {
        Self { selection, vector_name, documents: Vec::new(), bytes: 0 }
    }

    /// Adds a point. Returns its id if the page is full; the first document always fits.
    fn try_push(&mut self, point: StoredPoint) -> Option<PointId> {
        let id = point.id.to_point_id();
        let document = self.selection.to_stored_document(point, self.vector_name);
        let bytes = document.encoded_len();
        if !self.documents.is_empty() && self.bytes + bytes > MAX_PAGE_BYTES {
            return Some(id);
        }
        self.bytes += bytes;
        self.documents.push(document);
        None
    }
}

/// Returns the scope of page tokens: a recreated collection has other documents, so the scope includes the incarnation.
fn build_token_scope(info: &CollectionInfo) -> String {
    match &*info.spec.incarnation {
        "" => info.name.clone(),
        incarnation => format!("{}/{incarnation}", info.name),
    }
}

/// Returns the id at which a page begins; `None` for the first page. Also accepts tokens of version 0.1.0, which are the name
/// of the collection, a slash and an id.
fn parse_token(paginator: &Paginator<'_>, token: &str, collection: &str) -> Result<Option<PointId>, ApiError> {
    let key = match token.strip_prefix(collection).and_then(|remaining| remaining.strip_prefix('/')) {
        Some(key) => Some(key.to_owned()),
        None => paginator.parse_token(token)?,
    };
    let parse_id = |key: String| {
        let num = key.parse().map(PointId::Num).ok();
        num.or_else(|| Uuid::parse_str(&key).map(PointId::Uuid).ok()).ok_or_else(|| paginator.unknown_token_error())
    };
    key.map(parse_id).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::ReturnOptions;

    const DOCS: Paginator<'_> = Paginator { method: "ListDocuments", scope: "docs/f47ac10b" };

    /// Checkpoints of `reindex` contain tokens, also those of version 0.1.0.
    #[test]
    fn tokens_round_trip() {
        for (id, of_0_1_0) in [
            (PointId::Num(0), "docs/0"),
            (PointId::Num(u64::MAX), "docs/18446744073709551615"),
            (PointId::Uuid(Uuid::from_u128(7)), "docs/00000000-0000-0000-0000-000000000007"),
        ] {
            assert_eq!(parse_token(&DOCS, &DOCS.encode_token(&id.to_string()), "docs"), Ok(Some(id)));
            assert_eq!(parse_token(&DOCS, of_0_1_0, "docs"), Ok(Some(id)));
        }
        assert_eq!(parse_token(&DOCS, "", "docs"), Ok(None));
        for wrong in ["docs", "docs/", "docs/-1", "docs/18446744073709551616", "other/7", &DOCS.encode_token("-1")] {
            assert_eq!(parse_token(&DOCS, wrong, "docs").unwrap_err().field, "page_token", "{wrong}");
        }
    }

    #[test]
    fn a_page_is_bounded_in_bytes_and_holds_at_least_one_document() {
        let point = |num, bytes: usize| {
            let payload = [("text".to_owned(), "x".repeat(bytes).into())].into_iter().collect();
            StoredPoint::new(PointId::Num(num), 0.0, payload, None)
        };
        let selection = ReturnSelection::parse(Some(ReturnOptions::default())).unwrap();
        let mut page = DocumentPage::new(&selection, "splade");
        assert_eq!(page.try_push(point(1, 2 * MAX_PAGE_BYTES)), None);
        assert_eq!(page.try_push(point(2, 1)), Some(PointId::Num(2)));
        let mut page = DocumentPage::new(&selection, "splade");
        let half = MAX_PAGE_BYTES / 2 - 100;
        assert_eq!([1, 2, 3].map(|num| page.try_push(point(num, half))), [None, None, Some(PointId::Num(3))]);
        assert_eq!(page.documents.len(), 2);
    }
}
