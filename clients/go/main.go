// Example client of splade-sidecar. Reusable parts: connect.go, ingest.go and errors.go.
package main

//go:generate buf generate

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	spladesidecarv1 "splade-client/gen/splade_sidecar/v1"

	"google.golang.org/protobuf/proto"
)

const usage = `usage: splade-client [flags] COMMAND
  ingest COLLECTION FILE     encode and store the documents of a JSONL file
  search COLLECTION QUERY    find the documents with the highest scores
  encode TEXT...             show the terms with the highest weights of each text
flags:
`

func main() {
	var to Server
	flag.StringVar(&to.Address, "server", "127.0.0.1:50051", "HOST:PORT or unix:///PATH")
	flag.StringVar(&to.CAFile, "ca", "", "PEM file of the certificate authority to trust; enables TLS")
	flag.StringVar(&to.Token, "token", os.Getenv("SPLADE_TOKEN"), "bearer token; prefer the environment variable SPLADE_TOKEN")
	timeout := flag.Float64("timeout", 30, "deadline of a search or encode, in seconds")
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
		// No deadline: the duration of a stream depends on the number of its documents. Keepalive detects a dead connection.
		return ingest(ctx, spladesidecarv1.NewIndexServiceClient(connection), arguments[0], arguments[1])
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	switch command {
	case "search":
		return search(ctx, spladesidecarv1.NewIndexServiceClient(connection), arguments[0], arguments[1])
	case "encode":
		return encode(ctx, spladesidecarv1.NewEncoderServiceClient(connection), arguments)
	}
	return fmt.Errorf("unknown command: %s; run splade-client -h for usage", command)
}

func ingest(ctx context.Context, index spladesidecarv1.IndexServiceClient, collection, path string) error {
	source, err := OpenSource(path)
	if err != nil {
		return err
	}
	defer source.Close()
	options := &spladesidecarv1.IngestOptions{Collection: collection, CreateCollection: true}
	ingester := NewIngester(index, options, source, os.Stderr)
	err = ingester.Run(ctx)
	fmt.Printf("indexed %d, rejected %d\n", ingester.Indexed, ingester.Rejected)
	return err
}

func search(ctx context.Context, index spladesidecarv1.IndexServiceClient, collection, query string) error {
	response, err := index.Search(ctx, &spladesidecarv1.SearchRequest{
		Collection: collection,
		Query:      &spladesidecarv1.Query{Kind: &spladesidecarv1.Query_Text{Text: query}},
		Limit:      5,
		// PAYLOAD_FORMAT_STRUCT would round integers beyond 2^53.
		ReturnOptions: &spladesidecarv1.ReturnOptions{PayloadFormat: spladesidecarv1.PayloadFormat_PAYLOAD_FORMAT_JSON},
	})
	if err != nil {
		return err
	}
	for _, hit := range response.Hits {
		fmt.Printf("%.3f\t%s\t%s\n", hit.Score, FormatID(hit.Document.GetId()), textOf(hit.Document))
	}
	return nil
}

// textOf returns the text of a document; empty if the text was not stored.
func textOf(document *spladesidecarv1.StoredDocument) (text string) {
	payload := map[string]json.RawMessage{}
	if json.Unmarshal([]byte(document.GetPayloadJson()), &payload) == nil {
		_ = json.Unmarshal(payload[document.GetTextField()], &text)
	}
	return text
}

func encode(ctx context.Context, encoder spladesidecarv1.EncoderServiceClient, texts []string) error {
	response, err := encoder.Encode(ctx, &spladesidecarv1.EncodeRequest{
		Texts:      texts,
		Role:       spladesidecarv1.Role_ROLE_DOCUMENT,
		WithTokens: true,
		Encoding:   &spladesidecarv1.EncodingOptions{Pruning: &spladesidecarv1.Pruning{MaxTerms: proto.Uint32(8)}},
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
