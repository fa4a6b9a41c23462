// A certificate authority and a permit service with handlers of the test's own, over real mTLS.
#ifndef NAKADACHI_TESTS_COMMON_RPC_RPC_FIXTURE_H_
#define NAKADACHI_TESTS_COMMON_RPC_RPC_FIXTURE_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "common/crypto/x509.h"
#include "common/rpc/answer.h"
#include "common/rpc/channel.h"
#include "common/rpc/peer.h"
#include "common/rpc/server.h"
#include "nakadachi/v1/broker.grpc.pb.h"

namespace nakadachi::rpc {

using Request = v1::RequestPermitRequest;
using Response = v1::RequestPermitResponse;

inline constexpr char kServerName[] = "broker.test";

// Issues leaves for a day around now.
class TestAuthority {
 public:
  TestAuthority();
  TlsMaterial Issue(const std::vector<std::string>& uris, const std::string& dns_name) const;
  TlsMaterial IssueServer() const { return Issue({"nakadachi:role:broker"}, kServerName); }
  TlsMaterial IssueClient() const;
  const std::string& root() const { return root_.certificate_pem; }

 private:
  CertificateAndKey root_;
};

class TestService final : public v1::PermitService::CallbackService {
 public:
  grpc::ServerUnaryReactor* RequestPermit(grpc::CallbackServerContext* context,
                                          const Request* request, Response* response) override;
  grpc::ServerBidiReactor<Request, Response>* RequestPermits(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* Report(grpc::CallbackServerContext* context,
                                   const v1::ReportRequest* request,
                                   v1::ReportResponse* response) override;

  // Set before the server starts. `on_call` answers RequestPermit by itself, `on_request` through
  // the helpers, also of the stream; without either the request is echoed.
  std::function<absl::Status(grpc::CallbackServerContext*)> on_call;
  AnsweringHandler<Request, Response> on_request;
  // Of Report, as a whole.
  std::function<grpc::ServerUnaryReactor*(grpc::CallbackServerContext*)> on_report;
  int max_in_flight = 256;
};

// Answers with the request's query, so that sizes and contents can be compared.
Response Echo(const Request& request);
Request RequestOf(const std::string& content);

// A started server, or the test ends.
std::unique_ptr<Server> MustStart(ServerOptions options);
std::shared_ptr<grpc::Channel> ConnectTo(const Server& server, const TlsMaterial& tls);

// One RequestPermit with a deadline of ten seconds.
absl::StatusOr<Response> Ask(const std::shared_ptr<grpc::Channel>& channel,
                             const Request& request = Request());

}  // namespace nakadachi::rpc

#endif  // NAKADACHI_TESTS_COMMON_RPC_RPC_FIXTURE_H_
