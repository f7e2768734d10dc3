// A client of splade-sidecar: documents in, results out. What to copy from it is in connect.ts, ingest.ts and errors.ts.
import { parseArgs } from "node:util";
import { Metadata, type ServiceError } from "@grpc/grpc-js";
import { EncoderServiceClient, EncodeOptions, EncodeResponse, Role } from "../gen/splade/v1/encoder_service.js";
import { IndexServiceClient, IngestOptions, SearchRequest, SearchResponse } from "../gen/splade/v1/index_service.js";
import { PayloadFormat } from "../gen/splade/v1/types.js";
import { connect, type Server } from "./connect.js";
import { describe } from "./errors.js";
import { Ingester } from "./ingest.js";
import { formatId, readLines } from "./source.js";

const USAGE = `usage: node dist/src/main.js [flags] COMMAND
  ingest COLLECTION FILE     encode and store the documents of a JSONL file
  search COLLECTION QUERY    find the documents that score highest
  encode TEXT...             show the heaviest terms of each text
flags:
  --server ADDRESS           HOST:PORT (127.0.0.1:50051) or unix:///PATH
  --ca FILE                  speak TLS, and trust this authority (PEM)
  --timeout SECONDS          the deadline of a search or encode (30)
The token, where the server wants one, is SPLADE_TOKEN.`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      server: { type: "string", default: "127.0.0.1:50051" },
      ca: { type: "string" },
      timeout: { type: "string", default: "30" },
    },
  });
  const [command, ...rest] = positionals;
  const to: Server = { address: values.server, caFile: values.ca, token: process.env.SPLADE_TOKEN };
  const timeout = Number(values.timeout) * 1000;
  if (command === "ingest" && rest.length === 2) {
    await ingest(to, rest[0], rest[1]);
  } else if (command === "search" && rest.length === 2) {
    await search(to, timeout, rest[0], rest[1]);
  } else if (command === "encode" && rest.length > 0) {
    await encode(to, timeout, rest);
  } else {
    console.error(USAGE);
    process.exitCode = 2;
  }
}

async function ingest(to: Server, collection: string, path: string): Promise<void> {
  const index = new IndexServiceClient(...connect(to));
  const options = IngestOptions.fromPartial({ collection, createCollection: true });
  const ingester = new Ingester(index, options, readLines(path), (text) => void process.stderr.write(text));
  try {
    await ingester.run();
  } finally {
    console.log(`indexed ${ingester.indexed}, rejected ${ingester.rejected}`);
    index.close();
  }
}

async function search(to: Server, timeout: number, collection: string, text: string): Promise<void> {
  const index = new IndexServiceClient(...connect(to));
  // With PAYLOAD_FORMAT_STRUCT, integers beyond 2^53 would be rounded.
  const payloadFormat = PayloadFormat.PAYLOAD_FORMAT_JSON;
  const request = SearchRequest.fromPartial({ collection, query: { $case: "text", text }, limit: 5, payloadFormat });
  const { hits } = await unary<SearchResponse>((done) =>
    index.search(request, new Metadata(), { deadline: Date.now() + timeout }, done),
  );
  for (const hit of hits) {
    const payload = JSON.parse(hit.payloadJson || "{}");
    console.log(`${hit.score.toFixed(3)}\t${formatId(hit.id)}\t${payload.text ?? ""}`);
  }
}

async function encode(to: Server, timeout: number, texts: string[]): Promise<void> {
  const encoder = new EncoderServiceClient(...connect(to));
  const options = EncodeOptions.fromPartial({ role: Role.ROLE_DOCUMENT, withTokens: true, pruning: { maxTerms: 8 } });
  const { results } = await unary<EncodeResponse>((done) =>
    encoder.encode({ options, texts }, new Metadata(), { deadline: Date.now() + timeout }, done),
  );
  for (const { tokens, vector } of results) {
    console.log(tokens.map((token, i) => `${token} ${vector?.values[i].toFixed(2)}`).join(", "));
  }
}

/** A call with a callback, as a promise. */
function unary<Response>(call: (done: (error: ServiceError | null, response: Response) => void) => unknown): Promise<Response> {
  return new Promise((resolve, reject) => call((error, response) => (error ? reject(error) : resolve(response))));
}

main().catch((error) => {
  console.error(describe(error));
  process.exitCode = 1;
});
