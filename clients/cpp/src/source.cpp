#include "source.h"

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <map>
#include <regex>
#include <stdexcept>
#include <string_view>

using rapidjson::SizeType;
using splade_sidecar::v1::Document;
using splade_sidecar::v1::DocumentId;

namespace {

// Maximum size of a line, so that a request with its document stays below the server's 32 MiB (--max-message-bytes).
constexpr std::size_t kMaxLineBytes = 30 << 20;

// The error of a line that is not a valid document, formatted like a rejection by the server.
struct BadLine : std::runtime_error {
  BadLine(const std::string& field, const std::string& reason)
      : std::runtime_error(format_rejection("MALFORMED_DOCUMENT", field, reason)) {}
};

const BadLine kBadId("id",
                     "must be an integer from 0 to 2^64-1, a string, or one of "
                     R"({"num": ...}, {"uuid": ...}, {"key": ...})");

// RapidJSON accepts a lone low surrogate such as \udc00 and encodes it as three bytes that are not valid UTF-8.
void reject_surrogates(std::string_view text) {
  for (auto at = text.find('\xed'); at != text.npos; at = text.find('\xed', at + 1)) {
    if (static_cast<unsigned char>(text[at + 1]) >= 0xa0) {
      throw BadLine("", R"(a string has a lone surrogate (\ud800 to \udfff); remove it or write the whole pair)");
    }
  }
}

// Collects the values of a JSON object verbatim: a double would round integers beyond 2^53.
struct Members : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Members> {
  std::map<std::string, std::string> found;

  explicit Members(std::string path) : path(std::move(path)) {}
  bool Null() { return writer.Null() && end_value(); }
  bool Bool(bool value) { return writer.Bool(value) && end_value(); }
  bool RawNumber(const char* text, SizeType length, bool) {
    return writer.RawValue(text, length, rapidjson::kNumberType) && end_value();
  }
  bool String(const char* text, SizeType length, bool) {
    reject_surrogates({text, length});
    return writer.String(text, length) && end_value();
  }
  bool StartObject() { return depth++ == 0 || writer.StartObject(); }
  bool Key(const char* text, SizeType length, bool) {
    reject_surrogates({text, length});
    if (depth > 1) return writer.Key(text, length);
    key.assign(text, length);
    if (found.count(key)) throw BadLine(path + key, "duplicate key; remove one");
    return true;
  }
  bool EndObject(SizeType) { return --depth == 0 || (writer.EndObject() && end_value()); }
  bool StartArray() {
    if (depth++ == 0) throw BadLine("", "not a JSON object");
    return writer.StartArray();
  }
  bool EndArray(SizeType) {
    --depth;
    return writer.EndArray() && end_value();
  }

 private:
  bool end_value() {
    if (depth == 0) throw BadLine("", "not a JSON object");
    if (depth == 1) {
      found[key] = value.GetString();
      value.Clear();
      writer.Reset(value);
    }
    return true;
  }

