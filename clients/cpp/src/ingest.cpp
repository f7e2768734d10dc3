#include "ingest.h"

#include <algorithm>
#include <exception>
#include <iostream>
#include <random>
#include <thread>

using splade_sidecar::v1::Document;
using splade_sidecar::v1::IngestOptions;
using splade_sidecar::v1::IngestRequest;
using splade_sidecar::v1::IngestResponse;
using std::chrono::milliseconds;

namespace {

// Maximum number of documents kept in memory until they have a final result, and thus of documents sent twice.
constexpr std::size_t kWindow = 4096;
// A request has at most 64 documents and ends at 1 MiB, far below the server's 32 MiB (--max-message-bytes).
constexpr int kBatch = 64;
constexpr std::size_t kBatchBytes = 1 << 20;
// Number of consecutive streams without progress after which the ingest fails.
constexpr int kAttempts = 10;

// Doubles from 0.2 s to 10 s and subtracts up to one half as jitter, so that clients don't reconnect at the same time.
milliseconds backoff(int failures) {
  static std::mt19937 random{std::random_device{}()};
  const int ceiling = std::min(200 << (failures - 1), 10'000);
  return milliseconds(std::uniform_int_distribution<>(ceiling / 2, ceiling)(random));
}

// Returns whether an operation must be resent. A status of a later release counts as FAILED if its error has a retry_delay,
// as REJECTED if it has another error, and as INDEXED if it has none.
bool has_failed(const splade_sidecar::v1::OperationResult& result) {
  switch (result.status()) {
    case splade_sidecar::v1::OPERATION_STATUS_FAILED:
      return true;
    case splade_sidecar::v1::OPERATION_STATUS_REJECTED:
      return false;
    default:
      return result.error().has_retry_delay();
  }
}

}  // namespace

Ingester::Ingester(splade_sidecar::v1::IndexService::Stub& index, const Server& to, IngestOptions options, Source& source)
    : index_(index), to_(to), options_(std::move(options)), source_(source) {}

void Ingester::run() {
  for (int failures = 0; !is_finished();) {
    const auto before = durable_;
    // Waits before the next stream, or throws the current exception.
    const auto retry = [&](const std::exception& broken, std::optional<milliseconds> min_delay) {
      failures = durable_ > before ? 1 : failures + 1;
      if (!min_delay || failures == kAttempts) throw;
      const auto delay = std::max(*min_delay, backoff(failures));
      std::cerr << "\nthe stream broke: " << broken.what() << "; retrying in " << delay.count() << " ms\n";
      std::this_thread::sleep_for(delay);
    };
    try {
      // If it returns before the end, the server is draining; the next stream sends the remaining documents.
      run_stream();
      if (durable_ > before) failures = 0;
    } catch (const CallError& broken) {
      retry(broken, retry_delay(broken.status));
    } catch (const FailedError& failed) {
      retry(failed, failed.retry_delay);
    }
  }
}

// Runs one stream from its first message to its status.
void Ingester::run_stream() {
  grpc::ClientContext context;
  prepare(context, to_);
  const auto stream = index_.Ingest(&context);
  std::deque<Document> unsent;
  for (const Pending& pending : pending_) unsent.push_back(pending.document);
  IngestOptions options = options_;
  options.set_first_sequence(durable_ + 1);
  ended_ = draining_ = false;
  failed_.reset();

  std::exception_ptr send_error;  // such as an unreadable file
  std::thread sender([&] {
    try {
      send(*stream, options, std::move(unsent));
    } catch (...) {
      send_error = std::current_exception();
      context.TryCancel();
    }
  });
  std::thread progress([&] { show_progress(); });
  std::exception_ptr receive_error;
  try {
    receive(*stream);
  } catch (...) {
    receive_error = std::current_exception();
    context.TryCancel();
  }
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  sender.join();
  progress.join();
  const auto status = stream->Finish();
  if (send_error) std::rethrow_exception(send_error);
  if (receive_error) std::rethrow_exception(receive_error);
  const auto min_delay = status.ok() ? milliseconds(0) : retry_delay(status);
  if (failed_ && min_delay) {
    failed_->retry_delay = std::max(failed_->retry_delay, *min_delay);
    throw *failed_;
  }
  check(status);
  if (!draining_ && !is_finished()) {
    throw CallError({grpc::StatusCode::UNAVAILABLE, "the stream ended before the last result"});
  }
}

// Sends the pending documents, then the remaining documents of the source. Write blocks while the server applies
// backpressure, and returns false once the stream has ended; Finish returns the reason. If the server is draining or an
// operation FAILED, the stream is half-closed early.
void Ingester::send(Stream& stream, const IngestOptions& options, std::deque<Document> unsent) {
  IngestRequest request;
  *request.mutable_options() = options;
  while (stream.Write(request)) {
    request.Clear();
    for (std::size_t bytes = 0; request.operations_size() < kBatch && bytes < kBatchBytes;) {
      if (!unsent.empty()) {
        *request.add_operations()->mutable_upsert() = std::move(unsent.front());
        unsent.pop_front();
      } else if (auto next = read()) {
        *request.add_operations()->mutable_upsert() = *std::move(next);
      } else {
        break;
      }
      bytes += request.operations().rbegin()->ByteSizeLong();
    }
    std::unique_lock lock(mutex_);
    const bool last = request.operations_size() == 0 || should_end();
    lock.unlock();
    if (last) {
      stream.WritesDone();  // the documents of this request stay pending and are sent on the next stream
      return;
    }
  }
}

// Returns the next document of the source and adds it to the pending ones; nullopt after the last one or if the stream should
// end.
std::optional<Document> Ingester::read() {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return pending_.size() < kWindow || should_end(); });
    if (should_end()) return std::nullopt;
  }
  while (auto line = source_.next()) {
    std::lock_guard lock(mutex_);
    if (line->document) {
      pending_.push_back({line->number, *line->document, {}});
      return std::move(line->document);
    }
    reject(line->number, line->bad);
  }
  std::lock_guard lock(mutex_);
  exhausted_ = true;
  return std::nullopt;
}

