"""Messages and stubs of the contract, `splade_sidecar.v1`, generated when the package is built."""
