//! The routes of the gateway: a path for each method of the contract, and the OpenAPI document.

use std::sync::Arc;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use tonic::service::Routes;
use tonic::{Code, Status};

use super::error::Refusal;
use super::method::{Kind, Method};
use super::openapi;
use super::settings::Settings;
use super::transcoder::Transcoder;
use crate::grpc::auth::check;

/// Returns the routes of the gateway to the methods of the contract that `grpc` serves.
pub fn door(grpc: Routes, settings: Settings) -> Routes {
    let grpc = grpc.into_axum_router();
    let document = Bytes::from(openapi::document(&settings).to_string());
    let mut router = Router::new();
    for method in Method::all() {
        let (path, kind) = (method.path.clone(), method.kind.clone());
        let transcoder = Arc::new(Transcoder::new(method, grpc.clone(), settings.max_message_bytes));
        let answer = move |request| {
            let transcoder = Arc::clone(&transcoder);
            async move { transcoder.answer(request).await }
        };
        // `curl -T` sends a file by PUT.
        let route = match kind {
            Kind::Unary => post(answer),
            Kind::Stream { .. } => post(answer.clone()).put(answer),
        };
        router = router.route(&path, route);
    }
    let describe = move |headers: HeaderMap| async move { describe(&settings, &headers, document) };
    router.route(openapi::PATH, get(describe)).fallback(no_such_path).method_not_allowed_fallback(no_such_method).into()
}

fn describe(settings: &Settings, headers: &HeaderMap, document: Bytes) -> Response {
    let admitted = settings.tokens.as_ref().map_or(Ok(()), |tokens| check(&tokens.borrow(), headers));
    match admitted {
        Ok(()) => ([(CONTENT_TYPE, "application/json")], document).into_response(),
        Err(status) => Refusal::from(status).into_response(),
    }
}

async fn no_such_path() -> Refusal {
    let message = format!("there is no such path; {} lists those that there are", openapi::PATH);
    Refusal::new(StatusCode::NOT_FOUND, Status::new(Code::NotFound, message))
}

async fn no_such_method() -> Refusal {
    let message = format!("this path takes other methods, which `allow` names; see {}", openapi::PATH);
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, Status::new(Code::Unimplemented, message))
}
