package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// Server says where the sidecar is and how to speak to it.
type Server struct {
	Address string // HOST:PORT or unix:///PATH
	CAFile  string // the authority to trust, as PEM; empty for plain text
	Token   string // the bearer token; empty for none
}

// The library itself tries these calls again where the server has no room or is away. Ingest is not among them: a stream
// is resumed, not repeated (ingest.go).
const retryPolicy = `{"methodConfig": [{
	"name": [{"service": "splade.v1.EncoderService"}, {"service": "splade.v1.IndexService", "method": "Search"}],
	"retryPolicy": {"maxAttempts": 4, "initialBackoff": "0.2s", "maxBackoff": "2s", "backoffMultiplier": 2,
		"retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"]}}]}`

// Connect makes a connection, which opens with the first call and again whenever it is lost. Use one for all calls.
func Connect(to Server) (*grpc.ClientConn, error) {
	transport, err := transportCredentials(to.CAFile)
	if err != nil {
		return nil, err
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultServiceConfig(retryPolicy),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(32 << 20)),
		// A peer that vanished without a word is found out after half a minute.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithConnectParams(grpc.ConnectParams{
			MinConnectTimeout: 5 * time.Second,
			Backoff:           backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second},
		}),
	}
	if to.Token != "" {
		options = append(options, grpc.WithPerRPCCredentials(bearer{to.Token, !strings.HasPrefix(to.Address, "unix:")}))
	}
	return grpc.NewClient(to.Address, options...)
}

func transportCredentials(caFile string) (credentials.TransportCredentials, error) {
	if caFile == "" {
		return insecure.NewCredentials(), nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate in it; give the authority's, as PEM", caFile)
	}
	return credentials.NewTLS(&tls.Config{RootCAs: pool}), nil
}

// bearer sends a token with each call: over a network only by TLS, since whoever reads it may use it.
type bearer struct {
	token      string
	requireTLS bool
}

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + b.token}, nil
}

func (b bearer) RequireTransportSecurity() bool { return b.requireTLS }
