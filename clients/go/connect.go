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

// Server is the address of the sidecar and how to connect to it.
type Server struct {
	Address string // HOST:PORT or unix:///PATH
	CAFile  string // PEM file of the certificate authority to trust; empty for plaintext
	Token   string // bearer token; empty for none
}

// Calls that gRPC retries when the server is at capacity or unavailable. Ingest is not one of them: a stream is resumed, not
// repeated (ingest.go).
const retryPolicy = `{"methodConfig": [{
	"name": [{"service": "splade_sidecar.v1.EncoderService"}, {"service": "splade_sidecar.v1.IndexService", "method": "Search"}],
	"retryPolicy": {"maxAttempts": 4, "initialBackoff": "0.2s", "maxBackoff": "2s", "backoffMultiplier": 2,
		"retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"]}}]}`

// Connect returns a connection that connects on the first call and reconnects when it is lost. Use one connection for all
// calls.
func Connect(to Server) (*grpc.ClientConn, error) {
	transport, err := transportCredentials(to.CAFile)
	if err != nil {
		return nil, err
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultServiceConfig(retryPolicy),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(32 << 20)),
		// Detects a dead connection after 30 seconds.
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
		return nil, fmt.Errorf("%s: no PEM certificate found; pass the PEM file of the certificate authority", caFile)
	}
	return credentials.NewTLS(&tls.Config{RootCAs: pool}), nil
}

// bearer sends a token with each call. Over a network it requires TLS, so that the token can't be intercepted.
type bearer struct {
	token      string
	requireTLS bool
}

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + b.token}, nil
}

func (b bearer) RequireTransportSecurity() bool { return b.requireTLS }
