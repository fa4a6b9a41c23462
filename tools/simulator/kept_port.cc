#include "tools/simulator/kept_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "common/base/status.h"

namespace nakadachi::simulator {

absl::StatusOr<KeptPort> KeptPort::Take() {
  // Closed on exec: a child that lives longer must not hold it on.
  KeptPort kept(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), 0);
  const int on = 1;
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t length = sizeof(address);
  if (kept.socket_ < 0 ||
      setsockopt(kept.socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      bind(kept.socket_, generic, length) != 0 ||
      getsockname(kept.socket_, generic, &length) != 0) {
    return FieldError(absl::StatusCode::kUnavailable, "port", "free", std::strerror(errno));
  }
  kept.port_ = ntohs(address.sin_port);
  return kept;
}

KeptPort::KeptPort(KeptPort&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), port_(other.port_) {}

KeptPort& KeptPort::operator=(KeptPort&& other) noexcept {
  std::swap(socket_, other.socket_);
  std::swap(port_, other.port_);
  return *this;
}

KeptPort::~KeptPort() {
  if (socket_ >= 0) close(socket_);
}

}  // namespace nakadachi::simulator
