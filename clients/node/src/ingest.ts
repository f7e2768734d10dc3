// Sends documents by one stream after another, until each has its result.
//
// The server numbers the documents of a stream from 1 and says how far it has got: `durableThrough`. Up to there a
// document is forgotten here. When a stream breaks, the next one begins with those that are left; to send a document
// twice is harmless, since it replaces itself. A result is told only once it is durable, and so once.
import { EventEmitter, once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { ClientDuplexStream } from "@grpc/grpc-js";
import type {
  DocumentResult,
  IndexServiceClient,
  IngestOptions,
  IngestRequest,
  IngestResponse,
} from "../gen/splade/v1/index_service.js";
import type { Document } from "../gen/splade/v1/types.js";
import { retryDelay } from "./errors.js";
import type { Line } from "./source.js";

/** The most documents that are kept until they are durable, and thereby the most that are sent twice. */
const WINDOW = 4096;
/** A request ends at 64 documents or 1 MiB, so that it is far below the server's 32 MiB (--max-message-bytes). */
const BATCH = 64;
const BATCH_BYTES = 1 << 20;
/** How often a stream is opened in vain before we give up. */
const ATTEMPTS = 10;

type Pending = { line: number; bytes: number; document: Document; result?: DocumentResult };
type Stream = ClientDuplexStream<IngestRequest, IngestResponse>;

export class Ingester {
  indexed = 0;
  rejected = 0;
  private pending: Pending[] = []; // in the order in which they are sent
  private readonly settled = new EventEmitter(); // "room": there are fewer pending documents

  constructor(
    private readonly index: IndexServiceClient,
    private readonly options: IngestOptions,
    private readonly source: AsyncIterator<Line>,
    private readonly log: (text: string) => void,
  ) {}

  /** Sends all documents. It ends when each has its result, or fails with the error that it can do nothing about. */
  async run(): Promise<void> {
    const started = performance.now();
    const progress = () => {
      const rate = (1000 * this.indexed) / (performance.now() - started);
      const waiting = this.pending.length;
      this.log(`\r${this.indexed} indexed, ${this.rejected} rejected, ${waiting} on their way, ${rate.toFixed(0)}/s `);
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
    for (let failures = 0; ; ) {
      const before = this.indexed + this.rejected;
      try {
        return await this.stream();
      } catch (error) {
        failures = this.indexed + this.rejected > before ? 1 : failures + 1;
        const wanted = retryDelay(error);
        if (wanted === undefined || failures === ATTEMPTS) {
          throw error;
        }
        const delay = Math.max(wanted, backoff(failures));
        this.log(`\nthe stream broke (${(error as Error).message}); going on in ${delay.toFixed(0)} ms\n`);
        await sleep(delay);
      }
    }
  }

  /** One stream, from its first message to its status. */
  private async stream(): Promise<void> {
    const call: Stream = this.index.ingest();
    const over = new AbortController(); // ends the sender, wherever it waits
    call.once("error", () => over.abort());
    let failed: unknown; // the sender's own failure, such as of the file
    const sending = this.send(call, over.signal).catch((error) => {
      if (!over.signal.aborted) {
        failed = error;
        call.cancel();
      }
    });
    try {
      await this.receive(call);
    } catch (error) {
      throw failed ?? error;
    } finally {
      over.abort();
      await sending;
    }
  }

  /** Sends what is left of the stream before, then the rest of the source. It waits while the server has no room. */
  private async send(call: Stream, over: AbortSignal): Promise<void> {
    const unsent = [...this.pending];
    let request: IngestRequest = { options: this.options, documents: [] };
    for (;;) {
      // Until it drains, what is written is kept in memory: the server has no room for more.
      if (!call.write(request)) {
        await once(call, "drain", { signal: over });
      }
      const next = unsent.length > 0 ? unsent.splice(0, batchLength(unsent)) : await this.read(over);
      if (next.length === 0) {
        call.end();
        return;
      }
      over.throwIfAborted();
      request = { options: undefined, documents: next.map((pending) => pending.document) };
    }
  }

  /** Gives the next documents of the source, which are then pending; none after the last one. */
  private async read(over: AbortSignal): Promise<Pending[]> {
    const documents: Pending[] = [];
    for (let bytes = 0; documents.length < BATCH && bytes < BATCH_BYTES && !over.aborted; ) {
      while (this.pending.length >= WINDOW) {
        await once(this.settled, "room", { signal: over });
      }
      const { done, value: line } = await this.source.next();
      if (done) {
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

  /** Takes results until the stream ends. Number 1 of the stream is what was pending first when it began. */
  private receive(call: Stream): Promise<void> {
    let durable = 0;
    return new Promise((resolve, reject) => {
      call.on("data", (response: IngestResponse) => {
        try {
          durable = this.take(response, durable);
        } catch (error) {
          reject(error);
          call.cancel();
        }
      });
      call.on("error", reject);
      call.on("end", resolve);
    });
  }

  private take(response: IngestResponse, durable: number): number {
    for (const result of response.results) {
      const pending = this.pending[Number(result.sequence) - durable - 1];
      if (!pending) {
        throw new Error(`the server has a result for document ${result.sequence}, which does not wait for one`);
      }
      pending.result = result;
    }
    const through = Number(response.durableThrough);
    for (const done of this.pending.splice(0, through - durable)) {
      const rejection = done.result?.rejection;
      if (rejection) {
        this.reject(done.line, `${rejection.reason} ${rejection.field}: ${rejection.message}`);
      } else {
        this.indexed++;
      }
    }
    this.settled.emit("room");
    return through;
  }

  private reject(line: number, why: string): void {
    this.rejected++;
    this.log(`\nline ${line} rejected: ${why}\n`);
  }
}

/** How many of the next documents make a request. */
function batchLength(unsent: Pending[]): number {
  let [count, bytes] = [0, 0];
  while (count < Math.min(BATCH, unsent.length) && bytes < BATCH_BYTES) {
    bytes += unsent[count++].bytes;
  }
  return count;
}

/** Doubles from 0.2 s to 10 s, less up to a half, so that clients don't come back all at once. */
function backoff(failures: number): number {
  const longest = Math.min(200 * 2 ** (failures - 1), 10_000);
  return (longest * (1 + Math.random())) / 2;
}
