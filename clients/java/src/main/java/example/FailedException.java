package example;

import io.spladesidecar.v1.ItemError;

/** The error of a stream in which an operation FAILED: the operation is valid and must be resent. */
final class FailedException extends Exception {
    final long line;
    final transient ItemError item;
    /** Delay in milliseconds: the maximum over all failed operations of the stream. */
    final long retryDelay;

    FailedException(long line, ItemError item, long retryDelay) {
        super("line " + line + " failed: " + item.getReason() + ": " + item.getMessage());
        this.line = line;
        this.item = item;
        this.retryDelay = retryDelay;
    }

    /** Returns this error with a delay of at least `delay`. */
    FailedException withDelay(long delay) {
        return delay > retryDelay ? new FailedException(line, item, delay) : this;
    }
}
