// Documents from a JSONL file: `id`, `text`, and all other fields as payload.
#pragma once

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>

#include "splade/v1/types.pb.h"

// A line: its number, and its document or why it is not one, in the form of the server's own rejections.
struct Line {
  std::uint64_t number;
  std::optional<splade::v1::Document> document;
  std::string bad;
};

class Source {
 public:
  explicit Source(const std::string& path);
  // The next line that is not blank; nothing after the last one.
  std::optional<Line> next();

 private:
  std::optional<std::string> read_line();

  std::ifstream file_;
  std::uint64_t number_ = 0;
};

// An id, for people.
std::string format_id(const splade::v1::DocumentId& id);
