// Who gets through the handshake, and by which version of TLS.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>

#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/rpc/handler.h"
#include "tests/common/rpc/rpc_fixture.h"

namespace nakadachi::rpc {
namespace {

class TlsTest : public testing::Test {
 protected:
  TlsTest() {
    ServerOptions options;
    options.tls = authority_.IssueServer();
    options.services = {&service_};
    server_ = MustStart(options);
  }

  const TestAuthority authority_;
  const TestAuthority foreign_;
  TestService service_;
  std::unique_ptr<Server> server_;
};

TEST_F(TlsTest, OwnRootIsServed) {
  const auto response = Ask(ConnectTo(*server_, authority_.IssueClient()), RequestOf("hello"));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->decision().statement(), "hello");
}

TEST_F(TlsTest, ForeignClientIsRefused) {
  TlsMaterial tls = foreign_.IssueClient();
  tls.trust_root = authority_.root();
  EXPECT_TRUE(absl::IsUnavailable(Ask(ConnectTo(*server_, tls)).status()));
}

TEST_F(TlsTest, ForeignServerIsRefused) {
  TlsMaterial tls = authority_.IssueClient();
  tls.trust_root = foreign_.root();
  EXPECT_TRUE(absl::IsUnavailable(Ask(ConnectTo(*server_, tls)).status()));
}

TEST_F(TlsTest, ClientWithoutCertificateIsRefused) {
  TlsMaterial tls;
  tls.trust_root = authority_.root();
  EXPECT_TRUE(absl::IsUnavailable(Ask(ConnectTo(*server_, tls)).status()));
}

TEST_F(TlsTest, ExpiredClientIsRefused) {
  const TlsMaterial tls = authority_.Issue({"nakadachi:role:intermediate"}, "client.test",
                                           /*valid_for=*/-absl::Minutes(1));
  EXPECT_TRUE(absl::IsUnavailable(Ask(ConnectTo(*server_, tls)).status()));
}

TEST_F(TlsTest, AServerOfAnotherNameIsRefused) {
  const auto channel = Connect("127.0.0.1:" + std::to_string(server_->port()), "juki.test",
                               authority_.IssueClient());
  EXPECT_TRUE(absl::IsUnavailable(Ask(channel).status()));
}

TEST_F(TlsTest, UnreadableRootIsUnavailable) {
  TlsMaterial tls = authority_.IssueClient();
  tls.trust_root = "-----BEGIN CERTIFICATE-----\nnot one\n-----END CERTIFICATE-----\n";
  EXPECT_TRUE(absl::IsUnavailable(Ask(ConnectTo(*server_, tls)).status()));
}

// --- Versions -------------------------------------------------------------------------------

using Bytes = std::string;

Bytes Uint16(size_t value) {
  return {static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)};
}
Bytes Extension(uint16_t type, const Bytes& body) {
  return Uint16(type) + Uint16(body.size()) + body;
}

