//! The HTTP gateway: JSON for clients that don't speak gRPC.
//!
//! It knows no service. A request is transcoded to its gRPC request, which goes through the same layers to the same
//! services as one of the gRPC port (counted, traced, authenticated, bounded), and the response is transcoded to JSON.
//! Both directions follow the contract's descriptors, so a method of the contract is a path here without code of its
//! own.
//!
//! Bodies are transcoded as they are read. A call that is refused for its token has read none of its body, and a stream
//! of lines is read as the pipeline has room for its items, which is how a slow store slows down an upload.

mod answer;
mod contract;
mod error;
mod frames;
mod id;
mod internal_error;
mod json_decode;
mod json_encode;
#[cfg(test)]
mod json_mapping;
mod lines;
mod method;
mod offload;
pub mod openapi;
mod parameters;
mod payload;
mod request_body;
mod safe_integer;
#[cfg(test)]
mod testing;
mod transcoder;
mod upload;
mod wire;

use std::sync::Arc;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use tokio::sync::watch;
use tonic::service::Routes;
use tonic::{Code, Status};

use crate::grpc::RequestLimits;
use crate::grpc::auth::{Tokens, check};
use error::Refusal;
use method::{Kind, Method};
use transcoder::Transcoder;

/// What the door has to know of the server behind it.
#[derive(Debug, Clone)]
pub struct Settings {
    pub limits: RequestLimits,
    /// The most bytes of one body of JSON, and of one line.
    pub max_message_bytes: usize,
    /// The tokens that calls need, if they need any. The services behind check them by themselves.
    pub tokens: Option<watch::Receiver<Arc<Tokens>>>,
}

/// A door to the methods of the contract that `grpc` serves.
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
