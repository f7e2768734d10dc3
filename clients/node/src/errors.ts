// What a refusal says: the code, the message, and its details (google.rpc).
import { status, type ServiceError } from "@grpc/grpc-js";
import { Duration } from "../gen/google/protobuf/duration.js";
import { BadRequest, ErrorInfo, RetryInfo } from "../gen/google/rpc/error_details.js";
import { Status } from "../gen/google/rpc/status.js";

/** The details by their types' names, such as `google.rpc.BadRequest`. */
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
    lines.push(`  try again after ${delay} ms`);
  }
  return lines.join("\n");
}

function retryInfo(found: Map<string, Uint8Array>): number | undefined {
  const raw = found.get("google.rpc.RetryInfo");
  return raw && milliseconds(RetryInfo.decode(raw).retryDelay);
}

function milliseconds(duration: Duration | undefined): number {
  return Number(duration?.seconds ?? 0n) * 1000 + (duration?.nanos ?? 0) / 1e6;
}

/** How many milliseconds the server wants to be left alone before the next try; undefined if none makes sense. */
export function retryDelay(error: unknown): number | undefined {
  if (!isServiceError(error)) {
    return undefined;
  }
  return retryInfo(details(error)) ?? (error.code === status.UNAVAILABLE ? 0 : undefined);
}
