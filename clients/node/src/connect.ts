// Where the server is, and how to speak to it.
import { readFileSync } from "node:fs";
import { credentials, InterceptingCall, type ChannelCredentials, type ClientOptions, type Interceptor } from "@grpc/grpc-js";

export interface Server {
  /** HOST:PORT or unix:///PATH. */
  address: string;
  /** The authority to trust, as a PEM file; without it plain text is spoken. */
  caFile?: string;
  /** The bearer token. */
  token?: string;
}

// The library itself tries these calls again where the server has no room or is away. Ingest is not among them: a stream
// is resumed, not repeated (ingest.ts).
const retryPolicy = {
  methodConfig: [
    {
      name: [{ service: "splade.v1.EncoderService" }, { service: "splade.v1.IndexService", method: "Search" }],
      retryPolicy: {
        maxAttempts: 4,
        initialBackoff: "0.2s",
        maxBackoff: "2s",
        backoffMultiplier: 2,
        retryableStatusCodes: ["UNAVAILABLE", "RESOURCE_EXHAUSTED"],
      },
    },
  ],
};

/** What the generated clients are made with: `new IndexServiceClient(...connect(to))`. Use one client for all calls. */
export function connect(to: Server): [string, ChannelCredentials, ClientOptions] {
  if (to.token && !to.caFile && !to.address.startsWith("unix:")) {
    throw new Error("a token goes over a network by TLS only: give --ca too");
  }
  const channel = to.caFile ? credentials.createSsl(readFileSync(to.caFile)) : credentials.createInsecure();
  return [
    to.address,
    channel,
    {
      "grpc.service_config": JSON.stringify(retryPolicy),
      "grpc.max_receive_message_length": 32 << 20,
      // A peer that vanished without a word is found out after half a minute.
      "grpc.keepalive_time_ms": 20_000,
      "grpc.keepalive_timeout_ms": 10_000,
      "grpc.initial_reconnect_backoff_ms": 200,
      "grpc.max_reconnect_backoff_ms": 5_000,
      interceptors: to.token ? [bearer(to.token)] : [],
    },
  ];
}

/** Sends a token with each call, also on a Unix socket, where call credentials are not taken. */
function bearer(token: string): Interceptor {
  return (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start(metadata, listener, next) {
        metadata.set("authorization", `Bearer ${token}`);
        next(metadata, listener);
      },
    });
}
