package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	spladesidecarv1 "splade-client/gen/splade_sidecar/v1"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A FailedError is the error of a stream in which an operation FAILED: the operation is valid and must be resent.
type FailedError struct {
	Line       int
	Item       *spladesidecarv1.ItemError
	RetryDelay time.Duration // maximum over all failed operations of the stream
}

func (f *FailedError) Error() string {
	return fmt.Sprintf("line %d failed: %s: %s", f.Line, f.Item.GetReason(), f.Item.GetMessage())
}

// PrintError prints code, message and details (google.rpc) of an error.
func PrintError(out io.Writer, err error) {
	var failed *FailedError
	if errors.As(err, &failed) {
		fmt.Fprintf(out, "error: %s: line %d: %s\n", codes.Code(failed.Item.GetCode()), failed.Line, failed.Item.GetMessage())
		fmt.Fprintf(out, "  reason %s\n", failed.Item.GetReason())
		return
	}
	callStatus, ok := status.FromError(err)
	if !ok {
		fmt.Fprintf(out, "error: %v\n", err)
		return
	}
	fmt.Fprintf(out, "error: %s: %s\n", callStatus.Code(), callStatus.Message())
	for _, detail := range callStatus.Details() {
		switch detail := detail.(type) {
		case *errdetails.BadRequest:
			for _, violation := range detail.FieldViolations {
				fmt.Fprintf(out, "  field %s: %s\n", violation.Field, violation.Description)
			}
		case *errdetails.ErrorInfo:
			fmt.Fprintf(out, "  reason %s (%s) %v\n", detail.Reason, detail.Domain, detail.Metadata)
		case *errdetails.RetryInfo:
			fmt.Fprintf(out, "  retry after %s\n", detail.RetryDelay.AsDuration())
		}
	}
}

// RetryDelay returns the minimum delay before a retry, and whether the error is retryable.
func RetryDelay(err error) (time.Duration, bool) {
	var failed *FailedError
	if errors.As(err, &failed) {
		return failed.RetryDelay, true
	}
	callStatus := status.Convert(err)
	for _, detail := range callStatus.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.RetryDelay.AsDuration(), true
		}
	}
	return 0, callStatus.Code() == codes.Unavailable
}
