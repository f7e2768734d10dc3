// The address of the server and how to connect to it.
import { readFileSync } from "node:fs";
import { credentials, InterceptingCall, type ChannelCredentials, type ClientOptions, type Interceptor } from "@grpc/grpc-js";

export interface Server {
  /** HOST:PORT or unix:///PATH. */
  address: string;
  /** PEM file of the certificate authority to trust; plaintext if absent. */
  caFile?: string;
  /** Bearer token. */
  token?: string;
}

// Calls that gRPC retries when the server is at capacity or unavailable. Ingest is not one of them: a stream is resumed, not
// repeated (ingest.ts).
const retryPolicy = {
  methodConfig: [
    {
      name: [{ service: "splade_sidecar.v1.EncoderService" }, { service: "splade_sidecar.v1.IndexService", method: "Search" }],
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

/** Returns the arguments of a generated client: `new IndexServiceClient(...connect(to))`. Use one client for all calls. */
export function connect(to: Server): [string, ChannelCredentials, ClientOptions] {
  if (to.token && !to.caFile && !to.address.startsWith("unix:")) {
    throw new Error("a token requires TLS over a network; pass --ca");
  }
  const channel = to.caFile ? credentials.createSsl(readFileSync(to.caFile)) : credentials.createInsecure();
  return [
    to.address,
    channel,
    {
      "grpc.service_config": JSON.stringify(retryPolicy),
      "grpc.max_receive_message_length": 32 << 20,
      // Detects a dead connection after 30 seconds.
      "grpc.keepalive_time_ms": 20_000,
      "grpc.keepalive_timeout_ms": 10_000,
      "grpc.initial_reconnect_backoff_ms": 200,
      "grpc.max_reconnect_backoff_ms": 5_000,
      interceptors: to.token ? [bearer(to.token)] : [],
    },
  ];
}

/** Sends a token with each call. Unlike call credentials, it works on a Unix socket too. */
function bearer(token: string): Interceptor {
  return (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start(metadata, listener, next) {
        metadata.set("authorization", `Bearer ${token}`);
        next(metadata, listener);
      },
    });
}
