// Sends documents over one stream after another until each has its final result.
//
// The sequence number of a document is its position in the source, on every stream. The server reports `durable_through`:
// documents up to this number have a final result and are dropped from memory. The next stream starts with the document after
// it. Resending a document is idempotent, since it replaces itself. A rejection is reported once `durable_through` has
// passed the document, and thus exactly once.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>

#include "connect.h"
#include "errors.h"
#include "source.h"
#include "splade_sidecar/v1/index_service.grpc.pb.h"

class Ingester {
 public:
  Ingester(splade_sidecar::v1::IndexService::Stub& index, const Server& to, splade_sidecar::v1::IngestOptions options,
           Source& source);

  // Sends all documents. Returns when each has its final result. Throws the first error that is not retryable.
  void run();

  std::uint64_t indexed() const { return indexed_; }
  std::uint64_t rejected() const { return rejected_; }

 private:
  using Stream = grpc::ClientReaderWriter<splade_sidecar::v1::IngestRequest, splade_sidecar::v1::IngestResponse>;
  struct Pending {
    std::uint64_t line;
    splade_sidecar::v1::Document document;
    std::optional<splade_sidecar::v1::OperationResult> result;  // the latest
  };

  void run_stream();
  void send(Stream& stream, const splade_sidecar::v1::IngestOptions& options,
            std::deque<splade_sidecar::v1::Document> unsent);
  std::optional<splade_sidecar::v1::Document> read();
  void receive(Stream& stream);
  void process_response(const splade_sidecar::v1::IngestResponse& response);
  void complete(const Pending& done);
  void reject(std::uint64_t line, const std::string& reason);
  void show_progress();
  bool is_finished() const { return exhausted_ && pending_.empty(); }
  // Returns whether the sender should half-close the stream and end.
  bool should_end() const { return ended_ || draining_ || failed_; }

  splade_sidecar::v1::IndexService::Stub& index_;
  const Server& to_;
  splade_sidecar::v1::IngestOptions options_;  // options of the next stream, except for first_sequence
  Source& source_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();

  std::mutex mutex_;  // guards the fields below, and stderr
  std::condition_variable changed_;
  std::deque<Pending> pending_;  // documents from durable_ + 1, in order
  std::uint64_t durable_ = 0;    // the last durable_through
  bool exhausted_ = false;       // the source has no more documents
  bool opened_ = false;
  std::uint64_t indexed_ = 0;
  std::uint64_t rejected_ = 0;
  // State of the current stream.
  bool ended_ = false;
  bool draining_ = false;
  std::optional<FailedError> failed_;  // the first failure
};
