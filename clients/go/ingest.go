package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	spladesidecarv1 "splade-client/gen/splade_sidecar/v1"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const (
	// Maximum number of documents kept in memory until they have a final result, and thus of documents sent twice.
	window = 4096
	// A request has at most 64 documents and ends at 1 MiB, far below the server's 32 MiB (--max-message-bytes).
	batch      = 64
	batchBytes = 1 << 20
	// Number of consecutive streams without progress after which the ingest fails.
	attempts = 10
)

// An Ingester sends the documents of a source over one stream after another until each has its final result.
//
// The sequence number of a document is its position in the source, on every stream. The server reports `durable_through`:
// documents up to this number have a final result and are dropped from memory. The next stream starts with the document after
// it. Resending a document is idempotent, since it replaces itself. A rejection is reported once `durable_through` has
// passed the document, and thus exactly once.
type Ingester struct {
	Indexed, Rejected int

	index   spladesidecarv1.IndexServiceClient
	options *spladesidecarv1.IngestOptions // options of the next stream, except for FirstSequence
	opened  bool
	source  *Source
	log     io.Writer
	start   time.Time
	slots   chan struct{} // holds one element per pending document, to limit their number

	mutex     sync.Mutex // guards the fields below and the two counts
	pending   []*pending // documents from durable + 1, in order
	durable   uint64     // the last `durable_through`
	exhausted bool       // the source has no more documents
}

type pending struct {
	line     int
	document *spladesidecarv1.Document
	result   *spladesidecarv1.OperationResult // the latest
}

// NewIngester returns an ingester that writes its progress and rejected lines to log.
func NewIngester(
	index spladesidecarv1.IndexServiceClient, options *spladesidecarv1.IngestOptions, source *Source, log io.Writer,
) *Ingester {
	slots := make(chan struct{}, window)
	return &Ingester{index: index, options: options, source: source, log: log, start: time.Now(), slots: slots}
}