  const std::string path;  // prefix of the paths of its fields, such as "id."
  int depth = 0;
  std::string key;
  rapidjson::StringBuffer value;
  rapidjson::Writer<rapidjson::StringBuffer> writer{value};
};

std::map<std::string, std::string> members(const std::string& json, const std::string& path = "") {
  // The recursive parser would overflow the stack on a line with many brackets.
  constexpr unsigned kFlags =
      rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag | rapidjson::kParseValidateEncodingFlag;
  rapidjson::MemoryStream stream(json.data(), json.size());
  rapidjson::Reader reader;
  Members members(path);
  const auto read = reader.Parse<kFlags>(stream, members);
  if (read.IsError()) {
    const std::string why = rapidjson::GetParseError_En(read.Code());
    throw BadLine("", "not JSON: " + why + " (byte " + std::to_string(read.Offset() + 1) + ")");
  }
  if (stream.Tell() != json.size()) throw BadLine("", "not JSON: NUL byte");
  return std::move(members.found);
}

std::optional<std::string> parse_string(const std::string& json) {
  if (json.empty() || json[0] != '"') return std::nullopt;
  rapidjson::Document read;
  read.Parse(json.c_str());
  return std::string(read.GetString(), read.GetStringLength());
}

bool is_digits(const std::string& text) { return !text.empty() && text.find_first_not_of("0123456789") == text.npos; }

// Parses an integer from its digits, since a double would round it beyond 2^53. 7.0 and 1e3 are integers too.
std::uint64_t parse_num(const std::string& text) {
  const char* const end = text.data() + text.size();
  if (is_digits(text)) {
    std::uint64_t num = 0;
    if (std::from_chars(text.data(), end, num).ec == std::errc()) return num;
    throw kBadId;
  }
  char* read = nullptr;
  const double num = std::strtod(text.c_str(), &read);
  if (read != end || num < 0 || num >= 9007199254740992.0 || num != std::floor(num)) throw kBadId;
  return static_cast<std::uint64_t>(num);
}

// Parses an id in the form of a DocumentId, such as {"key": "7"}.
DocumentId parse_explicit_id(const std::map<std::string, std::string>& fields) {
  if (fields.size() != 1) throw kBadId;
  const auto& [kind, json] = *fields.begin();
  const auto name = parse_string(json);
  DocumentId id;
  if (kind == "num" && (!name || is_digits(*name))) {
    id.set_num(parse_num(name.value_or(json)));
  } else if (kind == "uuid" && name) {
    id.set_uuid(*name);
  } else if (kind == "key" && name) {
    id.set_key(*name);
  } else {
    throw kBadId;
  }
  return id;
}

DocumentId parse_id(const std::string& json) {
  if (json[0] == '{') return parse_explicit_id(members(json, "id."));
  static const std::regex uuid("[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", std::regex::icase);
  const auto name = parse_string(json);
  DocumentId id;
  if (!name) {
    id.set_num(parse_num(json));
  } else if (std::regex_match(*name, uuid)) {
    id.set_uuid(*name);
  } else {
    id.set_key(*name);
  }
  return id;
}

Document parse(const std::string& line) {
  auto fields = members(line);
  const auto text = parse_string(fields["text"]);
  if (!text) throw BadLine("text", "required; must be a string");
  Document document;
  document.set_text(*text);
  // If there is no id or it is null, the server makes one.
  const auto id = fields.find("id");
  if (id != fields.end() && id->second != "null") *document.mutable_id() = parse_id(id->second);
  fields.erase("text");
  fields.erase("id");
  rapidjson::StringBuffer payload;
  rapidjson::Writer<rapidjson::StringBuffer> writer(payload);
  writer.StartObject();
  for (const auto& [key, json] : fields) {
    writer.Key(key.data(), static_cast<SizeType>(key.size()));
    writer.RawValue(json.data(), json.size(), rapidjson::kObjectType);
  }
  writer.EndObject();
  document.set_payload_json(payload.GetString(), payload.GetSize());
  return document;
}

}  // namespace

Source::Source(const std::string& path) : file_(path, std::ios::binary) {
  if (!file_) throw std::runtime_error(path + ": file can't be read");
}

std::optional<Line> Source::next() {
  while (auto line = read_line()) {
    ++number_;
    if (number_ == 1 && line->rfind("\xef\xbb\xbf", 0) == 0) line->erase(0, 3);
    if (line->find_first_not_of(" \t\r") == std::string::npos) continue;
    try {
      if (line->size() > kMaxLineBytes) {
        throw BadLine("", "the line has more than " + std::to_string(kMaxLineBytes) + " bytes");
      }
      return Line{number_, parse(*line), ""};
    } catch (const BadLine& bad) {
      return Line{number_, std::nullopt, bad.what()};
    }
  }
  return std::nullopt;
}

// Reads a line; nullopt after the last one. Discards the end of a line that is too long.
std::optional<std::string> Source::read_line() {
  constexpr int kEnd = std::char_traits<char>::eof();
  std::streambuf& file = *file_.rdbuf();
  int next = file.sbumpc();
  if (next == kEnd) return std::nullopt;
  std::string line;
  for (; next != kEnd && next != '\n'; next = file.sbumpc()) {
    if (line.size() <= kMaxLineBytes) line.push_back(static_cast<char>(next));
  }
  return line;
}

std::string format_rejection(const std::string& reason, const std::string& field, const std::string& message) {
  return reason + (field.empty() ? "" : " " + field) + ": " + message;
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