// RFC 5246 7.4.1.2 and RFC 8446 4.1.2. The suites and groups are those that a server with an
// ECDSA certificate would take, were it willing; with `tls13` also that version's, and an empty
// key share, which a server answers by a HelloRetryRequest.
Bytes ClientHello(bool tls13) {
  const Bytes suites("\x13\x01\xc0\x2b\xc0\x2c\xcc\xa9\xc0\x2f\xc0\x30\xcc\xa8\xc0\x23\xc0\x09",
                     18);
  Bytes extensions = Extension(0x000a, Bytes("\x00\x04\x00\x1d\x00\x17", 6)) +
                     Extension(0x000b, Bytes("\x01\x00", 2)) +
                     Extension(0x000d, Bytes("\x00\x08\x04\x03\x08\x04\x04\x01\x02\x03", 10));
  if (tls13) {
    extensions += Extension(0x002b, Bytes("\x02\x03\x04", 3)) + Extension(0x0033, Bytes(2, '\0'));
  }
  const Bytes body = Bytes("\x03\x03", 2) + Bytes(32, 'r') + Bytes(1, '\0') +
                     Uint16(suites.size()) + suites + Bytes("\x01\x00", 2) +
                     Uint16(extensions.size()) + extensions;
  const Bytes handshake = Bytes("\x01\x00", 2) + Uint16(body.size()) + body;
  return Bytes("\x16\x03\x01", 3) + Uint16(handshake.size()) + handshake;
}

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {
    const timeval limit{10, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  }
  ~Socket() { close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int fd() const { return fd_; }
  // Fewer bytes where the other side closes or is silent for ten seconds.
  Bytes Read(size_t size) const {
    Bytes bytes(size, '\0');
    const ssize_t got = recv(fd_, bytes.data(), size, MSG_WAITALL);
    bytes.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return bytes;
  }

 private:
  const int fd_;
};

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

// The first byte that a server answers, the type of a TLS record; -1 for a closed connection.
int AnswerTo(const Bytes& hello, int port) {
  const Socket socket(::socket(AF_INET, SOCK_STREAM, 0));
  const sockaddr_in address = Loopback(port);
  EXPECT_EQ(connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(send(socket.fd(), hello.data(), hello.size(), 0), static_cast<ssize_t>(hello.size()));
  const Bytes first = socket.Read(1);
  return first.empty() ? -1 : first[0];
}

TEST_F(TlsTest, AServerTakesTls13Only) {
  constexpr int kHandshakeRecord = 22;
  EXPECT_EQ(AnswerTo(ClientHello(/*tls13=*/true), server_->port()), kHandshakeRecord);
  EXPECT_NE(AnswerTo(ClientHello(/*tls13=*/false), server_->port()), kHandshakeRecord);
}

// The cipher suites of a ClientHello, with its record header.
std::vector<int> SuitesOf(const Bytes& hello) {
  constexpr size_t kSessionId = 5 + 4 + 2 + 32;
  const auto byte = [&hello](size_t at) { return static_cast<uint8_t>(hello.at(at)); };
  const size_t suites = kSessionId + 1 + byte(kSessionId);
  const size_t end = suites + 2 + (byte(suites) << 8 | byte(suites + 1));
  std::vector<int> result;
  for (size_t at = suites + 2; at < end; at += 2) result.push_back(byte(at) << 8 | byte(at + 1));
  return result;
}

TEST_F(TlsTest, AClientOffersNothingOlderThanTls13) {
  const Socket listener(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(listener.fd(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener.fd(), 1), 0);
  ASSERT_EQ(getsockname(listener.fd(), reinterpret_cast<sockaddr*>(&address), &size), 0);

  const auto channel = Connect("127.0.0.1:" + std::to_string(ntohs(address.sin_port)), kServerName,
                               authority_.IssueClient());
  channel->GetState(/*try_to_connect=*/true);
  const Socket accepted(accept(listener.fd(), nullptr, nullptr));
  Bytes hello = accepted.Read(5);
  ASSERT_EQ(hello.size(), 5u);
  hello += accepted.Read(static_cast<uint8_t>(hello[3]) << 8 | static_cast<uint8_t>(hello[4]));
  // 0x13xx are the suites of TLS 1.3; 0x00ff is no suite but the sign of RFC 5746.
  for (int suite : SuitesOf(hello)) {
    EXPECT_TRUE(suite >> 8 == 0x13 || suite == 0x00ff) << suite;
  }
  EXPECT_THAT(SuitesOf(hello), testing::Contains(0x1301));
}

// --- Peers ----------------------------------------------------------------------------------

class PeerTest : public testing::Test {
 protected:
  PeerTest() {
    service_.on_call = [this](grpc::CallbackServerContext* context) {
      auto peer = RequireRole(context, {Role::kIntermediate, Role::kJuki});
      if (peer.ok()) peer_ = **peer;
      return peer.status();
    };
    ServerOptions options;
    options.tls = authority_.IssueServer();
    options.services = {&service_};
    server_ = MustStart(options);
  }

  absl::Status AskWith(const std::vector<std::string>& uris) {
    return Ask(ConnectTo(*server_, authority_.Issue(uris, "client.test"))).status();
  }

  const TestAuthority authority_;
  TestService service_;
  Peer peer_;  // of the last call
  std::unique_ptr<Server> server_;
};

TEST_F(PeerTest, UrisOfTheCertificateArrive) {
  std::vector<std::string> uris = {"nakadachi:role:intermediate", "nakadachi:institution:072028",
                                   "nakadachi:institution:131016"};
  ASSERT_TRUE(AskWith(uris).ok());
  EXPECT_EQ(PeerUris(peer_), uris);
  uris = {"nakadachi:role:juki"};
  ASSERT_TRUE(AskWith(uris).ok());
  EXPECT_EQ(PeerUris(peer_), uris);
}

TEST_F(PeerTest, AnotherRoleIsDenied) {
  const absl::Status status = AskWith({"nakadachi:role:staff", "nakadachi:staff:s-1"});
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_EQ(GetFieldRule(status).rule, "role");
}

TEST_F(PeerTest, ACertificateWithoutOurUrisIsUnauthenticated) {
  for (const std::vector<std::string>& uris :
       {std::vector<std::string>{}, {"https://example.test"}, {"nakadachi:role:mayor"}}) {
    const absl::Status status = AskWith(uris);
    EXPECT_TRUE(absl::IsUnauthenticated(status)) << status;
    EXPECT_EQ(GetFieldRule(status).rule, "peer-uri");
  }
}

}  // namespace
}  // namespace nakadachi::rpc
