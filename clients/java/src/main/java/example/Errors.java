package example;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.Durations;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.List;
import java.util.OptionalLong;

/** Formatting of errors with code, message and details (google.rpc), and retry delays. */
final class Errors {
    private Errors() {}

    static String describe(Throwable error) {
        if (error instanceof FailedException failed) {
            Status.Code code = Status.fromCodeValue(failed.item.getCode()).getCode();
            return "error: " + code + ": line " + failed.line + ": " + failed.item.getMessage()
                    + "\n  reason " + failed.item.getReason();
        }
        if (!isStatus(error)) {
            return "error: " + error;
        }
        Status status = Status.fromThrowable(error);
        StringBuilder text = new StringBuilder("error: " + status.getCode() + ": " + status.getDescription());
        try {
            for (Any detail : details(error)) {
                if (detail.is(BadRequest.class)) {
                    for (BadRequest.FieldViolation violation : detail.unpack(BadRequest.class).getFieldViolationsList()) {
                        text.append("\n  field ").append(violation.getField()).append(": ").append(violation.getDescription());
                    }
                } else if (detail.is(ErrorInfo.class)) {
                    ErrorInfo info = detail.unpack(ErrorInfo.class);
                    text.append("\n  reason ").append(info.getReason()).append(" (").append(info.getDomain()).append(") ")
                            .append(info.getMetadataMap());
                } else if (detail.is(RetryInfo.class)) {
                    long delay = Durations.toMillis(detail.unpack(RetryInfo.class).getRetryDelay());
                    text.append("\n  retry after ").append(delay).append(" ms");
                }
            }
        } catch (InvalidProtocolBufferException unreadable) {
            text.append("\n  unreadable details");
        }
        return text.toString();
    }

    /** Returns the minimum delay before a retry in milliseconds; empty if the error is not retryable. */
    static OptionalLong retryDelay(Throwable error) {
        if (error instanceof FailedException failed) {
            return OptionalLong.of(failed.retryDelay);
        }
        if (!isStatus(error)) {
            return OptionalLong.empty();
        }
        for (Any detail : details(error)) {
            if (detail.is(RetryInfo.class)) {
                try {
                    return OptionalLong.of(Durations.toMillis(detail.unpack(RetryInfo.class).getRetryDelay()));
                } catch (InvalidProtocolBufferException unreadable) {
                    break;
                }
            }
        }
        boolean unavailable = Status.fromThrowable(error).getCode() == Status.Code.UNAVAILABLE;
        return unavailable ? OptionalLong.of(0) : OptionalLong.empty();
    }

    private static boolean isStatus(Throwable error) {
        return error instanceof StatusException || error instanceof StatusRuntimeException;
    }

    private static List<Any> details(Throwable error) {
        com.google.rpc.Status status = StatusProto.fromThrowable(error);
        return status == null ? List.of() : status.getDetailsList();
    }
}