// Run sends all documents. It returns nil when each has its final result, otherwise the first error that is not retryable.
func (in *Ingester) Run(ctx context.Context) error {
	stopProgress := in.showProgress()
	defer stopProgress()
	for failures := 0; ; {
		before := in.durable
		err := in.runStream(ctx)
		if in.durable > before {
			failures = 0
		}
		if err == nil && in.exhausted && len(in.pending) == 0 {
			return nil
		} else if err == nil {
			continue // the server is draining; the next stream sends the remaining documents
		}
		delay, retryable := RetryDelay(err)
		failures++
		if !retryable || failures == attempts || ctx.Err() != nil {
			return err
		}
		delay = max(delay, backoffFor(failures))
		fmt.Fprintf(in.log, "\nthe stream broke: %v; retrying in %s\n", err, delay.Round(time.Millisecond))
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// backoffFor doubles from 0.2 s to 10 s and subtracts up to one half as jitter, so that clients don't reconnect at the same
// time.
func backoffFor(failures int) time.Duration {
	ceiling := min(200*time.Millisecond<<(failures-1), 10*time.Second)
	return ceiling/2 + rand.N(ceiling/2)
}

// runStream runs one stream from its first message to its status. It returns nil if all documents have their final result or
// the server is draining.
func (in *Ingester) runStream(ctx context.Context) error {
	// Cancelling the context unblocks and ends the sender.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := in.index.Ingest(ctx)
	if err != nil {
		return err
	}
	// No lock is needed: no other goroutine uses these fields between two streams.
	unsent := make([]*pending, len(in.pending))
	copy(unsent, in.pending)
	options := proto.CloneOf(in.options)
	options.FirstSequence = in.durable + 1
	stop, sent := make(chan struct{}), make(chan error, 1)
	go func() {
		err := in.send(ctx, stream, options, unsent, stop)
		if err != nil && !errors.Is(err, io.EOF) {
			cancel()
		}
		sent <- err
	}()
	received := in.receive(stream, sync.OnceFunc(func() { close(stop) }))
	cancel()
	// A broken stream ends sender and receiver, and only Recv returns its status. Report the sender's error only if it
	// has another cause, such as an unreadable file.
	if err := <-sent; err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) {
		return err
	}
	return received
}

// send sends the pending documents, then the remaining documents of the source. Send blocks while the server applies
// backpressure. When stop is closed, it half-closes the stream early.
func (in *Ingester) send(
	ctx context.Context, stream spladesidecarv1.IndexService_IngestClient,
	options *spladesidecarv1.IngestOptions, unsent []*pending, stop <-chan struct{},
) error {
	if err := stream.Send(&spladesidecarv1.IngestRequest{Options: options}); err != nil {
		return err
	}
	for {
		request, size := &spladesidecarv1.IngestRequest{}, 0
		for len(request.Operations) < batch && size < batchBytes {
			var next *pending
			if len(unsent) > 0 {
				next, unsent = unsent[0], unsent[1:]
			} else if read, err := in.read(ctx, stop); err != nil {
				return err
			} else if next = read; next == nil {
				break
			}
			upsert := &spladesidecarv1.Operation_Upsert{Upsert: next.document}
			request.Operations = append(request.Operations, &spladesidecarv1.Operation{Kind: upsert})
			size += proto.Size(next.document)
		}
		if len(request.Operations) == 0 || isClosed(stop) {
			return stream.CloseSend() // the documents of this request stay pending and are sent on the next stream
		}
		if err := stream.Send(request); err != nil {
			return err
		}
	}
}

func isClosed(channel <-chan struct{}) bool {
	select {
	case <-channel:
		return true
	default:
		return false
	}
}

// read returns the next document of the source and adds it to the pending ones; nil after the last one or if stop is closed.
func (in *Ingester) read(ctx context.Context, stop <-chan struct{}) (*pending, error) {
	select {
	case in.slots <- struct{}{}:
	case <-stop:
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for {
		line, document, err := in.source.Next()
		var badLine BadLine
		switch {
		case errors.Is(err, io.EOF):
			<-in.slots
			in.mutex.Lock()
			in.exhausted = true
			in.mutex.Unlock()
			return nil, nil
		case errors.As(err, &badLine):
			in.reject(line, badLine.Error())
		case err != nil:
			return nil, err
		default:
			next := &pending{line: line, document: document}
			in.mutex.Lock()
			in.pending = append(in.pending, next)
			in.mutex.Unlock()
			return next, nil
		}
	}
}

// receive processes results until the stream ends. It calls stop if the server is draining or an operation FAILED.
func (in *Ingester) receive(stream spladesidecarv1.IndexService_IngestClient, stop func()) error {
	var failed *FailedError
	draining := false
	for {
		response, err := stream.Recv()
		if err == nil {
			var done []*pending
			if done, failed, err = in.processResponse(response, failed); err != nil {
				return err
			}
			for _, next := range done {
				in.complete(next)
				<-in.slots
			}
			if draining = draining || response.Draining != nil; draining || failed != nil {
				stop()
			}
			continue
		}
		delay, retryable := RetryDelay(err)
		ended := errors.Is(err, io.EOF)
		switch {
		case failed != nil && (ended || retryable):
			failed.RetryDelay = max(failed.RetryDelay, delay)
			return failed
		case !ended:
			return err
		case !draining && !in.isFinished():
			return status.Error(codes.Unavailable, "the stream ended before the last result")
		default:
			return nil
		}
	}
}

// processResponse stores the results of a response. It returns the documents that have become durable, and the first failure
// of the stream.
func (in *Ingester) processResponse(
	response *spladesidecarv1.IngestResponse, failed *FailedError,
) ([]*pending, *FailedError, error) {
	in.mutex.Lock()
	defer in.mutex.Unlock()
	if opened := response.Opened; opened != nil && !in.opened {
		// Later streams fail if the collection is deleted and created again, instead of writing some documents to the new one.
		in.opened = true
		in.options.CreateCollection, in.options.CollectionOptions = false, nil
		in.options.ExpectedIncarnation = opened.GetCollection().GetIncarnation()
	}
	last := in.durable + uint64(len(in.pending))
	for _, result := range response.Results {
		if result.Sequence <= in.durable || result.Sequence > last {
			return nil, nil, fmt.Errorf("the server sent a result for operation %d, which is not in flight", result.Sequence)
		}
		pending := in.pending[result.Sequence-in.durable-1]
		pending.result = result
		if hasFailed(result) {
			if failed == nil {
				failed = &FailedError{Line: pending.line, Item: result.Error}
			}
			failed.RetryDelay = max(failed.RetryDelay, result.GetError().GetRetryDelay().AsDuration())
		}
	}
	if response.DurableThrough < in.durable || response.DurableThrough > last {
		return nil, nil, fmt.Errorf("the server sent durable_through %d, which is not in flight", response.DurableThrough)
	}
	done := in.pending[:response.DurableThrough-in.durable]
	for i, next := range done {
		if next.result == nil || hasFailed(next.result) {
			return nil, nil, fmt.Errorf("durable_through passed operation %d, which has no final result", in.durable+uint64(i)+1)
		}
	}
	in.pending = in.pending[len(done):]
	in.durable = response.DurableThrough
	return done, failed, nil
}

// hasFailed reports whether an operation must be resent. A status of a later release counts as FAILED if its error has a
// retry_delay, as REJECTED if it has another error, and as INDEXED if it has none.
func hasFailed(result *spladesidecarv1.OperationResult) bool {
	switch result.Status {
	case spladesidecarv1.OperationStatus_OPERATION_STATUS_FAILED:
		return true
	case spladesidecarv1.OperationStatus_OPERATION_STATUS_REJECTED:
		return false
	default:
		return result.GetError().GetRetryDelay() != nil
	}
}

func (in *Ingester) complete(done *pending) {
	if rejection := done.result.GetError(); rejection != nil {
		in.reject(done.line, formatRejection(rejection.Reason, rejection.Field, rejection.Message))
		return
	}
	in.mutex.Lock()
	in.Indexed++
	in.mutex.Unlock()
}

func (in *Ingester) reject(line int, reason string) {
	in.mutex.Lock()
	in.Rejected++
	in.mutex.Unlock()
	fmt.Fprintf(in.log, "\nline %d rejected: %s\n", line, reason)
}

func (in *Ingester) isFinished() bool {
	in.mutex.Lock()
	defer in.mutex.Unlock()
	return in.exhausted && len(in.pending) == 0
}

// showProgress rewrites a progress line every second until the returned function is called.
func (in *Ingester) showProgress() func() {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for running := true; running; {
			select {
			case <-ticker.C:
			case <-stop:
				running = false
			}
			in.mutex.Lock()
			indexed, rejected, inFlight := in.Indexed, in.Rejected, len(in.pending)
			in.mutex.Unlock()
			rate := float64(indexed) / time.Since(in.start).Seconds()
			fmt.Fprintf(in.log, "\r%d indexed, %d rejected, %d in flight, %.0f/s ", indexed, rejected, inFlight, rate)
		}
		fmt.Fprintln(in.log)
	}()
	return func() { close(stop); <-stopped }
}
