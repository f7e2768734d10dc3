// What a refusal says: the code, the message, and its details (google.rpc).
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>

// The end of a call that was not OK.
struct CallError : std::runtime_error {
  explicit CallError(grpc::Status why) : std::runtime_error(why.error_message()), status(std::move(why)) {}
  grpc::Status status;
};

inline void check(const grpc::Status& status) {
  if (!status.ok()) throw CallError(status);
}

std::string describe(const grpc::Status& status);

// How long the server wants to be left alone before the next try; nothing if none makes sense.
std::optional<std::chrono::milliseconds> retry_delay(const grpc::Status& status);
