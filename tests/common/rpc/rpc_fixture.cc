#include "tests/common/rpc/rpc_fixture.h"

#include <utility>

#include "absl/time/clock.h"
#include "common/base/check.h"
#include "common/rpc/handler.h"
#include "common/rpc/status_mapping.h"
#include "common/rpc/stream_server.h"
#include "common/rpc/unary_server.h"

namespace nakadachi::rpc {

TestAuthority::TestAuthority() {
  const absl::Time now = absl::Now();
  auto root = MakeTrustRoot("test root", now - absl::Hours(1), now + absl::Hours(24));
  NAKADACHI_CHECK(root.ok());
  root_ = *std::move(root);
}

TlsMaterial TestAuthority::Issue(const std::vector<std::string>& uris, const std::string& dns_name,
                                 absl::Duration valid_for) const {
  LeafRequest request;
  request.common_name = "test leaf";
  request.uris = uris;
  if (!dns_name.empty()) request.dns_names = {dns_name};
  request.not_before = absl::Now() - absl::Hours(1);
  request.not_after = absl::Now() + valid_for;
  const auto leaf = IssueLeaf(root_, request);
  NAKADACHI_CHECK(leaf.ok());
  return {leaf->certificate_pem, leaf->private_key_pem, root_.certificate_pem};
}

TlsMaterial TestAuthority::IssueClient() const {
  return Issue({"nakadachi:role:intermediate", "nakadachi:institution:072028"}, "client.test");
}

grpc::ServerUnaryReactor* TestService::RequestPermit(grpc::CallbackServerContext* context,
                                                     const Request* request, Response* response) {
  if (on_request) return ServeUnary<Request, Response>(*request, response, on_request);
  *response = Echo(*request);
  return Reply(context, on_call ? on_call(context) : absl::OkStatus());
}

grpc::ServerBidiReactor<Requests, Responses>* TestService::RequestPermits(
    grpc::CallbackServerContext* context) {
  const absl::Status status = on_call ? on_call(context) : absl::OkStatus();
  if (!status.ok()) return RefuseStream<Requests, Responses>(status);
  if (on_request) return ServeStream<Requests, Responses>(&streams, on_request, max_in_flight);
  return ServeStream<Requests, Responses>(
      &streams,
      [](const Request& request, const Answer<Response>& answer) { answer(Echo(request)); },
      max_in_flight);
}

grpc::ServerUnaryReactor* TestService::Report(grpc::CallbackServerContext* context,
                                              const v1::ReportRequest* /*request*/,
                                              v1::ReportResponse* /*response*/) {
  return on_report(context);
}

bool HeldRequests::AwaitHeld(size_t count) {
  absl::MutexLock lock(&mutex_);
  const auto enough = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return held_.size() >= count; };
  return mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(10));
}

void HeldRequests::Release(size_t count) {
  for (size_t i = 0; i < count; ++i) {
    std::pair<Request, Answer<Response>> newest;
    {
      absl::MutexLock lock(&mutex_);
      if (held_.empty()) return;
      newest = std::move(held_.back());
      held_.pop_back();
    }
    newest.second(Echo(newest.first));
  }
}

Response Echo(const Request& request) {
  Response response;
  *response.mutable_decision() = request.query();
  return response;
}

Request RequestOf(const std::string& content) {
  Request request;
  request.mutable_query()->set_statement(content);
  return request;
}

Requests RequestsOf(const std::string& content, int count) {
  Requests requests;
  for (int i = 0; i < count; ++i) *requests.add_requests() = RequestOf(content);
  return requests;
}

std::unique_ptr<Server> MustStart(ServerOptions options) {
  if (options.address.empty()) options.address = "127.0.0.1:0";
  auto server = Server::Start(options);
  NAKADACHI_CHECK(server.ok());
  return *std::move(server);
}

std::shared_ptr<grpc::Channel> ConnectTo(const Server& server, const TlsMaterial& tls) {
  return Connect("127.0.0.1:" + std::to_string(server.port()), kServerName, tls);
}

absl::StatusOr<Response> Ask(const std::shared_ptr<grpc::Channel>& channel,
                             const Request& request) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(10)));
  Response response;
  const auto stub = v1::PermitService::NewStub(channel);
  const grpc::Status status = stub->RequestPermit(&context, request, &response);
  if (!status.ok()) return FromGrpc(status);
  return response;
}

}  // namespace nakadachi::rpc
