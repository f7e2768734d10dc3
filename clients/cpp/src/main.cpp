// Example client of splade-sidecar. Reusable parts: connect.cpp, ingest.cpp and errors.cpp.
#include <rapidjson/document.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "connect.h"
#include "errors.h"
#include "ingest.h"
#include "splade_sidecar/v1/encoder_service.grpc.pb.h"

namespace {

constexpr char kUsage[] = R"(usage: splade-client [flags] COMMAND
  ingest COLLECTION FILE     encode and store the documents of a JSONL file
  search COLLECTION QUERY    find the documents with the highest scores
  encode TEXT...             show the terms with the highest weights of each text
flags:
  --server ADDRESS           HOST:PORT (127.0.0.1:50051) or unix:///PATH
  --ca FILE                  PEM file of the certificate authority to trust; enables TLS
  --timeout SECONDS          deadline of a search or encode (30)
The environment variable SPLADE_TOKEN holds the bearer token.
)";

using Deadline = std::chrono::system_clock::time_point;

void ingest(const Server& to, const std::string& collection, const std::string& path) {
  const auto index = splade_sidecar::v1::IndexService::NewStub(connect(to));
  Source source(path);
  splade_sidecar::v1::IngestOptions options;
  options.set_collection(collection);
  options.set_create_collection(true);
  Ingester ingester(*index, to, options, source);
  const auto print_summary = [&] { std::printf("indexed %lu, rejected %lu\n", ingester.indexed(), ingester.rejected()); };
  try {
    ingester.run();
  } catch (...) {
    print_summary();
    throw;
  }
  print_summary();
}

// Returns the text of a document; empty if the text was not stored.
std::string text_of(const splade_sidecar::v1::StoredDocument& document) {
  rapidjson::Document payload;
  payload.Parse<rapidjson::kParseIterativeFlag>(document.payload_json().c_str());
  const char* const field = document.text_field().c_str();
  const bool has_text = payload.IsObject() && payload.HasMember(field) && payload[field].IsString();
  return has_text ? payload[field].GetString() : "";
}

void search(const Server& to, Deadline deadline, const std::string& collection, const std::string& query) {
  const auto index = splade_sidecar::v1::IndexService::NewStub(connect(to));
  splade_sidecar::v1::SearchRequest request;
  request.set_collection(collection);
  request.mutable_query()->set_text(query);
  request.set_limit(5);
  // PAYLOAD_FORMAT_STRUCT would round integers beyond 2^53.
  request.mutable_return_options()->set_payload_format(splade_sidecar::v1::PAYLOAD_FORMAT_JSON);
  splade_sidecar::v1::SearchResponse response;
  grpc::ClientContext context;
  context.set_deadline(deadline);
  prepare(context, to);
  check(index->Search(&context, request, &response));
  for (const auto& hit : response.hits()) {
    const auto& document = hit.document();
    std::printf("%.3f\t%s\t%s\n", hit.score(), format_id(document.id()).c_str(), text_of(document).c_str());
  }
}

void encode(const Server& to, Deadline deadline, const std::vector<std::string>& texts) {
  const auto encoder = splade_sidecar::v1::EncoderService::NewStub(connect(to));
  splade_sidecar::v1::EncodeRequest request;
  request.set_role(splade_sidecar::v1::ROLE_DOCUMENT);
  request.set_with_tokens(true);
  request.mutable_encoding()->mutable_pruning()->set_max_terms(8);
  for (const auto& text : texts) request.add_texts(text);
  splade_sidecar::v1::EncodeResponse response;
  grpc::ClientContext context;
  context.set_deadline(deadline);
  prepare(context, to);
  check(encoder->Encode(&context, request, &response));
  for (const auto& result : response.results()) {
    for (int i = 0; i < std::min(result.tokens_size(), result.vector().values_size()); ++i) {
      std::printf("%s%s %.2f", i ? ", " : "", result.tokens(i).c_str(), result.vector().values(i));
    }
    std::printf("\n");
  }
}

int usage() {
  std::cerr << kUsage;
  return 2;
}

int run(std::vector<std::string> arguments) {
  Server to;
  if (const char* token = std::getenv("SPLADE_TOKEN")) to.token = token;
  double timeout = 30;
  while (arguments.size() >= 2 && arguments[0].rfind("--", 0) == 0) {
    if (arguments[0] == "--server") to.address = arguments[1];
    else if (arguments[0] == "--ca") to.ca_file = arguments[1];
    else if (arguments[0] == "--timeout") timeout = std::stod(arguments[1]);
    else return usage();
    arguments.erase(arguments.begin(), arguments.begin() + 2);
  }
  if (arguments.size() < 2) return usage();
  const std::string command = arguments[0];
  arguments.erase(arguments.begin());
  const auto deadline = std::chrono::system_clock::now() + std::chrono::milliseconds(static_cast<long>(1000 * timeout));
  if (command == "ingest" && arguments.size() == 2) ingest(to, arguments[0], arguments[1]);
  else if (command == "search" && arguments.size() == 2) search(to, deadline, arguments[0], arguments[1]);
  else if (command == "encode") encode(to, deadline, arguments);
  else return usage();
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return run({arguments + 1, arguments + count});
  } catch (const CallError& error) {
    std::cerr << describe(error.status) << "\n";
  } catch (const FailedError& failed) {
    std::cerr << describe(failed) << "\n";
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
  }
  return 1;
}
