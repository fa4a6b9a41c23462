// When a call is made again, and which calls may be.
#include "client/call.h"

#include <google/protobuf/descriptor.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/rpc/status_mapping.h"
#include "nakadachi/v1/broker.pb.h"
#include "nakadachi/v1/inspection.pb.h"
#include "nakadachi/v1/intermediate.pb.h"
#include "nakadachi/v1/juki.pb.h"
#include "nakadachi/v1/ledger.pb.h"

namespace nakadachi::client {
namespace {

constexpr char kIdempotent[] = "/nakadachi.v1.MunicipalService/GetExchange";
constexpr char kNotIdempotent[] = "/nakadachi.v1.MunicipalService/QueryMany";

RetryPolicy Quick() {
  RetryPolicy policy;
  policy.first_pause = absl::Milliseconds(1);
  policy.longest_pause = absl::Milliseconds(4);
  policy.keep_trying = absl::Seconds(20);
  return policy;
}

// Answers with one status after the other, the last again and again.
class Server {
 public:
  explicit Server(std::vector<absl::Status> statuses) : statuses_(std::move(statuses)) {}
  grpc::Status operator()(grpc::ClientContext&) {
    const size_t now = std::min(calls_++, statuses_.size() - 1);
    return rpc::ToGrpc(statuses_[now]);
  }
  size_t calls() const { return calls_; }

 private:
  const std::vector<absl::Status> statuses_;
  size_t calls_ = 0;
};

absl::Status CallServer(absl::string_view method, const RetryPolicy& policy, Server& server) {
  return Call(method, policy, [&](grpc::ClientContext& context) { return server(context); });
}

TEST(Call, ComesAgainUntilTheServerIsBack) {
  Server server({absl::UnavailableError("down"), absl::DeadlineExceededError("slow"),
                 absl::UnavailableError("down"), absl::OkStatus()});
  EXPECT_TRUE(CallServer(kIdempotent, Quick(), server).ok());
  EXPECT_EQ(server.calls(), 4u);
}

TEST(Call, WhatIsNotIdempotentIsCalledOnce) {
  for (const char* method : {kNotIdempotent, "/nakadachi.v1.MunicipalService/NoSuchMethod", ""}) {
    Server server({absl::UnavailableError("down"), absl::OkStatus()});
    EXPECT_TRUE(absl::IsUnavailable(CallServer(method, Quick(), server))) << method;
    EXPECT_EQ(server.calls(), 1u);
  }
}

TEST(Call, ARefusalIsFinal) {
  for (int code = 1; code <= 16; ++code) {
    const auto refusal = static_cast<absl::StatusCode>(code);
    if (refusal == absl::StatusCode::kUnavailable ||
        refusal == absl::StatusCode::kDeadlineExceeded) {
      continue;
    }
    Server server({FieldError(refusal, "items[0]", "slug", "is none"), absl::OkStatus()});
    const absl::Status status = CallServer(kIdempotent, Quick(), server);
    EXPECT_EQ(status.code(), refusal);
    EXPECT_EQ(GetFieldRule(status).field, "items[0]");
    EXPECT_EQ(GetFieldRule(status).rule, "slug");
    EXPECT_EQ(server.calls(), 1u) << code;
  }
}

TEST(Call, GivesUpInTime) {
  RetryPolicy policy = Quick();
  policy.keep_trying = absl::Milliseconds(30);
  Server server({absl::UnavailableError("down")});
  const absl::Time start = absl::Now();
  EXPECT_TRUE(absl::IsUnavailable(CallServer(kIdempotent, policy, server)));
  EXPECT_LT(absl::Now() - start, absl::Seconds(10));
  EXPECT_GT(server.calls(), 1u);
}

TEST(Call, WhoWasNotReachedIsNamed) {
  RetryPolicy policy = Quick();
  policy.keep_trying = absl::ZeroDuration();
  policy.server = "juki net at 10.1.0.2:7001";
  for (const absl::Status& lost :
       {absl::UnavailableError("no route"), absl::DeadlineExceededError("too late")}) {
    for (const char* method : {kIdempotent, kNotIdempotent}) {
      Server server({lost});
      const absl::Status status = CallServer(method, policy, server);
      EXPECT_EQ(status.code(), lost.code());
      EXPECT_EQ(GetFieldRule(status).field, "juki net at 10.1.0.2:7001");
      EXPECT_EQ(GetFieldRule(status).rule, "not-reached");
      EXPECT_NE(status.message().find(lost.message()), absl::string_view::npos);
    }
  }
  // What a server says itself stays as it is, and so does everything where no name is given.
  const absl::Status said =
      FieldError(absl::StatusCode::kUnavailable, "provider", "not-reached", "gives no answer");
  EXPECT_EQ(NameServer(policy, said), said);
  for (const absl::Status& status : {absl::OkStatus(), absl::NotFoundError("none")}) {
    EXPECT_EQ(NameServer(policy, status), status);
  }
  EXPECT_EQ(NameServer(Quick(), absl::UnavailableError("x")), absl::UnavailableError("x"));
}

TEST(Call, EveryAttemptHasItsDeadline) {
  RetryPolicy policy = Quick();
  policy.deadline = absl::Seconds(7);
  int attempts = 0;
  const absl::Status status = Call(kIdempotent, policy, [&](grpc::ClientContext& context) {
    const absl::Duration left = absl::FromChrono(context.deadline()) - absl::Now();
    EXPECT_GT(left, absl::Seconds(1));
    EXPECT_LE(left, absl::Seconds(7));
    return rpc::ToGrpc(++attempts < 3 ? absl::UnavailableError("down") : absl::OkStatus());
  });
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(attempts, 3);
}

// Every method of a service that a client of ours calls is decided about: all but the streams may
// be asked again, because the protocol says so of each of them.
TEST(Idempotency, IsDecidedForEveryMethod) {
  const google::protobuf::FileDescriptor* files[] = {
      v1::AdmitRequest::descriptor()->file(), v1::RegisterResidentsRequest::descriptor()->file(),
      v1::GetCheckpointRequest::descriptor()->file(), v1::QueryRequest::descriptor()->file(),
      v1::OpenInspectionRequest::descriptor()->file()};
  const std::set<std::string> called = {"BrokerOperator", "InspectionService", "JukiService",
                                        "LedgerService",  "MunicipalService",  "OwnRecordsService"};
  // Of a service that is not ours otherwise.
  const std::string called_too = "/nakadachi.v1.PermitService/FetchDirectory";
  int methods = 0;
  for (const google::protobuf::FileDescriptor* file : files) {
    for (int s = 0; s < file->service_count(); ++s) {
      const google::protobuf::ServiceDescriptor& service = *file->service(s);
      for (int m = 0; m < service.method_count(); ++m) {
        const google::protobuf::MethodDescriptor& method = *service.method(m);
        const std::string name = absl::StrCat("/", service.full_name(), "/", method.name());
        const bool may_be_asked_again =
            name == called_too || (called.count(service.name()) > 0 && !method.client_streaming());
        EXPECT_EQ(IsIdempotent(name), may_be_asked_again) << name;
        ++methods;
      }
    }
  }
  EXPECT_GT(methods, 20);
}

}  // namespace
}  // namespace nakadachi::client
