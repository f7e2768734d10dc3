// Where the server is, and how to speak to it.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

struct Server {
  std::string address = "127.0.0.1:50051";  // HOST:PORT or unix:///PATH
  std::string ca_file;                       // the authority to trust, as PEM; empty for plain text
  std::string token;                         // the bearer token; empty for none
};

// Makes a channel, which connects with the first call and again whenever the connection is lost. Use one for all calls.
std::shared_ptr<grpc::Channel> connect(const Server& to);

// What a call carries: the token, so far. Each call has a context of its own.
void prepare(grpc::ClientContext& context, const Server& to);
