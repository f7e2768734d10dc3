//! The one integration binary: a file a concern, on real sockets.
