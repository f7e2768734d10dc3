package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	spladev1 "splade-client/gen/splade/v1"

	"google.golang.org/protobuf/proto"
)

const (
	// The most documents that are kept until they are durable, and thereby the most that are sent twice.
	window = 4096
	// A request ends at 64 documents or 1 MiB, so that it is far below the server's 32 MiB (--max-message-bytes).
	batch      = 64
	batchBytes = 1 << 20
	// How often a stream is opened in vain before we give up.
	attempts = 10
)

// An Ingester sends a source's documents by one stream after another, until each has its result.
//
// The server numbers the documents of a stream from 1 and says how far it has got: `durable_through`. Up to there a
// document is forgotten here. When a stream breaks, the next one begins with those that are left; to send a document
// twice is harmless, since it replaces itself. A result is told only once it is durable, and so once.
type Ingester struct {
	Indexed, Rejected int

	index   spladev1.IndexServiceClient
	options *spladev1.IngestOptions
	source  *Source
	log     io.Writer
	start   time.Time
	room    chan struct{} // holds one token for each pending document

	mutex   sync.Mutex // guards pending and the two counts
	pending []*pending // in the order in which they are sent
}

type pending struct {
	line     int
	document *spladev1.Document
	result   *spladev1.DocumentResult
}

// NewIngester makes an ingester that tells its progress and what was rejected to log.
func NewIngester(index spladev1.IndexServiceClient, options *spladev1.IngestOptions, source *Source, log io.Writer) *Ingester {
	return &Ingester{index: index, options: options, source: source, log: log, start: time.Now(), room: make(chan struct{}, window)}
}

// Run sends all documents. It returns when each has its result, or with the error that it can do nothing about.
func (in *Ingester) Run(ctx context.Context) error {
	stopProgress := in.showProgress()
	defer stopProgress()
	for failures := 0; ; {
		before := in.durable()
		err := in.stream(ctx)
		if err == nil {
			return nil
		}
		delay, retry := RetryDelay(err)
		if in.durable() > before {
			failures = 0
		}
		failures++
		if !retry || failures == attempts || ctx.Err() != nil {
			return err
		}
		delay = max(delay, backoffFor(failures))
		fmt.Fprintf(in.log, "\nthe stream broke (%v); going on in %s\n", err, delay.Round(time.Millisecond))
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// backoffFor doubles from 0.2 s to 10 s, less up to a half, so that clients don't come back all at once.
func backoffFor(failures int) time.Duration {
	longest := min(200*time.Millisecond<<(failures-1), 10*time.Second)
	return longest/2 + rand.N(longest/2)
}

// stream is one stream, from its first message to its status.
func (in *Ingester) stream(ctx context.Context) error {
	// The end of the context ends the sender, wherever it waits.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := in.index.Ingest(ctx)
	if err != nil {
		return err
	}
	unsent := make([]*pending, len(in.pending)) // nobody else uses it between two streams
	copy(unsent, in.pending)
	sent := make(chan error, 1)
	go func() {
		err := in.send(ctx, stream, unsent)
		if err != nil && !errors.Is(err, io.EOF) {
			cancel()
		}
		sent <- err
	}()
	received := in.receive(stream)
	cancel()
	// A broken stream shows at both ends, and only Recv knows why. What the sender says matters if it is its own.
	if err := <-sent; err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) {
		return err
	}
	return received
}

// send sends what is left of the stream before, then the rest of the source. Send waits while the server has no room.
func (in *Ingester) send(ctx context.Context, stream spladev1.IndexService_IngestClient, unsent []*pending) error {
	if err := stream.Send(&spladev1.IngestRequest{Options: in.options}); err != nil {
		return err
	}
	for {
		request, size := &spladev1.IngestRequest{}, 0
		for len(request.Documents) < batch && size < batchBytes {
			var next *pending
			if len(unsent) > 0 {
				next, unsent = unsent[0], unsent[1:]
			} else if read, err := in.read(ctx); err != nil {
				return err
			} else if next = read; next == nil {
				break
			}
			request.Documents = append(request.Documents, next.document)
			size += proto.Size(next.document)
		}
		if len(request.Documents) == 0 {
			return stream.CloseSend()
		}
		if err := stream.Send(request); err != nil {
			return err
		}
	}
}

// read gives the next document of the source, which is then pending; nil after the last one.
func (in *Ingester) read(ctx context.Context) (*pending, error) {
	select {
	case in.room <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for {
		line, document, err := in.source.Next()
		var bad BadLine
		switch {
		case errors.Is(err, io.EOF):
			<-in.room
			return nil, nil
		case errors.As(err, &bad):
			in.reject(line, bad.Error())
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

// receive takes results until the stream ends. Number 1 of the stream is what was pending first when it began.
func (in *Ingester) receive(stream spladev1.IndexService_IngestClient) error {
	durable := uint64(0)
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		done, err := in.take(response, durable)
		if err != nil {
			return err
		}
		durable = response.DurableThrough
		for _, next := range done {
			in.settle(next)
			<-in.room
		}
	}
}

// take notes a response's results, and gives the documents that are durable now and were not before.
func (in *Ingester) take(response *spladev1.IngestResponse, durable uint64) ([]*pending, error) {
	in.mutex.Lock()
	defer in.mutex.Unlock()
	last := durable + uint64(len(in.pending))
	if response.DurableThrough < durable || response.DurableThrough > last {
		return nil, fmt.Errorf("the server speaks of document %d, which was not sent", response.DurableThrough)
	}
	for _, result := range response.Results {
		if result.Sequence <= durable || result.Sequence > last {
			return nil, fmt.Errorf("the server has a result for document %d, which does not wait for one", result.Sequence)
		}
		in.pending[result.Sequence-durable-1].result = result
	}
	done := in.pending[:response.DurableThrough-durable]
	in.pending = in.pending[len(done):]
	return done, nil
}

func (in *Ingester) settle(done *pending) {
	if rejection := done.result.GetRejection(); rejection != nil {
		in.reject(done.line, fmt.Sprintf("%s %s: %s", rejection.Reason, rejection.Field, rejection.Message))
		return
	}
	in.mutex.Lock()
	in.Indexed++
	in.mutex.Unlock()
}

func (in *Ingester) reject(line int, why string) {
	in.mutex.Lock()
	in.Rejected++
	in.mutex.Unlock()
	fmt.Fprintf(in.log, "\nline %d rejected: %s\n", line, why)
}

func (in *Ingester) durable() int {
	in.mutex.Lock()
	defer in.mutex.Unlock()
	return in.Indexed + in.Rejected
}

// showProgress writes a line every second, over the one before, until its result is called.
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
			indexed, rejected, waiting := in.Indexed, in.Rejected, len(in.pending)
			in.mutex.Unlock()
			rate := float64(indexed) / time.Since(in.start).Seconds()
			fmt.Fprintf(in.log, "\r%d indexed, %d rejected, %d on their way, %.0f/s ", indexed, rejected, waiting, rate)
		}
		fmt.Fprintln(in.log)
	}()
	return func() { close(stop); <-stopped }
}