// Processes results until the stream ends.
void Ingester::receive(Stream& stream) {
  for (IngestResponse response; stream.Read(&response);) {
    {
      std::lock_guard lock(mutex_);
      process_response(response);
    }
    changed_.notify_all();
  }
}

void Ingester::process_response(const IngestResponse& response) {
  if (response.has_opened() && !opened_) {
    // Later streams fail if the collection is deleted and created again, instead of writing some documents to the new one.
    opened_ = true;
    options_.set_create_collection(false);
    options_.clear_collection_options();
    options_.set_expected_incarnation(response.opened().collection().incarnation());
  }
  const auto last = durable_ + pending_.size();
  for (const auto& result : response.results()) {
    if (result.sequence() <= durable_ || result.sequence() > last) {
      throw std::runtime_error("the server sent a result for operation " + std::to_string(result.sequence()) +
                               ", which is not in flight");
    }
    Pending& pending = pending_[result.sequence() - durable_ - 1];
    pending.result = result;
    if (has_failed(result)) {
      if (!failed_) failed_.emplace(pending.line, result.error());
      failed_->retry_delay = std::max(failed_->retry_delay, to_milliseconds(result.error().retry_delay()));
    }
  }
  if (response.durable_through() < durable_ || response.durable_through() > last) {
    throw std::runtime_error("the server sent durable_through " + std::to_string(response.durable_through()) +
                             ", which is not in flight");
  }
  while (durable_ < response.durable_through()) {
    ++durable_;
    complete(pending_.front());
    pending_.pop_front();
  }
  draining_ |= response.has_draining();
}

void Ingester::complete(const Pending& done) {
  if (!done.result || has_failed(*done.result)) {
    throw std::runtime_error("durable_through passed operation " + std::to_string(durable_) +
                             ", which has no final result");
  }
  if (done.result->has_error()) {
    const auto& error = done.result->error();
    reject(done.line, format_rejection(error.reason(), error.field(), error.message()));
  } else {
    ++indexed_;
  }
}

void Ingester::reject(std::uint64_t line, const std::string& reason) {
  ++rejected_;
  std::cerr << "\nline " << line << " rejected: " << reason << "\n";
}

// Rewrites a progress line every second until the stream has ended.
void Ingester::show_progress() {
  std::unique_lock lock(mutex_);
  for (bool running = true; running;) {
    running = !changed_.wait_for(lock, std::chrono::seconds(1), [&] { return ended_; });
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start_;
    std::cerr << "\r" << indexed_ << " indexed, " << rejected_ << " rejected, " << pending_.size() << " in flight, "
              << static_cast<int>(indexed_ / time.count()) << "/s ";
  }
  std::cerr << "\n";
}
