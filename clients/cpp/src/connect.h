// The address of the server and how to connect to it.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

struct Server {
  std::string address = "127.0.0.1:50051";  // HOST:PORT or unix:///PATH
  std::string ca_file;                       // PEM file of the certificate authority to trust; empty for plaintext
  std::string token;                         // bearer token; empty for none
};

// Returns a channel that connects on the first call and reconnects when the connection is lost. Use one channel for all calls.
std::shared_ptr<grpc::Channel> connect(const Server& to);

// Adds the token to the context of a call. Each call has its own context.
void prepare(grpc::ClientContext& context, const Server& to);
