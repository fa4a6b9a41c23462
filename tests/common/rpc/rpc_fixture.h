// A certificate authority and a permit service with handlers of the test's own, over real mTLS.
#ifndef NAKADACHI_TESTS_COMMON_RPC_RPC_FIXTURE_H_
#define NAKADACHI_TESTS_COMMON_RPC_RPC_FIXTURE_H_

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/crypto/x509.h"
#include "common/rpc/answer.h"
#include "common/rpc/channel.h"
#include "common/rpc/open_streams.h"
#include "common/rpc/peer.h"
#include "common/rpc/server.h"
#include "nakadachi/v1/broker.grpc.pb.h"

namespace nakadachi::rpc {

using Request = v1::RequestPermitRequest;
using Response = v1::RequestPermitResponse;
using Requests = v1::RequestPermitRequests;
using Responses = v1::RequestPermitResponses;

inline constexpr char kServerName[] = "broker.test";

// Issues leaves for a day around now.
class TestAuthority {
 public:
  TestAuthority();
  TlsMaterial Issue(const std::vector<std::string>& uris, const std::string& dns_name,
                    absl::Duration valid_for = absl::Hours(23)) const;
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
  grpc::ServerBidiReactor<Requests, Responses>* RequestPermits(
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
  OpenStreams streams;
};

// A handler that keeps its requests until the test answers them. Thread-safe.
class HeldRequests {
 public:
  AnsweringHandler<Request, Response> handler() {
    return [this](Request request, Answer<Response> answer) {
      absl::MutexLock lock(&mutex_);
      held_.emplace_back(std::move(request), std::move(answer));
      most_ = std::max(most_, held_.size());
    };
  }
  // False where fewer are held after ten seconds.
  bool AwaitHeld(size_t count);
  // Echoes up to `count` of those held, the newest first.
  void Release(size_t count);
  size_t most() const {
    absl::MutexLock lock(&mutex_);
    return most_;
  }

 private:
  mutable absl::Mutex mutex_;
  std::vector<std::pair<Request, Answer<Response>>> held_ ABSL_GUARDED_BY(mutex_);
  size_t most_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Answers with the request's query, so that sizes and contents can be compared.
Response Echo(const Request& request);
Request RequestOf(const std::string& content);
// A stream's message of so many such requests.
Requests RequestsOf(const std::string& content, int count = 1);

// A started server, or the test ends.
std::unique_ptr<Server> MustStart(ServerOptions options);
std::shared_ptr<grpc::Channel> ConnectTo(const Server& server, const TlsMaterial& tls);

// One RequestPermit with a deadline of ten seconds.
absl::StatusOr<Response> Ask(const std::shared_ptr<grpc::Channel>& channel,
                             const Request& request = Request());

}  // namespace nakadachi::rpc

#endif  // NAKADACHI_TESTS_COMMON_RPC_RPC_FIXTURE_H_
