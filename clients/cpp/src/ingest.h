// Sends documents by one stream after another, until each has its result.
//
// The server numbers the documents of a stream from 1 and says how far it has got: `durable_through`. Up to there a
// document is forgotten here. When a stream breaks, the next one begins with those that are left; to send a document
// twice is harmless, since it replaces itself. A result is told only once it is durable, and so once.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>

#include "connect.h"
#include "source.h"
#include "splade/v1/index_service.grpc.pb.h"

class Ingester {
 public:
  Ingester(splade::v1::IndexService::Stub& index, const Server& to, splade::v1::IngestOptions options, Source& source);

  // Sends all documents. It returns when each has its result, or throws the error that it can do nothing about.
  void run();

  std::uint64_t indexed() const { return indexed_; }
  std::uint64_t rejected() const { return rejected_; }

 private:
  using Stream = grpc::ClientReaderWriter<splade::v1::IngestRequest, splade::v1::IngestResponse>;
  struct Pending {
    std::uint64_t line;
    splade::v1::Document document;
    std::string rejection;  // why it was refused, if it was
  };

  void stream();
  void send(Stream& stream, std::deque<splade::v1::Document> unsent);
  std::optional<splade::v1::Document> read();
  void receive(Stream& stream);
  void take(const splade::v1::IngestResponse& response, std::uint64_t& durable);
  void reject(std::uint64_t line, const std::string& why);
  void show_progress();

  splade::v1::IndexService::Stub& index_;
  const Server& to_;
  const splade::v1::IngestOptions options_;
  Source& source_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();

  std::mutex mutex_;  // guards what follows, and stderr
  std::condition_variable changed_;
  std::deque<Pending> pending_;  // in the order in which they are sent
  bool over_ = false;            // the stream has ended, so its sender must
  std::uint64_t indexed_ = 0;
  std::uint64_t rejected_ = 0;
};
