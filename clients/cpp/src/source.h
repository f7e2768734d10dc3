// Documents from a JSONL file: `id`, `text`, and all other fields as payload.
#pragma once

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>

#include "splade_sidecar/v1/document.pb.h"

// A line of the file with its number, and its document or its error in the format of a rejection by the server.
struct Line {
  std::uint64_t number;
  std::optional<splade_sidecar::v1::Document> document;
  std::string bad;
};

class Source {
 public:
  explicit Source(const std::string& path);
  // Returns the next line that is not blank; nullopt after the last one.
  std::optional<Line> next();

 private:
  std::optional<std::string> read_line();

  std::ifstream file_;
  std::uint64_t number_ = 0;
};

std::string format_rejection(const std::string& reason, const std::string& field, const std::string& message);

// Formats an id for output.
std::string format_id(const splade_sidecar::v1::DocumentId& id);
