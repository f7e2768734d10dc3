#include "connect.h"

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace {

// Calls that gRPC retries when the server is at capacity or unavailable. Ingest is not one of them: a stream is resumed, not
// repeated (ingest.cpp).
constexpr char kRetryPolicy[] = R"({"methodConfig": [{
  "name": [{"service": "splade_sidecar.v1.EncoderService"}, {"service": "splade_sidecar.v1.IndexService", "method": "Search"}],
  "retryPolicy": {"maxAttempts": 4, "initialBackoff": "0.2s", "maxBackoff": "2s", "backoffMultiplier": 2,
                  "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"]}}]})";

bool is_unix(const Server& to) { return to.address.rfind("unix:", 0) == 0; }

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path + ": file can't be read");
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

std::shared_ptr<grpc::ChannelCredentials> credentials(const Server& to) {
  if (to.ca_file.empty()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = read_file(to.ca_file);
  return grpc::SslCredentials(options);
}

}  // namespace

std::shared_ptr<grpc::Channel> connect(const Server& to) {
  if (!to.token.empty() && to.ca_file.empty() && !is_unix(to)) {
    throw std::runtime_error("a token requires TLS over a network; pass --ca");
  }
  grpc::ChannelArguments arguments;
  arguments.SetServiceConfigJSON(kRetryPolicy);
  arguments.SetMaxReceiveMessageSize(32 << 20);
  // Detects a dead connection after 30 seconds.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5'000);
  // gRPC would send the path of a Unix socket as authority, which HTTP/2 servers reject.
  if (is_unix(to)) arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "localhost");
  return grpc::CreateCustomChannel(to.address, credentials(to), arguments);
}

void prepare(grpc::ClientContext& context, const Server& to) {
  if (!to.token.empty()) context.AddMetadata("authorization", "Bearer " + to.token);
}
