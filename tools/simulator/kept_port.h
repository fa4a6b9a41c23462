// A TCP port of 127.0.0.1 that stays one server's between its stop and its next start.
#ifndef NAKADACHI_TOOLS_SIMULATOR_KEPT_PORT_H_
#define NAKADACHI_TOOLS_SIMULATOR_KEPT_PORT_H_

#include "absl/status/statusor.h"

namespace nakadachi::simulator {

// Holds a free port by a socket that is bound to it and never listens. Linux lets one server with
// SO_REUSEADDR (gRPC sets it) listen there beside, and gives the port meanwhile to no outgoing
// connection and to nobody who asks for any free port (socket(7), ip(7)). Move-only.
class KeptPort {
 public:
  // UNAVAILABLE: no port is free.
  static absl::StatusOr<KeptPort> Take();
  KeptPort(KeptPort&& other) noexcept;
  KeptPort& operator=(KeptPort&& other) noexcept;
  ~KeptPort();

  int port() const { return port_; }

 private:
  KeptPort(int socket, int port) : socket_(socket), port_(port) {}

  int socket_;  // -1: moved from
  int port_;
};

}  // namespace nakadachi::simulator

#endif  // NAKADACHI_TOOLS_SIMULATOR_KEPT_PORT_H_
