package example;

import com.google.protobuf.util.Durations;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.stub.BlockingClientCall;
import io.spladesidecar.v1.Document;
import io.spladesidecar.v1.IndexServiceGrpc.IndexServiceBlockingV2Stub;
import io.spladesidecar.v1.IngestOptions;
import io.spladesidecar.v1.IngestRequest;
import io.spladesidecar.v1.IngestResponse;
import io.spladesidecar.v1.ItemError;
import io.spladesidecar.v1.Operation;
import io.spladesidecar.v1.OperationResult;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Sends the documents of a source over one stream after another until each has its final result.
 *
 * <p>The sequence number of a document is its position in the source, on every stream. The server reports {@code
 * durable_through}: documents up to this number have a final result and are dropped from memory. The next stream starts with
 * the document after it. Resending a document is idempotent, since it replaces itself. A rejection is reported once {@code
 * durable_through} has passed the document, and thus exactly once.
 */
final class Ingester {
    /** Maximum number of documents kept in memory until they have a final result, and thus of documents sent twice. */
    private static final int WINDOW = 4096;
    /** A request has at most 64 documents and ends at 1 MiB, far below the server's 32 MiB (--max-message-bytes). */
    private static final int BATCH = 64;
    private static final int BATCH_BYTES = 1 << 20;
    /** Number of consecutive streams without progress after which the ingest fails. */
    private static final int ATTEMPTS = 10;

    private record Pending(long line, Document document) {}

    private final IndexServiceBlockingV2Stub index;
    private final Source source;
    private final PrintStream log;
    private final long start = System.nanoTime();

    // Guarded by `this`.
    private final Deque<Pending> pending = new ArrayDeque<>(); // documents from durable + 1, in order
    private IngestOptions options; // options of the next stream, except for first_sequence
    private boolean opened;
    private long durable; // the last durable_through
    private boolean exhausted; // the source has no more documents
    // Whether the sender should end: the stream has ended, the server is draining, or an operation FAILED.
    private boolean stopped;
    private long indexed;
    private long rejected;

    Ingester(IndexServiceBlockingV2Stub index, IngestOptions options, Source source, PrintStream log) {
        this.index = index;
        this.options = options;
        this.source = source;
        this.log = log;
    }

    synchronized long indexed() {
        return indexed;
    }

    synchronized long rejected() {
        return rejected;
    }

    private synchronized long durable() {
        return durable;
    }

    private synchronized boolean isFinished() {
        return exhausted && pending.isEmpty();
    }

    private synchronized boolean isStopped() {
        return stopped;
    }

    private synchronized void stop() {
        stopped = true;
        notifyAll();
    }

    /** Sends all documents. Returns when each has its final result. Throws the first error that is not retryable. */
    void run() throws Exception {
        Thread progress = new Thread(this::showProgress);
        progress.start();
        try {
            runStreams();
        } finally {
            progress.interrupt();
            progress.join();
        }
    }

    private void runStreams() throws Exception {
        for (int failures = 0; !isFinished(); ) {
            long before = durable();
            try {
                // If the stream ends early, the server is draining; the next stream sends the remaining documents.
                runStream();
                failures = durable() > before ? 0 : failures;
            } catch (StatusException | FailedException broken) {
                failures = durable() > before ? 1 : failures + 1;
                OptionalLong minDelay = Errors.retryDelay(broken);
                if (minDelay.isEmpty() || failures == ATTEMPTS) {
                    throw broken;
                }
                long delay = Math.max(minDelay.getAsLong(), backoff(failures));
                log.printf("%nthe stream broke: %s; retrying in %d ms%n", broken.getMessage(), delay);
                Thread.sleep(delay);
            }
        }
    }

    /**
     * Returns milliseconds: doubles from 0.2 s to 10 s and subtracts up to one half as jitter, so that clients don't
     * reconnect at the same time.
     */
    private static long backoff(int failures) {
        long ceiling = Math.min(200L << (failures - 1), 10_000);
        return ceiling / 2 + ThreadLocalRandom.current().nextLong(ceiling / 2);
    }

    /** Runs one stream from its first message to its status. */
    private void runStream() throws Exception {
        Deque<Document> unsent = new ArrayDeque<>();
        IngestOptions streamOptions;
        synchronized (this) {
            pending.forEach(next -> unsent.add(next.document()));
            streamOptions = options.toBuilder().setFirstSequence(durable + 1).build();
            stopped = false;
        }
        BlockingClientCall<IngestRequest, IngestResponse> call = index.ingest();
        IOException[] readError = new IOException[1];
        Thread sender = new Thread(() -> {
            try {
                send(call, streamOptions, unsent);
            } catch (IOException error) {
                readError[0] = error;
                call.cancel("the file can't be read", error);
            } catch (InterruptedException | StatusException | IllegalStateException broken) {
                // The stream has ended, and the receiver gets its status. Writing to an ended stream throws
                // IllegalStateException.
            }
        });
        sender.start();
        try {
            receive(call);
        } finally {
            stop();
            call.cancel("the stream has ended", null);
            sender.join();
            if (readError[0] != null) {
                throw readError[0];
            }
        }
    }

    /**
     * Sends the pending documents, then the remaining documents of the source. `write` blocks while the server applies
     * backpressure. If the sender is stopped, it half-closes the stream early.
     */
    private void send(BlockingClientCall<IngestRequest, IngestResponse> call, IngestOptions streamOptions, Deque<Document> unsent)
            throws IOException, InterruptedException, StatusException {
        IngestRequest.Builder request = IngestRequest.newBuilder().setOptions(streamOptions);
        do {
            if (!call.write(request.build())) {
                return; // the stream has ended, and the receiver gets its status
            }
            request = nextOperations(unsent);
        } while (request.getOperationsCount() > 0 && !isStopped());
        call.halfClose(); // the documents of this request stay pending and are sent on the next stream
    }

