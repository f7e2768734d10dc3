//! Registration of the gRPC services.

use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;

use crate::config::ServerConfig;
use crate::grpc::health::HealthMonitor;
use crate::grpc::{EncoderApi, IndexApi, Readiness, tei};
use crate::proto::FILE_DESCRIPTOR_SET;
use crate::proto::encoder_service_server::EncoderServiceServer;
use crate::proto::index_service_server::IndexServiceServer;

/// Returns the routes of all services, including health and reflection.
///
/// # Errors
/// If the reflection service can't decode the file descriptor set.
pub async fn build_routes(
    config: &ServerConfig,
    readiness: Readiness,
    health: &HealthMonitor,
) -> anyhow::Result<Routes> {
    let reflection_builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            // Messages of error details, which tools such as grpcurl need to show them.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let max_message_bytes = config.max_message_bytes;
    let encoder =
        EncoderServiceServer::new(EncoderApi::new(readiness.clone())).max_decoding_message_size(max_message_bytes);
    let index = IndexServiceServer::new(IndexApi::new(readiness.clone())).max_decoding_message_size(max_message_bytes);
    Ok(tei::add_services(Routes::new(encoder), readiness, max_message_bytes)
        .add_service(index)
        .add_service(HealthServer::new(health.create_service().await))
        .add_service(reflection_builder().build_v1()?)
        .add_service(reflection_builder().build_v1alpha()?))
}
