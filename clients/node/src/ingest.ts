// Sends documents over one stream after another until each has its final result.
//
// The sequence number of a document is its position in the source, on every stream. The server reports `durableThrough`:
// documents up to this number have a final result and are dropped from memory. The next stream starts with the document after
// it. Resending a document is idempotent, since it replaces itself. A rejection is reported once `durableThrough` has
// passed the document, and thus exactly once.
import { EventEmitter, once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { ClientDuplexStream } from "@grpc/grpc-js";
import type { Document } from "../gen/splade_sidecar/v1/document.js";
import { ItemError } from "../gen/splade_sidecar/v1/errors.js";
import {
  type IndexServiceClient,
  type IngestOptions,
  IngestRequest,
  type IngestResponse,
  type OperationResult,
  OperationStatus,
} from "../gen/splade_sidecar/v1/index_service.js";
import { EndedEarlyError, FailedError, milliseconds, retryDelay } from "./errors.js";
import { formatRejection, type Line } from "./source.js";

/** Maximum number of documents kept in memory until they have a final result, and thus of documents sent twice. */
const WINDOW = 4096;
/** A request has at most 64 documents and ends at 1 MiB, far below the server's 32 MiB (--max-message-bytes). */
const BATCH = 64;
const BATCH_BYTES = 1 << 20;
/** Number of consecutive streams without progress after which the ingest fails. */
const ATTEMPTS = 10;

type Pending = { line: number; bytes: number; document: Document; result?: OperationResult };

/** One stream. */
interface Stream {
  call: ClientDuplexStream<IngestRequest, IngestResponse>;
  /** Aborted when the stream has ended, to unblock and end the sender. */
  ended: AbortController;
  draining: boolean;
  /** The first failure. */
  failed?: FailedError;
}

export class Ingester {
  indexed = 0;
  rejected = 0;
  private pending: Pending[] = []; // documents from `durable` + 1, in order
  private durable = 0; // the last `durableThrough`
  private exhausted = false; // the source has no more documents
  private opened = false;
  private readonly events = new EventEmitter(); // "change": a response has been processed

  constructor(
    private readonly index: IndexServiceClient,
    private options: IngestOptions, // options of the next stream, except for firstSequence
    private readonly source: AsyncIterator<Line>,
    private readonly log: (text: string) => void,
  ) {}

  /** Sends all documents. Resolves when each has its final result. Rejects with the first error that is not retryable. */
  async run(): Promise<void> {
    const started = performance.now();
    const progress = () => {
      const rate = (1000 * this.indexed) / (performance.now() - started);
      const inFlight = this.pending.length;
      this.log(`\r${this.indexed} indexed, ${this.rejected} rejected, ${inFlight} in flight, ${rate.toFixed(0)}/s `);
    };
    const timer = setInterval(progress, 1000);
    try {
      await this.runStreams();
    } finally {
      clearInterval(timer);
      progress();
      this.log("\n");
    }
  }

  private async runStreams(): Promise<void> {
    for (let failures = 0; !this.isFinished(); ) {
      const before = this.durable;
      try {
        // If the stream ends early, the server is draining; the next stream sends the remaining documents.
        await this.runStream();
        failures = this.durable > before ? 0 : failures;
      } catch (error) {
        failures = this.durable > before ? 1 : failures + 1;
        const minDelay = retryDelay(error);
        if (minDelay === undefined || failures === ATTEMPTS) {
          throw error;
        }
        const delay = Math.max(minDelay, backoff(failures));
        this.log(`\nthe stream broke: ${(error as Error).message}; retrying in ${delay.toFixed(0)} ms\n`);
        await sleep(delay);
      }
    }
  }

  private isFinished(): boolean {
    return this.exhausted && this.pending.length === 0;
  }

  /** Runs one stream from its first message to its status. */
  private async runStream(): Promise<void> {
    const stream: Stream = { call: this.index.ingest(), ended: new AbortController(), draining: false };
    stream.call.once("error", () => stream.ended.abort());
    let sendError: unknown; // such as an unreadable file
    const sending = this.send(stream).catch((error) => {
      if (!stream.ended.signal.aborted) {
        sendError = error;
        stream.call.cancel();
      }
    });
    try {
      await this.receive(stream);
    } catch (error) {
      throw sendError ?? this.failure(stream, error);
    } finally {
      stream.ended.abort();
      await sending;
    }
    if (stream.failed) {
      throw stream.failed;
    }
    if (!stream.draining && !this.isFinished()) {
      throw new EndedEarlyError();
    }
  }

  /** Returns the error to report for a stream that ended with `error`, which is the failure of an operation if there was one. */
  private failure({ failed }: Stream, error: unknown): unknown {
    const delay = retryDelay(error);
    if (failed === undefined || delay === undefined) {
      return error;
    }
    failed.retryDelay = Math.max(failed.retryDelay, delay);
    return failed;
  }

  /**
   * Sends the pending documents, then the remaining documents of the source. It waits while the server applies backpressure.
   * If the server is draining or an operation FAILED, it half-closes the stream early.
   */
  private async send(stream: Stream): Promise<void> {
    const { call, ended } = stream;
    const unsent = [...this.pending];
    let request = IngestRequest.fromPartial({ options: { ...this.options, firstSequence: BigInt(this.durable + 1) } });
    for (;;) {
      // Messages that are written before "drain" would be buffered without bound.
      if (!call.write(request)) {
        await once(call, "drain", { signal: ended.signal });
      }
      const next = unsent.length > 0 ? unsent.splice(0, batchLength(unsent)) : await this.read(stream);
      ended.signal.throwIfAborted();
      if (next.length === 0 || shouldEnd(stream)) {
        call.end(); // `next` stays pending and is sent on the next stream
        return;
      }
      const operations = next.map(({ document }) => ({ kind: { $case: "upsert" as const, upsert: document } }));
      request = IngestRequest.fromPartial({ operations });
    }
  }

  /** Returns the next documents of the source and adds them to the pending ones; none after the last one. */
  private async read(stream: Stream): Promise<Pending[]> {
    const documents: Pending[] = [];
    const { signal } = stream.ended;
    for (let bytes = 0; documents.length < BATCH && bytes < BATCH_BYTES && !signal.aborted && !shouldEnd(stream); ) {
      if (this.pending.length >= WINDOW) {
        await once(this.events, "change", { signal });
        continue;
      }
      const { done, value: line } = await this.source.next();
      if (done) {
        this.exhausted = true;
        break;
      }
      if ("bad" in line) {
        this.reject(line.number, line.bad);
        continue;
      }
      const pending: Pending = { line: line.number, bytes: line.bytes, document: line.document };
      this.pending.push(pending);
      documents.push(pending);
      bytes += line.bytes;
    }
    return documents;
  }

  /** Processes results until the stream ends. */
  private receive(stream: Stream): Promise<void> {
    return new Promise((resolve, reject) => {
      stream.call.on("data", (response: IngestResponse) => {
        try {
          this.processResponse(stream, response);
        } catch (error) {
          reject(error);
          stream.call.cancel();
        }
      });
      stream.call.on("error", reject);
      stream.call.on("end", resolve);
    });
  }

  private processResponse(stream: Stream, response: IngestResponse): void {
    if (response.opened && !this.opened) {
      // Later streams fail if the collection is deleted and created again, instead of writing some documents to the new one.
      const expectedIncarnation = response.opened.collection?.incarnation ?? "";
      const created = { createCollection: false, collectionOptions: undefined };
      this.options = { ...this.options, ...created, expectedIncarnation };
      this.opened = true;
    }
    for (const result of response.results) {
      const pending = this.pending[Number(result.sequence) - this.durable - 1];
      if (!pending) {
        throw new Error(`the server sent a result for operation ${result.sequence}, which is not in flight`);
      }
      pending.result = result;
      if (hasFailed(result)) {
        const error = ItemError.fromPartial(result.error ?? {});
        stream.failed ??= new FailedError(pending.line, error);
        stream.failed.retryDelay = Math.max(stream.failed.retryDelay, milliseconds(error.retryDelay));
      }
    }
    const done = Number(response.durableThrough) - this.durable;
    if (done < 0 || done > this.pending.length) {
      throw new Error(`the server sent durable_through ${response.durableThrough}, which is not in flight`);
    }
    for (const pending of this.pending.splice(0, done)) {
      this.durable++;
      this.complete(pending);
    }
    stream.draining ||= response.draining !== undefined;
    this.events.emit("change");
  }

  private complete({ line, result }: Pending): void {
    if (!result || hasFailed(result)) {
      throw new Error(`durable_through passed operation ${this.durable}, which has no final result`);
    }
    if (result.error) {
      const { reason, field, message } = result.error;
      this.reject(line, formatRejection(reason, field, message));
    } else {
      this.indexed++;
    }
  }

  private reject(line: number, reason: string): void {
    this.rejected++;
    this.log(`\nline ${line} rejected: ${reason}\n`);
  }
}

/**
 * Returns whether an operation must be resent. A status of a later release counts as FAILED if its error has a retryDelay,
 * as REJECTED if it has another error, and as INDEXED if it has none.
 */
function hasFailed({ status, error }: OperationResult): boolean {
  switch (status) {
    case OperationStatus.OPERATION_STATUS_FAILED:
      return true;
    case OperationStatus.OPERATION_STATUS_REJECTED:
      return false;
    default:
      return error?.retryDelay !== undefined;
  }
}

/** Returns whether the stream should be half-closed before the source is exhausted. */
function shouldEnd(stream: Stream): boolean {
  return stream.draining || stream.failed !== undefined;
}

/** Returns the number of unsent documents that fit into the next request. */
function batchLength(unsent: Pending[]): number {
  let [count, bytes] = [0, 0];
  while (count < Math.min(BATCH, unsent.length) && bytes < BATCH_BYTES) {
    bytes += unsent[count++].bytes;
  }
  return count;
}

/** Doubles from 0.2 s to 10 s and subtracts up to one half as jitter, so that clients don't reconnect at the same time. */
function backoff(failures: number): number {
  const ceiling = Math.min(200 * 2 ** (failures - 1), 10_000);
  return (ceiling * (1 + Math.random())) / 2;
}
