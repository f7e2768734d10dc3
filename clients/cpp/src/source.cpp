#include "source.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <cmath>
#include <regex>
#include <stdexcept>

using google::protobuf::Struct;
using google::protobuf::Value;
using splade::v1::Document;
using splade::v1::DocumentId;

namespace {

// A JSON number is read as a double, which loses digits beyond this.
constexpr double kLargestId = 9007199254740992.0;

DocumentId parse_id(const Value& id) {
  DocumentId made;
  const double num = id.number_value();
  if (id.kind_case() == Value::kNumberValue && num >= 0 && num < kLargestId && num == std::floor(num)) {
    made.set_num(static_cast<std::uint64_t>(num));
  } else if (id.kind_case() == Value::kStringValue) {
    static const std::regex uuid("[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", std::regex::icase);
    std::regex_match(id.string_value(), uuid) ? made.set_uuid(id.string_value()) : made.set_key(id.string_value());
  } else {
    throw std::invalid_argument("`id` is neither a string nor a whole number from 0 to 2^53; give a larger one as a string");
  }
  return made;
}

Document parse(const std::string& line) {
  Struct payload;
  const auto read = google::protobuf::util::JsonStringToMessage(line, &payload);
  if (!read.ok()) throw std::invalid_argument("not a JSON object: " + read.ToString());
  auto& fields = *payload.mutable_fields();
  const auto text = fields.find("text");
  if (text == fields.end() || text->second.kind_case() != Value::kStringValue) {
    throw std::invalid_argument("its field `text` is not there, or not a string");
  }
  Document document;
  document.set_text(text->second.string_value());
  if (const auto id = fields.find("id"); id != fields.end()) *document.mutable_id() = parse_id(id->second);
  fields.erase("text");
  fields.erase("id");
  *document.mutable_payload() = std::move(payload);
  return document;
}

}  // namespace

Source::Source(const std::string& path) : file_(path) {
  if (!file_) throw std::runtime_error(path + ": can't be read");
}

std::optional<Line> Source::next() {
  for (std::string line; std::getline(file_, line);) {
    ++number_;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    try {
      return Line{number_, parse(line), ""};
    } catch (const std::invalid_argument& bad) {
      return Line{number_, std::nullopt, bad.what()};
    }
  }
  if (file_.bad()) throw std::runtime_error("the file can't be read further than line " + std::to_string(number_));
  return std::nullopt;
}

std::string format_id(const DocumentId& id) {
  switch (id.kind_case()) {
    case DocumentId::kNum:
      return std::to_string(id.num());
    case DocumentId::kUuid:
      return id.uuid();
    default:
      return id.key();
  }
}
