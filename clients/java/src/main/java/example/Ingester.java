package example;

import io.grpc.StatusException;
import io.grpc.stub.BlockingClientCall;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.ThreadLocalRandom;
import splade.v1.IndexServiceGrpc.IndexServiceBlockingV2Stub;
import splade.v1.IndexServiceOuterClass.DocumentResult;
import splade.v1.IndexServiceOuterClass.IngestOptions;
import splade.v1.IndexServiceOuterClass.IngestRequest;
import splade.v1.IndexServiceOuterClass.IngestResponse;
import splade.v1.Types.Document;
import splade.v1.Types.Rejection;

/**
 * Sends a source's documents by one stream after another, until each has its result.
 *
 * <p>The server numbers the documents of a stream from 1 and says how far it has got: {@code durable_through}. Up to there
 * a document is forgotten here. When a stream breaks, the next one begins with those that are left; to send a document
 * twice is harmless, since it replaces itself. A result is told only once it is durable, and so once.
 */
final class Ingester {
    /** The most documents that are kept until they are durable, and thereby the most that are sent twice. */
    private static final int WINDOW = 4096;
    /** A request ends at 64 documents or 1 MiB, so that it is far below the server's 32 MiB (--max-message-bytes). */
    private static final int BATCH = 64;
    private static final int BATCH_BYTES = 1 << 20;
    /** How often a stream is opened in vain before we give up. */
    private static final int ATTEMPTS = 10;

    private record Pending(long line, Document document) {}

    private final IndexServiceBlockingV2Stub index;
    private final IngestOptions options;
    private final Source source;
    private final PrintStream log;
    private final long start = System.nanoTime();

    // All guarded by `this`.
    private final Deque<Pending> pending = new ArrayDeque<>(); // in the order in which they are sent
    private boolean over; // the stream has ended, so its sender must
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

    /** Sends all documents. It returns when each has its result, or throws the error that it can do nothing about. */
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
        for (int failures = 0; ; ) {
            long before = indexed() + rejected();
            try {
                stream();
                return;
            } catch (StatusException broken) {
                failures = indexed() + rejected() > before ? 1 : failures + 1;
                OptionalLong wanted = Errors.retryDelay(broken);
                if (wanted.isEmpty() || failures == ATTEMPTS) {
                    throw broken;
                }
                long delay = Math.max(wanted.getAsLong(), backoff(failures));
                log.printf("%nthe stream broke (%s); going on in %d ms%n", broken.getMessage(), delay);
                Thread.sleep(delay);
            }
        }
    }

    /** Milliseconds: doubles from 0.2 s to 10 s, less up to a half, so that clients don't come back all at once. */
    private static long backoff(int failures) {
        long longest = Math.min(200L << (failures - 1), 10_000);
        return longest / 2 + ThreadLocalRandom.current().nextLong(longest / 2);
    }

    /** One stream, from its first message to its status. */
    private void stream() throws Exception {
        Deque<Document> unsent = new ArrayDeque<>();
        synchronized (this) {
            pending.forEach(left -> unsent.add(left.document()));
            over = false;
        }
        BlockingClientCall<IngestRequest, IngestResponse> call = index.ingest();
        IOException[] unreadable = new IOException[1];
        Thread sender = new Thread(() -> {
            try {
                send(call, unsent);
            } catch (IOException error) {
                unreadable[0] = error;
                call.cancel("the file can't be read", error);
            } catch (InterruptedException | StatusException broken) {
                // The receiver knows why.
            }
        });
        sender.start();
        try {
            receive(call);
        } finally {
            end();
            call.cancel("over", null);
            sender.join();
            if (unreadable[0] != null) {
                throw unreadable[0];
            }
        }
    }

    /** Lets the sender go, wherever it waits. */
    private synchronized void end() {
        over = true;
        notifyAll();
    }

    /** Sends what is left of the stream before, then the rest of the source. `write` waits while the server has no room. */
    private void send(BlockingClientCall<IngestRequest, IngestResponse> call, Deque<Document> unsent)
            throws IOException, InterruptedException, StatusException {
        IngestRequest.Builder request = IngestRequest.newBuilder().setOptions(options);
        do {
            if (!call.write(request.build())) {
                return; // the stream has ended, and the receiver knows why
            }
            request = nextDocuments(unsent);
        } while (request.getDocumentsCount() > 0);
        call.halfClose();
    }

    private IngestRequest.Builder nextDocuments(Deque<Document> unsent) throws IOException, InterruptedException {
        IngestRequest.Builder request = IngestRequest.newBuilder();
        for (int bytes = 0; request.getDocumentsCount() < BATCH && bytes < BATCH_BYTES; ) {
            Document next = unsent.isEmpty() ? read() : unsent.remove();
            if (next == null) {
                break;
            }
            request.addDocuments(next);
            bytes += next.getSerializedSize();
        }
        return request;
    }

    /** Gives the next document of the source, which is then pending; null after the last one. */
    private Document read() throws IOException, InterruptedException {
        synchronized (this) {
            while (pending.size() >= WINDOW && !over) {
                wait();
            }
            if (over) {
                throw new InterruptedException("the stream is over");
            }
        }
        while (true) {
            Source.Line line = source.next();
            if (line == null) {
                return null;
            }
            synchronized (this) {
                if (line.document() != null) {
                    pending.add(new Pending(line.number(), line.document()));
                    return line.document();
                }
                reject(line.number(), line.bad());
            }
        }
    }

    /** Takes results until the stream ends. Number 1 of the stream is what was pending first when it began. */
    private void receive(BlockingClientCall<IngestRequest, IngestResponse> call) throws InterruptedException, StatusException {
        Map<Long, DocumentResult> early = new HashMap<>(); // results of documents that are not durable
        long durable = 0;
        for (IngestResponse response = call.read(); response != null; response = call.read()) {
            for (DocumentResult result : response.getResultsList()) {
                early.put(result.getSequence(), result);
            }
            synchronized (this) {
                for (; durable < response.getDurableThrough(); durable++) {
                    if (pending.isEmpty()) {
                        throw new IllegalStateException("the server speaks of documents that were not sent");
                    }
                    settle(pending.remove(), early.remove(durable + 1));
                }
                notifyAll();
            }
        }
    }

    private synchronized void settle(Pending done, DocumentResult result) {
        if (result != null && result.hasRejection()) {
            Rejection why = result.getRejection();
            reject(done.line(), why.getReason() + " " + why.getField() + ": " + why.getMessage());
        } else {
            indexed++;
        }
    }

    private synchronized void reject(long line, String why) {
        rejected++;
        log.printf("%nline %d rejected: %s%n", line, why);
    }

    /** Writes a line every second, over the one before, until it is interrupted. */
    private void showProgress() {
        for (boolean running = true; running; ) {
            try {
                Thread.sleep(1000);
            } catch (InterruptedException stop) {
                running = false;
            }
            synchronized (this) {
                double rate = indexed / ((System.nanoTime() - start) / 1e9);
                log.printf("\r%d indexed, %d rejected, %d on their way, %.0f/s ", indexed, rejected, pending.size(), rate);
            }
        }
        log.println();
    }
}
