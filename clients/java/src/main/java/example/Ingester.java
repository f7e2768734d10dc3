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
 * durable_through}: documents up to this number have a final result and are forgotten here. The next stream begins with the
 * document after it. Sending a document again is harmless, since it replaces itself. A rejection is reported once {@code
 * durable_through} has passed the document, and so exactly once.
 */
final class Ingester {
    /** Maximum number of documents that are kept until they have a final result, and so of documents sent twice. */
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

    // All guarded by `this`.
    private final Deque<Pending> pending = new ArrayDeque<>(); // documents from durable + 1, in order
    private IngestOptions options; // of the next stream, except for first_sequence
    private boolean opened;
    private long durable; // the last durable_through
    private boolean exhausted; // the source has no more documents
    private boolean stopped; // the sender must end: the stream has ended, the server is draining, or an operation FAILED
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

    /** Sends all documents. It returns when each has its final result, and throws an error that a retry can't fix. */
    void run() throws Exception {
        Thread progress = new Thread(this::showProgress);
        progress.start();
        try {
            streams();
        } finally {
            progress.interrupt();
            progress.join();
        }
    }

    private void streams() throws Exception {
        for (int failures = 0; !isFinished(); ) {
            long before = durable();
            try {
                // If it returns before the end, the server is draining; another one takes the rest.
                stream();
                failures = durable() > before ? 0 : failures;
            } catch (StatusException | FailedException broken) {
                failures = durable() > before ? 1 : failures + 1;
                OptionalLong wanted = Errors.retryDelay(broken);
                if (wanted.isEmpty() || failures == ATTEMPTS) {
                    throw broken;
                }
                long delay = Math.max(wanted.getAsLong(), backoff(failures));
                log.printf("%nthe stream broke: %s; retrying in %d ms%n", broken.getMessage(), delay);
                Thread.sleep(delay);
            }
        }
    }

    /**
     * Returns milliseconds: doubles from 0.2 s to 10 s and subtracts up to a half at random, so that clients don't return all
     * at once.
     */
    private static long backoff(int failures) {
        long longest = Math.min(200L << (failures - 1), 10_000);
        return longest / 2 + ThreadLocalRandom.current().nextLong(longest / 2);
    }

    /** Runs one stream from its first message to its status. */
    private void stream() throws Exception {
        Deque<Document> unsent = new ArrayDeque<>();
        IngestOptions first;
        synchronized (this) {
            pending.forEach(left -> unsent.add(left.document()));
            first = options.toBuilder().setFirstSequence(durable + 1).build();
            stopped = false;
        }
        BlockingClientCall<IngestRequest, IngestResponse> call = index.ingest();
        IOException[] unreadable = new IOException[1];
        Thread sender = new Thread(() -> {
            try {
                send(call, first, unsent);
            } catch (IOException error) {
                unreadable[0] = error;
                call.cancel("the file can't be read", error);
            } catch (InterruptedException | StatusException | IllegalStateException broken) {
                // The stream has ended, and the receiver gets the reason. Writing after that is an IllegalStateException.
            }
        });
        sender.start();
        try {
            receive(call);
        } finally {
            stop();
            call.cancel("the stream has ended", null);
            sender.join();
            if (unreadable[0] != null) {
                throw unreadable[0];
            }
        }
    }

    /**
     * Sends the pending documents, then the rest of the source. `write` blocks while the server applies backpressure. If the
     * sender is stopped, it half-closes the stream early.
     */
    private void send(BlockingClientCall<IngestRequest, IngestResponse> call, IngestOptions first, Deque<Document> unsent)
            throws IOException, InterruptedException, StatusException {
        IngestRequest.Builder request = IngestRequest.newBuilder().setOptions(first);
        do {
            if (!call.write(request.build())) {
                return; // the stream has ended, and the receiver gets the reason
            }
            request = nextOperations(unsent);
        } while (request.getOperationsCount() > 0 && !isStopped());
        call.halfClose(); // what is left in the request is pending, and sent on the next stream
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

    /** Processes results until the stream ends. It stops the sender if the server is draining or an operation FAILED. */
    private void receive(BlockingClientCall<IngestRequest, IngestResponse> call)
            throws InterruptedException, StatusException, FailedException {
        Map<Long, OperationResult> results = new HashMap<>(); // of operations after durable_through
        FailedException failed = null;
        boolean draining = false;
        try {
            for (IngestResponse response = call.read(); response != null; response = call.read()) {
                failed = take(response, results, failed);
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
    private synchronized FailedException take(
            IngestResponse response, Map<Long, OperationResult> results, FailedException failed) {
        if (response.hasOpened() && !opened) {
            // If the collection is deleted and created again, later streams fail instead of filling a part of the new one.
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
            settle(pending.remove(), results.remove(durable));
        }
        notifyAll();
        return failed;
    }

    /**
     * Returns whether an operation must be sent again. A status of a later release is like FAILED if its error has a
     * retry_delay, like REJECTED if it has another error, and like INDEXED if it has none.
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

    private synchronized void settle(Pending done, OperationResult result) {
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

    private synchronized void reject(long line, String why) {
        rejected++;
        log.printf("%nline %d rejected: %s%n", line, why);
    }

    /** Writes a line every second, over the previous one, until it is interrupted. */
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
