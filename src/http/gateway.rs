//! Routes of the gateway: a path for each method of the API, and the OpenAPI document.

use std::sync::Arc;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use tonic::service::Routes;
use tonic::{Code, Status};

use super::error::HttpError;
use super::method::{Method, MethodKind};
use super::openapi;
use super::settings::GatewaySettings;
use super::transcoder::Transcoder;
use crate::grpc::auth::authorize_request;

/// Returns the routes of the gateway, which call the services of `grpc`.
pub fn build_gateway(grpc: Routes, settings: GatewaySettings) -> Routes {
    let grpc = grpc.into_axum_router();
    let document = Bytes::from(openapi::build_document(&settings).to_string());
    let mut router = Router::new();
    for method in Method::all() {
        let (path, kind) = (method.path.clone(), method.kind.clone());
        let transcoder = Arc::new(Transcoder::new(method, grpc.clone(), settings.max_message_bytes));
        let handler = move |request| {
            let transcoder = Arc::clone(&transcoder);
            async move { transcoder.handle(request).await }
        };
        // `curl -T` uploads a file with PUT.
        let route = match kind {
            MethodKind::Unary => post(handler),
            MethodKind::Stream { .. } => post(handler.clone()).put(handler),
        };
        router = router.route(&path, route);
    }
    let openapi_handler = move |headers: HeaderMap| async move { respond_openapi(&settings, &headers, document) };
    router
        .route(openapi::PATH, get(openapi_handler))
        .fallback(path_not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .into()
}

fn respond_openapi(settings: &GatewaySettings, headers: &HeaderMap, document: Bytes) -> Response {
    let authorized = settings.tokens.as_ref().map_or(Ok(()), |tokens| authorize_request(&tokens.borrow(), headers));
    match authorized {
        Ok(()) => ([(CONTENT_TYPE, "application/json")], document).into_response(),
        Err(status) => HttpError::from(status).into_response(),
    }
}

async fn path_not_found() -> HttpError {
    let message = format!("the path doesn't exist; see {} for all paths", openapi::PATH);
    HttpError::new(StatusCode::NOT_FOUND, Status::new(Code::NotFound, message))
}

async fn method_not_allowed() -> HttpError {
    let message =
        format!("the path doesn't support the HTTP method; use a method of the `allow` header, see {}", openapi::PATH);
    HttpError::new(StatusCode::METHOD_NOT_ALLOWED, Status::new(Code::Unimplemented, message))
}
