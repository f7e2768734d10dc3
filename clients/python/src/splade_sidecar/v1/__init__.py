"""Messages and stubs of the gRPC API, package `splade_sidecar.v1`. Generated when this package is built."""
