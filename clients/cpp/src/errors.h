// Formatting of errors with code, message and details (google.rpc), and retry delays.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "splade_sidecar/v1/errors.pb.h"

// Error of a call that ended with a status other than OK.
struct CallError : std::runtime_error {
  explicit CallError(grpc::Status failure) : std::runtime_error(failure.error_message()), status(std::move(failure)) {}
  grpc::Status status;
};

// The error of a stream in which an operation FAILED: the operation is valid and must be resent.
struct FailedError : std::runtime_error {
  FailedError(std::uint64_t line, splade_sidecar::v1::ItemError item)
      : std::runtime_error("line " + std::to_string(line) + " failed: " + item.reason() + ": " + item.message()),
        line(line),
        item(std::move(item)) {}
  std::uint64_t line;
  splade_sidecar::v1::ItemError item;
  std::chrono::milliseconds retry_delay{0};  // maximum over all failed operations of the stream
};

inline void check(const grpc::Status& status) {
  if (!status.ok()) throw CallError(status);
}

std::string describe(const grpc::Status& status);
std::string describe(const FailedError& error);

// Returns the minimum delay before a retry; nullopt if the error is not retryable.
std::optional<std::chrono::milliseconds> retry_delay(const grpc::Status& status);

std::chrono::milliseconds to_milliseconds(const google::protobuf::Duration& duration);
