// Formatting of errors with code, message and details (google.rpc), and retry delays.
import { status, type ServiceError } from "@grpc/grpc-js";
import { Duration } from "../gen/google/protobuf/duration.js";
import { BadRequest, ErrorInfo, RetryInfo } from "../gen/google/rpc/error_details.js";
import { Status } from "../gen/google/rpc/status.js";
import type { ItemError } from "../gen/splade_sidecar/v1/errors.js";

/** The error of a stream in which an operation FAILED: the operation is valid and must be resent. */
export class FailedError extends Error {
  /** Delay in milliseconds: the maximum over all failed operations of the stream. */
  retryDelay = 0;

  constructor(
    readonly line: number,
    readonly item: ItemError,
  ) {
    super(`line ${line} failed: ${item.reason}: ${item.message}`);
  }
}

/** The error of a stream that the server ended with OK although operations have no final result. */
export class EndedEarlyError extends Error {
  constructor() {
    super("the stream ended before the last result");
  }
}

/** Returns the details of an error by type name, such as `google.rpc.BadRequest`. */
function details(error: ServiceError): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  for (const raw of error.metadata?.get("grpc-status-details-bin") ?? []) {
    for (const detail of Status.decode(raw as Buffer).details) {
      found.set(detail.typeUrl.replace(/^.*\//, ""), detail.value);
    }
  }
  return found;
}

export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && typeof error.code === "number" && "details" in error;
}

export function describe(error: unknown): string {
  if (error instanceof FailedError) {
    const { item, line } = error;
    return `error: ${status[item.code]}: line ${line}: ${item.message}\n  reason ${item.reason}`;
  }
  if (!isServiceError(error)) {
    return `error: ${error instanceof Error ? error.message : error}`;
  }
  const lines = [`error: ${status[error.code]}: ${error.details}`];
  const found = details(error);
  const badRequest = found.get("google.rpc.BadRequest");
  for (const violation of badRequest ? BadRequest.decode(badRequest).fieldViolations : []) {
    lines.push(`  field ${violation.field}: ${violation.description}`);
  }
  const info = found.get("google.rpc.ErrorInfo");
  if (info) {
    const { reason, domain, metadata } = ErrorInfo.decode(info);
    lines.push(`  reason ${reason} (${domain}) ${JSON.stringify(metadata)}`);
  }
  const delay = retryInfo(found);
  if (delay !== undefined) {
    lines.push(`  retry after ${delay} ms`);
  }
  return lines.join("\n");
}

function retryInfo(found: Map<string, Uint8Array>): number | undefined {
  const raw = found.get("google.rpc.RetryInfo");
  return raw && milliseconds(RetryInfo.decode(raw).retryDelay);
}

export function milliseconds(duration: Duration | undefined): number {
  return Number(duration?.seconds ?? 0n) * 1000 + (duration?.nanos ?? 0) / 1e6;
}

/** Returns the minimum delay before a retry in milliseconds; undefined if the error is not retryable. */
export function retryDelay(error: unknown): number | undefined {
  if (error instanceof FailedError) {
    return error.retryDelay;
  }
  if (error instanceof EndedEarlyError) {
    return 0;
  }
  if (!isServiceError(error)) {
    return undefined;
  }
  return retryInfo(details(error)) ?? (error.code === status.UNAVAILABLE ? 0 : undefined);
}
