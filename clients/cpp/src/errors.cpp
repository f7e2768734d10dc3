#include "errors.h"

#include <google/protobuf/util/time_util.h>

#include <sstream>

#include "error_details.pb.h"

namespace {

google::protobuf::RepeatedPtrField<google::protobuf::Any> details(const grpc::Status& status) {
  google::rpc::Status full;
  if (!full.ParseFromString(status.error_details())) full.Clear();
  return full.details();
}

const char* name(grpc::StatusCode code) {
  static const char* const kNames[] = {
      "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
      "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
      "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"};
  return code >= 0 && code <= grpc::StatusCode::UNAUTHENTICATED ? kNames[code] : "UNKNOWN";
}

}  // namespace

std::chrono::milliseconds to_milliseconds(const google::protobuf::Duration& duration) {
  return std::chrono::milliseconds(google::protobuf::util::TimeUtil::DurationToMilliseconds(duration));
}

std::string describe(const FailedError& error) {
  return std::string("error: ") + name(static_cast<grpc::StatusCode>(error.item.code())) + ": line " +
         std::to_string(error.line) + ": " + error.item.message() + "\n  reason " + error.item.reason();
}

std::string describe(const grpc::Status& status) {
  std::ostringstream text;
  text << "error: " << name(status.error_code()) << ": " << status.error_message();
  google::rpc::BadRequest bad_request;
  google::rpc::ErrorInfo info;
  google::rpc::RetryInfo retry;
  for (const auto& detail : details(status)) {
    if (detail.UnpackTo(&bad_request)) {
      for (const auto& violation : bad_request.field_violations()) {
        text << "\n  field " << violation.field() << ": " << violation.description();
      }
    } else if (detail.UnpackTo(&info)) {
      text << "\n  reason " << info.reason() << " (" << info.domain() << ")";
      for (const auto& [key, value] : info.metadata()) text << " " << key << "=" << value;
    } else if (detail.UnpackTo(&retry)) {
      text << "\n  retry after " << to_milliseconds(retry.retry_delay()).count() << " ms";
    }
  }
  return text.str();
}

std::optional<std::chrono::milliseconds> retry_delay(const grpc::Status& status) {
  google::rpc::RetryInfo retry;
  for (const auto& detail : details(status)) {
    if (detail.UnpackTo(&retry)) return to_milliseconds(retry.retry_delay());
  }
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) return std::chrono::milliseconds(0);
  return std::nullopt;
}
