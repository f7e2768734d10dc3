// Example client of splade-sidecar. Reusable parts: connect.ts, ingest.ts and errors.ts.
import { parseArgs } from "node:util";
import { Metadata, type ServiceError } from "@grpc/grpc-js";
import { PayloadFormat } from "../gen/splade_sidecar/v1/document.js";
import { EncodeRequest, EncoderServiceClient, type EncodeResponse } from "../gen/splade_sidecar/v1/encoder_service.js";
import { Role } from "../gen/splade_sidecar/v1/encoding.js";
import {
  IndexServiceClient,
  IngestOptions,
  SearchRequest,
  type SearchResponse,
} from "../gen/splade_sidecar/v1/index_service.js";
import { connect, type Server } from "./connect.js";
import { describe } from "./errors.js";
import { Ingester } from "./ingest.js";
import { formatId, readLines } from "./source.js";

const USAGE = `usage: node dist/src/main.js [flags] COMMAND
  ingest COLLECTION FILE     encode and store the documents of a JSONL file
  search COLLECTION QUERY    find the documents with the highest scores
  encode TEXT...             show the terms with the highest weights of each text
flags:
  --server ADDRESS           HOST:PORT (127.0.0.1:50051) or unix:///PATH
  --ca FILE                  PEM file of the certificate authority to trust; enables TLS
  --timeout SECONDS          deadline of a search or encode (30)
The environment variable SPLADE_TOKEN holds the bearer token.`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      server: { type: "string", default: "127.0.0.1:50051" },
      ca: { type: "string" },
      timeout: { type: "string", default: "30" },
    },
  });
  const [command, ...args] = positionals;
  const to: Server = { address: values.server, caFile: values.ca, token: process.env.SPLADE_TOKEN };
  const timeout = Number(values.timeout) * 1000;
  if (command === "ingest" && args.length === 2) {
    await ingest(to, args[0], args[1]);
  } else if (command === "search" && args.length === 2) {
    await search(to, timeout, args[0], args[1]);
  } else if (command === "encode" && args.length > 0) {
    await encode(to, timeout, args);
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
  const request = SearchRequest.fromPartial({
    collection,
    query: { kind: { $case: "text", text } },
    limit: 5,
    // PAYLOAD_FORMAT_STRUCT would round integers beyond 2^53.
    returnOptions: { payloadFormat: PayloadFormat.PAYLOAD_FORMAT_JSON },
  });
  const { hits } = await unary<SearchResponse>((done) =>
    index.search(request, new Metadata(), { deadline: Date.now() + timeout }, done),
  );
  for (const { document, score } of hits) {
    const payload = JSON.parse(document?.payloadJson || "{}");
    console.log(`${score.toFixed(3)}\t${formatId(document?.id)}\t${payload[document?.textField ?? ""] ?? ""}`);
  }
}

async function encode(to: Server, timeout: number, texts: string[]): Promise<void> {
  const encoder = new EncoderServiceClient(...connect(to));
  const request = EncodeRequest.fromPartial({
    texts,
    role: Role.ROLE_DOCUMENT,
    withTokens: true,
    encoding: { pruning: { maxTerms: 8 } },
  });
  const { results } = await unary<EncodeResponse>((done) =>
    encoder.encode(request, new Metadata(), { deadline: Date.now() + timeout }, done),
  );
  for (const { tokens, vector } of results) {
    console.log(tokens.map((token, i) => `${token} ${vector?.values[i].toFixed(2)}`).join(", "));
  }
}

/** Converts a callback-style call to a promise. */
function unary<Response>(call: (done: (error: ServiceError | null, response: Response) => void) => unknown): Promise<Response> {
  return new Promise((resolve, reject) => call((error, response) => (error ? reject(error) : resolve(response))));
}

main().catch((error) => {
  console.error(describe(error));
  process.exitCode = 1;
});
