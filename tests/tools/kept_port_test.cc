#include "tools/simulator/kept_port.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>
#include <set>
#include <utility>
#include <vector>

namespace nakadachi::simulator {
namespace {

enum class Reuse { kNo, kYes };

// A socket bound to the port; -1: the system gave it to nobody else.
int Bind(int port, Reuse reuse) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = reuse == Reuse::kYes ? 1 : 0;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) return fd;
  close(fd);
  return -1;
}

// As a server does: its listening socket, or -1.
int Listen(int port) {
  const int fd = Bind(port, Reuse::kYes);
  if (fd < 0 || listen(fd, 1) == 0) return fd;
  close(fd);
  return -1;
}

TEST(KeptPortTest, OneServerAfterAnotherListensThere) {
  const auto kept = KeptPort::Take();
  ASSERT_TRUE(kept.ok()) << kept.status();
  for (int start = 0; start < 3; ++start) {
    const int server = Listen(kept->port());
    ASSERT_GE(server, 0) << start;
    EXPECT_LT(Listen(kept->port()), 0) << "two servers at a time";
    close(server);
  }
}

TEST(KeptPortTest, NobodyElseGetsItBetweenTwoServers) {
  const auto kept = KeptPort::Take();
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_LT(Bind(kept->port(), Reuse::kNo), 0);
}

TEST(KeptPortTest, PortsDiffer) {
  std::vector<KeptPort> all;
  std::set<int> ports;
  for (int i = 0; i < 100; ++i) {
    auto kept = KeptPort::Take();
    ASSERT_TRUE(kept.ok()) << kept.status();
    EXPECT_TRUE(ports.insert(kept->port()).second) << kept->port();
    all.push_back(*std::move(kept));
  }
}

// The port itself is not asked for afterwards: by then anybody may have it.
TEST(KeptPortTest, HoldsOverAMoveAndNoLonger) {
  const auto open = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  const auto before = open();
  {
    auto kept = KeptPort::Take();
    ASSERT_TRUE(kept.ok()) << kept.status();
    const KeptPort moved = *std::move(kept);
    EXPECT_LT(Bind(moved.port(), Reuse::kNo), 0);
    EXPECT_EQ(open(), before + 1);
  }
  EXPECT_EQ(open(), before);
}

}  // namespace
}  // namespace nakadachi::simulator