    private IngestRequest.Builder nextOperations(Deque<Document> unsent) throws IOException, InterruptedException {
        IngestRequest.Builder request = IngestRequest.newBuilder();
        for (int bytes = 0; request.getOperationsCount() < BATCH && bytes < BATCH_BYTES; ) {
            Document next = unsent.isEmpty() ? read() : unsent.remove();
            if (next == null) {
                break;
            }
            request.addOperations(Operation.newBuilder().setUpsert(next));
            bytes += next.getSerializedSize();
        }
        return request;
    }

    /** Returns the next document of the source and adds it to the pending ones; null after the last one or if stopped. */
    private Document read() throws IOException, InterruptedException {
        synchronized (this) {
            while (pending.size() >= WINDOW && !stopped) {
                wait();
            }
            if (stopped) {
                return null;
            }
        }
        while (true) {
            Source.Line line = source.next();
            synchronized (this) {
                if (line == null) {
                    exhausted = true;
                    return null;
                }
                if (line.document() != null) {
                    pending.add(new Pending(line.number(), line.document()));
                    return line.document();
                }
                reject(line.number(), line.bad());
            }
        }
    }

    /** Processes results until the stream ends. Stops the sender if the server is draining or an operation FAILED. */
    private void receive(BlockingClientCall<IngestRequest, IngestResponse> call)
            throws InterruptedException, StatusException, FailedException {
        Map<Long, OperationResult> results = new HashMap<>(); // of operations after durable_through
        FailedException failed = null;
        boolean draining = false;
        try {
            for (IngestResponse response = call.read(); response != null; response = call.read()) {
                failed = processResponse(response, results, failed);
                draining |= response.hasDraining();
                if (draining || failed != null) {
                    stop();
                }
            }
        } catch (StatusException broken) {
            OptionalLong delay = Errors.retryDelay(broken);
            if (failed == null || delay.isEmpty()) {
                throw broken;
            }
            failed = failed.withDelay(delay.getAsLong());
        }
        if (failed != null) {
            throw failed;
        }
        if (!draining && !isFinished()) {
            throw Status.UNAVAILABLE.withDescription("the stream ended before the last result").asException();
        }
    }

    /** Processes a response and returns the failure of the stream. */
    private synchronized FailedException processResponse(
            IngestResponse response, Map<Long, OperationResult> results, FailedException failed) {
        if (response.hasOpened() && !opened) {
            // Later streams fail if the collection is deleted and created again, instead of writing some documents to the new
            // one.
            opened = true;
            options = options.toBuilder()
                    .setCreateCollection(false)
                    .clearCollectionOptions()
                    .setExpectedIncarnation(response.getOpened().getCollection().getIncarnation())
                    .build();
        }
        long last = durable + pending.size();
        for (OperationResult result : response.getResultsList()) {
            long sequence = result.getSequence();
            if (sequence <= durable || sequence > last) {
                throw new IllegalStateException(
                        "the server sent a result for operation " + sequence + ", which is not in flight");
            }
            results.put(sequence, result);
            if (hasFailed(result)) {
                long delay = Durations.toMillis(result.getError().getRetryDelay());
                failed = failed != null
                        ? failed.withDelay(delay)
                        : new FailedException(lineOf(sequence), result.getError(), delay);
            }
        }
        if (response.getDurableThrough() < durable || response.getDurableThrough() > last) {
            throw new IllegalStateException(
                    "the server sent durable_through " + response.getDurableThrough() + ", which is not in flight");
        }
        while (durable < response.getDurableThrough()) {
            durable++;
            complete(pending.remove(), results.remove(durable));
        }
        notifyAll();
        return failed;
    }

    /**
     * Returns whether an operation must be resent. A status of a later release counts as FAILED if its error has a
     * retry_delay, as REJECTED if it has another error, and as INDEXED if it has none.
     */
    private static boolean hasFailed(OperationResult result) {
        return switch (result.getStatus()) {
            case OPERATION_STATUS_FAILED -> true;
            case OPERATION_STATUS_REJECTED -> false;
            default -> result.getError().hasRetryDelay();
        };
    }

    private long lineOf(long sequence) {
        return pending.stream().skip(sequence - durable - 1).findFirst().orElseThrow().line();
    }

    private synchronized void complete(Pending done, OperationResult result) {
        if (result == null || hasFailed(result)) {
            throw new IllegalStateException("durable_through passed operation " + durable + ", which has no final result");
        }
        if (result.hasError()) {
            ItemError error = result.getError();
            reject(done.line(), Source.formatRejection(error.getReason(), error.getField(), error.getMessage()));
        } else {
            indexed++;
        }
    }

    private synchronized void reject(long line, String reason) {
        rejected++;
        log.printf("%nline %d rejected: %s%n", line, reason);
    }

    /** Rewrites a progress line every second until the thread is interrupted. */
    private void showProgress() {
        for (boolean running = true; running; ) {
            try {
                Thread.sleep(1000);
            } catch (InterruptedException stop) {
                running = false;
            }
            synchronized (this) {
                double rate = indexed / ((System.nanoTime() - start) / 1e9);
                log.printf("\r%d indexed, %d rejected, %d in flight, %.0f/s ", indexed, rejected, pending.size(), rate);
            }
        }
        log.println();
    }
}
