// A client of splade-sidecar: documents in, results out. What to copy from it is in connect.go, ingest.go and errors.go.
package main

//go:generate buf generate ../../proto

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	spladev1 "splade-client/gen/splade/v1"
)

const usage = `usage: splade-client [flags] COMMAND
  ingest COLLECTION FILE     encode and store the documents of a JSONL file
  search COLLECTION QUERY    find the documents that score highest
  encode TEXT...             show the heaviest terms of each text
flags:
`

func main() {
	var to Server
	flag.StringVar(&to.Address, "server", "127.0.0.1:50051", "HOST:PORT or unix:///PATH")
	flag.StringVar(&to.CAFile, "ca", "", "speak TLS, and trust this authority (PEM)")
	flag.StringVar(&to.Token, "token", os.Getenv("SPLADE_TOKEN"), "the bearer token; better set as SPLADE_TOKEN")
	timeout := flag.Float64("timeout", 30, "the deadline of a search or encode, in seconds")
	flag.Usage = func() { fmt.Fprint(os.Stderr, usage); flag.PrintDefaults() }
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, to, time.Duration(*timeout*float64(time.Second)), flag.Args()); err != nil {
		PrintError(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, to Server, timeout time.Duration, arguments []string) error {
	if len(arguments) < 2 || (arguments[0] != "encode" && len(arguments) != 3) {
		flag.Usage()
		os.Exit(2)
	}
	connection, err := Connect(to)
	if err != nil {
		return err
	}
	defer connection.Close()

	command, arguments := arguments[0], arguments[1:]
	if command == "ingest" {
		// No deadline: a stream takes as long as its documents do. Keepalive finds out about a dead connection.
		return ingest(ctx, spladev1.NewIndexServiceClient(connection), arguments[0], arguments[1])
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	switch command {
	case "search":
		return search(ctx, spladev1.NewIndexServiceClient(connection), arguments[0], arguments[1])
	case "encode":
		return encode(ctx, spladev1.NewEncoderServiceClient(connection), arguments)
	}
	return fmt.Errorf("no such command: %s", command)
}

func ingest(ctx context.Context, index spladev1.IndexServiceClient, collection, path string) error {
	source, err := OpenSource(path)
	if err != nil {
		return err
	}
	defer source.Close()
	options := &spladev1.IngestOptions{Collection: collection, CreateCollection: true}
	ingester := NewIngester(index, options, source, os.Stderr)
	err = ingester.Run(ctx)
	fmt.Printf("indexed %d, rejected %d\n", ingester.Indexed, ingester.Rejected)
	return err
}

func search(ctx context.Context, index spladev1.IndexServiceClient, collection, query string) error {
	response, err := index.Search(ctx, &spladev1.SearchRequest{
		Collection: collection,
		Query:      &spladev1.SearchRequest_Text{Text: query},
		Limit:      5,
		// With PAYLOAD_FORMAT_STRUCT, integers beyond 2^53 would be rounded.
		PayloadFormat: spladev1.PayloadFormat_PAYLOAD_FORMAT_JSON,
	})
	if err != nil {
		return err
	}
	for _, hit := range response.Hits {
		fmt.Printf("%.3f\t%s\t%s\n", hit.Score, FormatID(hit.Id), textOf(hit))
	}
	return nil
}

// textOf returns the text of a hit; empty if it was not kept.
func textOf(hit *spladev1.Hit) (text string) {
	payload := map[string]json.RawMessage{}
	if json.Unmarshal([]byte(hit.PayloadJson), &payload) == nil {
		_ = json.Unmarshal(payload["text"], &text)
	}
	return text
}

func encode(ctx context.Context, encoder spladev1.EncoderServiceClient, texts []string) error {
	response, err := encoder.Encode(ctx, &spladev1.EncodeRequest{
		Texts: texts,
		Options: &spladev1.EncodeOptions{
			Role:       spladev1.Role_ROLE_DOCUMENT,
			WithTokens: true,
			Pruning:    &spladev1.Pruning{MaxTerms: 8},
		},
	})
	if err != nil {
		return err
	}
	for _, result := range response.Results {
		terms := make([]string, len(result.Tokens))
		for i, token := range result.Tokens {
			terms[i] = fmt.Sprintf("%s %.2f", token, result.Vector.Values[i])
		}
		fmt.Println(strings.Join(terms, ", "))
	}
	return nil
}
