package main

import (
	"fmt"
	"io"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// PrintError tells all that the server said: the code, the message, and its details (google.rpc).
func PrintError(out io.Writer, err error) {
	refused, ok := status.FromError(err)
	if !ok {
		fmt.Fprintf(out, "error: %v\n", err)
		return
	}
	fmt.Fprintf(out, "error: %s: %s\n", refused.Code(), refused.Message())
	for _, detail := range refused.Details() {
		switch detail := detail.(type) {
		case *errdetails.BadRequest:
			for _, violation := range detail.FieldViolations {
				fmt.Fprintf(out, "  field %s: %s\n", violation.Field, violation.Description)
			}
		case *errdetails.ErrorInfo:
			fmt.Fprintf(out, "  reason %s (%s) %v\n", detail.Reason, detail.Domain, detail.Metadata)
		case *errdetails.RetryInfo:
			fmt.Fprintf(out, "  try again after %s\n", detail.RetryDelay.AsDuration())
		}
	}
}

// RetryDelay says whether it makes sense to try again, and how long the server wants to be left alone first.
func RetryDelay(err error) (time.Duration, bool) {
	refused := status.Convert(err)
	for _, detail := range refused.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.RetryDelay.AsDuration(), true
		}
	}
	return 0, refused.Code() == codes.Unavailable
}
