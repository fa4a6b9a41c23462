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
  std::vector<grpc::Service*> services;  // outlive the server
  bool health_and_reflection = false;    // operator's and terminal listeners
  int max_concurrent_streams = 1024;     // a connection
};

class Server {
 public:
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options);
  virtual ~Server() = default;  // as Shutdown with one second
  virtual int port() const = 0;
  // Refuses new calls, cancels those still running after `grace`, returns when all are finished.
  virtual void Shutdown(absl::Duration grace) = 0;
};

}  // namespace nakadachi::rpc

#endif  // NAKADACHI_COMMON_RPC_SERVER_H_
