// A gRPC listener: mTLS 1.3 with required client certificates, message, stream and rate limits a
// peer, and a shutdown that ends within its time with calls in flight.
#ifndef NAKADACHI_COMMON_RPC_SERVER_H_
#define NAKADACHI_COMMON_RPC_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/rpc/channel.h"

namespace grpc {
class Service;
}

namespace nakadachi::rpc {

struct ServerOptions {
  std::string address;  // "127.0.0.1:0" binds any port
  TlsMaterial tls;
  std::vector<grpc::Service*> services;   // outlive the server
  bool health_and_reflection = false;     // operator's and terminal listeners
  int max_concurrent_streams = 1024;      // a connection
  double max_calls_per_second = 100'000;  // a peer's certificate
};

// Thread-safe.
class Server {
 public:
  // INVALID_ARGUMENT, rule "address", where the address is not host:port with a port of at most
  // 65535; FAILED_PRECONDITION, rule "listen", where it is taken or cannot be bound, or
  // certificate and key do not fit together.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options);
  // As Shutdown with a grace of one second.
  virtual ~Server() = default;
  virtual int port() const = 0;
  // Refuses new calls, cancels those still running after `grace`, returns when all are finished:
  // streams of stream_server.h at once, unary calls when their handler answers. Answers that a
  // stream still waits for may come later and are dropped.
  virtual void Shutdown(absl::Duration grace) = 0;
};

}  // namespace nakadachi::rpc

#endif  // NAKADACHI_COMMON_RPC_SERVER_H_
