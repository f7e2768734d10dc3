//! `Delete`: deletes documents by id.

use super::context::ServiceContext;
use super::convert::parse_ids;
use super::errors::invalid_argument;
use super::features::{check_features, check_unset};
use crate::catalog::check_incarnation;
use crate::proto::DeleteRequest;
use crate::types::{ApiError, DocumentId, check_collection_name};

/// Maximum number of ids per `Delete` call.
pub const MAX_DELETE_IDS: usize = 10_000;

/// Deletes documents.
///
/// # Errors
/// If a field is invalid (named in the error), the collection doesn't exist (`COLLECTION_NOT_FOUND`) or has another incarnation
/// (`INCARNATION_MISMATCH`), or the store fails.
pub async fn delete(context: &ServiceContext, request: DeleteRequest) -> Result<(), ApiError> {
    let DeleteRequest { collection, ids, filter, expected_incarnation, tenant, required_features } = request;
    check_features(&required_features)?;
    check_unset("tenant", !tenant.is_empty())?;
    check_collection_name(&collection)?;
    if let Some(filter) = filter {
        if filter.must.is_empty() && filter.should.is_empty() && filter.must_not.is_empty() {
            let message = "a filter without conditions would delete every document; add a condition, or send `ids`";
            return Err(invalid_argument("filter", message));
        }
        check_unset("filter", true)?;
    }
    let ids = parse_ids(ids, MAX_DELETE_IDS)?.iter().map(DocumentId::to_point_id).collect();
    let collection = match &*expected_incarnation {
        "" => context.collections.resolve(&collection).await?,
        // `resolve` only resolves aliases; the incarnation requires the description of the collection.
        expected => {
            let info = context.collections.fetch(&collection).await?;
            check_incarnation(&info, expected)?;
            info.name
        }
    };
    context.pipeline.delete(&collection, ids).await
}
