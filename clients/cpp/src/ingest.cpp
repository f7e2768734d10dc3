#include "ingest.h"

#include <algorithm>
#include <exception>
#include <iostream>
#include <random>
#include <thread>

#include "errors.h"

using splade::v1::Document;
using splade::v1::IngestRequest;
using splade::v1::IngestResponse;
using std::chrono::milliseconds;

namespace {

// The most documents that are kept until they are durable, and thereby the most that are sent twice.
constexpr std::size_t kWindow = 4096;
// A request ends at 64 documents or 1 MiB, so that it is far below the server's 32 MiB (--max-message-bytes).
constexpr int kBatch = 64;
constexpr std::size_t kBatchBytes = 1 << 20;
// How often a stream is opened in vain before we give up.
constexpr int kAttempts = 10;

// Doubles from 0.2 s to 10 s, less up to a half, so that clients don't come back all at once.
milliseconds backoff(int failures) {
  static std::mt19937 random{std::random_device{}()};
  const int longest = std::min(200 << (failures - 1), 10'000);
  return milliseconds(std::uniform_int_distribution<>(longest / 2, longest)(random));
}

}  // namespace

Ingester::Ingester(splade::v1::IndexService::Stub& index, const Server& to, splade::v1::IngestOptions options, Source& source)
    : index_(index), to_(to), options_(std::move(options)), source_(source) {}

void Ingester::run() {
  for (int failures = 0;;) {
    const auto before = indexed_ + rejected_;
    try {
      return stream();
    } catch (const CallError& broken) {
      failures = indexed_ + rejected_ > before ? 1 : failures + 1;
      const auto wanted = retry_delay(broken.status);
      if (!wanted || failures == kAttempts) throw;
      const auto delay = std::max(*wanted, backoff(failures));
      std::cerr << "\nthe stream broke (" << broken.what() << "); going on in " << delay.count() << " ms\n";
      std::this_thread::sleep_for(delay);
    }
  }
}

// One stream, from its first message to its status.
void Ingester::stream() {
  grpc::ClientContext context;
  prepare(context, to_);
  const auto stream = index_.Ingest(&context);
  std::deque<Document> unsent;
  for (const Pending& left : pending_) unsent.push_back(left.document);
  over_ = false;

  std::exception_ptr failed;
  std::thread sender([&] {
    try {
      send(*stream, std::move(unsent));
    } catch (...) {
      failed = std::current_exception();
      context.TryCancel();
    }
  });
  std::thread progress([&] { show_progress(); });
  std::exception_ptr refused;
  try {
    receive(*stream);
  } catch (...) {
    refused = std::current_exception();
    context.TryCancel();
  }
  {
    std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  sender.join();
  progress.join();
  const auto status = stream->Finish();
  if (failed) std::rethrow_exception(failed);
  if (refused) std::rethrow_exception(refused);
  check(status);
}

// Sends what is left of the stream before, then the rest of the source. Write waits while the server has no room, and is
// false once the stream has ended; Finish knows why.
void Ingester::send(Stream& stream, std::deque<Document> unsent) {
  IngestRequest request;
  *request.mutable_options() = options_;
  while (stream.Write(request)) {
    request.Clear();
    for (std::size_t bytes = 0; request.documents_size() < kBatch && bytes < kBatchBytes;) {
      if (!unsent.empty()) {
        *request.add_documents() = std::move(unsent.front());
        unsent.pop_front();
      } else if (auto next = read()) {
        *request.add_documents() = *std::move(next);
      } else {
        break;
      }
      bytes += request.documents().rbegin()->ByteSizeLong();
    }
    if (request.documents_size() == 0) {
      stream.WritesDone();
      return;
    }
  }
}

// The next document of the source, which is then pending; nothing after the last one, or when the stream is over.
std::optional<Document> Ingester::read() {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return pending_.size() < kWindow || over_; });
    if (over_) return std::nullopt;
  }
  while (auto line = source_.next()) {
    std::lock_guard lock(mutex_);
    if (line->document) {
      pending_.push_back({line->number, *line->document, ""});
      return std::move(line->document);
    }
    reject(line->number, line->bad);
  }
  return std::nullopt;
}

// Takes results until the stream ends. Number 1 of the stream is what was pending first when it began.
void Ingester::receive(Stream& stream) {
  std::uint64_t durable = 0;
  for (IngestResponse response; stream.Read(&response);) {
    {
      std::lock_guard lock(mutex_);
      take(response, durable);
    }
    changed_.notify_all();
  }
}

void Ingester::take(const IngestResponse& response, std::uint64_t& durable) {
  const auto last = durable + pending_.size();
  for (const auto& result : response.results()) {
    if (result.sequence() <= durable || result.sequence() > last) {
      throw std::runtime_error("the server has a result for a document that does not wait for one");
    }
    if (result.has_rejection()) {
      const auto& why = result.rejection();
      pending_[result.sequence() - durable - 1].rejection = why.reason() + " " + why.field() + ": " + why.message();
    }
  }
  for (; durable < std::min(response.durable_through(), last); ++durable) {
    const Pending& done = pending_.front();
    if (done.rejection.empty()) {
      ++indexed_;
    } else {
      reject(done.line, done.rejection);
    }
    pending_.pop_front();
  }
}

void Ingester::reject(std::uint64_t line, const std::string& why) {
  ++rejected_;
  std::cerr << "\nline " << line << " rejected: " << why << "\n";
}

// Writes a line every second, over the one before, until the stream is over.
void Ingester::show_progress() {
  std::unique_lock lock(mutex_);
  for (bool running = true; running;) {
    running = !changed_.wait_for(lock, std::chrono::seconds(1), [&] { return over_; });
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start_;
    std::cerr << "\r" << indexed_ << " indexed, " << rejected_ << " rejected, " << pending_.size() << " on their way, "
              << static_cast<int>(indexed_ / time.count()) << "/s ";
  }
  std::cerr << "\n";
}
