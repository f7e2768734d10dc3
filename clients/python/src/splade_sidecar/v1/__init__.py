"""The messages of the contract, `splade.v1`, generated when the package is built."""
