// Sends documents over one stream after another until each has its final result.
//
// The sequence number of a document is its position in the source, on every stream. The server reports `durableThrough`:
// documents up to this number have a final result and are forgotten here. The next stream begins with the document after
// it. Sending a document again is harmless, since it replaces itself. A rejection is reported once `durableThrough` has
// passed the document, and so exactly once.
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

/** Maximum number of documents that are kept until they have a final result, and so of documents that are sent twice. */
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
  /** Ends the sender, wherever it waits. */
  over: AbortController;
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
  private readonly events = new EventEmitter(); // "change": fewer documents are pending, or the stream must end

  constructor(
    private readonly index: IndexServiceClient,
    private options: IngestOptions, // of the next stream, except for firstSequence
    private readonly source: AsyncIterator<Line>,
    private readonly log: (text: string) => void,
  ) {}

  /** Sends all documents. It resolves when each has its final result, and rejects with an error that a retry can't fix. */
  async run(): Promise<void> {
    const started = performance.now();
    const progress = () => {
      const rate = (1000 * this.indexed) / (performance.now() - started);
      const inFlight = this.pending.length;
      this.log(`\r${this.indexed} indexed, ${this.rejected} rejected, ${inFlight} in flight, ${rate.toFixed(0)}/s `);
    };
    const timer = setInterval(progress, 1000);
    try {
      await this.streams();
    } finally {
      clearInterval(timer);
      progress();
      this.log("\n");
    }
  }

  private async streams(): Promise<void> {
    for (let failures = 0; !this.finished(); ) {
      const before = this.durable;
      try {
        // If it resolves before the end, the server is draining; another one takes the rest.
        await this.stream();
        failures = this.durable > before ? 0 : failures;
      } catch (error) {
        failures = this.durable > before ? 1 : failures + 1;
        const wanted = retryDelay(error);
        if (wanted === undefined || failures === ATTEMPTS) {
          throw error;
        }
        const delay = Math.max(wanted, backoff(failures));
        this.log(`\nthe stream broke: ${(error as Error).message}; retrying in ${delay.toFixed(0)} ms\n`);
        await sleep(delay);
      }
    }
  }

  private finished(): boolean {
    return this.exhausted && this.pending.length === 0;
  }

  /** Runs one stream from its first message to its status. */
  private async stream(): Promise<void> {
    const stream: Stream = { call: this.index.ingest(), over: new AbortController(), draining: false };
    stream.call.once("error", () => stream.over.abort());
    let ownError: unknown; // of the sender, such as an unreadable file
    const sending = this.send(stream).catch((error) => {
      if (!stream.over.signal.aborted) {
        ownError = error;
        stream.call.cancel();
      }
    });
    try {
      await this.receive(stream);
    } catch (error) {
      throw ownError ?? this.failure(stream, error);
    } finally {
      stream.over.abort();
      await sending;
    }
    if (stream.failed) {
      throw stream.failed;
    }
    if (!stream.draining && !this.finished()) {
      throw new EndedEarlyError();
    }
  }

  /** Returns the error to report for a stream that ended with `error`, perhaps after an operation FAILED. */
  private failure({ failed }: Stream, error: unknown): unknown {
    const delay = retryDelay(error);
    if (failed === undefined || delay === undefined) {
      return error;
    }
    failed.retryDelay = Math.max(failed.retryDelay, delay);
    return failed;
  }

  /**
   * Sends the pending documents, then the rest of the source. It waits while the server applies backpressure. If the server
   * is draining or an operation FAILED, it half-closes the stream early.
   */
  private async send(stream: Stream): Promise<void> {
    const { call, over } = stream;
    const unsent = [...this.pending];
    let request = IngestRequest.fromPartial({ options: { ...this.options, firstSequence: BigInt(this.durable + 1) } });
    for (;;) {
      // What is written before "drain" is kept in memory.
      if (!call.write(request)) {
        await once(call, "drain", { signal: over.signal });
      }
      const next = unsent.length > 0 ? unsent.splice(0, batchLength(unsent)) : await this.read(stream);
      over.signal.throwIfAborted();
      if (next.length === 0 || mustEnd(stream)) {
        call.end(); // `next` is pending, and sent on the next stream
        return;
      }
      const operations = next.map(({ document }) => ({ kind: { $case: "upsert" as const, upsert: document } }));
      request = IngestRequest.fromPartial({ operations });
    }
  }

  /** Returns the next documents of the source and adds them to the pending ones; none after the last one. */
  private async read(stream: Stream): Promise<Pending[]> {
    const documents: Pending[] = [];
    const { signal } = stream.over;
    for (let bytes = 0; documents.length < BATCH && bytes < BATCH_BYTES && !signal.aborted && !mustEnd(stream); ) {
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
          this.take(stream, response);
        } catch (error) {
          reject(error);
          stream.call.cancel();
        }
      });
      stream.call.on("error", reject);
      stream.call.on("end", resolve);
    });
  }

  private take(stream: Stream, response: IngestResponse): void {
    if (response.opened && !this.opened) {
      // If the collection is deleted and created again, later streams fail instead of filling a part of the new one.
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
      this.settle(pending);
    }
    stream.draining ||= response.draining !== undefined;
    this.events.emit("change");
  }

  private settle({ line, result }: Pending): void {
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

  private reject(line: number, why: string): void {
    this.rejected++;
    this.log(`\nline ${line} rejected: ${why}\n`);
  }
}

/**
 * Returns whether an operation must be sent again. A status of a later release is like FAILED if its error has a retryDelay,
 * like REJECTED if it has another error, and like INDEXED if it has none.
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

/** Returns whether the stream must be half-closed before the source is exhausted. */
function mustEnd(stream: Stream): boolean {
  return stream.draining || stream.failed !== undefined;
}

/** Returns the number of the next documents that make a request. */
function batchLength(unsent: Pending[]): number {
  let [count, bytes] = [0, 0];
  while (count < Math.min(BATCH, unsent.length) && bytes < BATCH_BYTES) {
    bytes += unsent[count++].bytes;
  }
  return count;
}

/** Doubles from 0.2 s to 10 s and subtracts up to a half at random, so that clients don't return all at once. */
function backoff(failures: number): number {
  const longest = Math.min(200 * 2 ** (failures - 1), 10_000);
  return (longest * (1 + Math.random())) / 2;
}
