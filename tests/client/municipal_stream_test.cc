// Servers that break the rules of a stream, over real mutual TLS.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "client/municipal_client.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"
#include "common/rpc/status_mapping.h"
#include "nakadachi/v1/intermediate.grpc.pb.h"
#include "tests/common/rpc/rpc_fixture.h"

namespace nakadachi::client {
namespace {

using QueryStream = grpc::ServerReaderWriter<v1::QueryResponses, v1::QueryRequests>;
using ReplicaStream =
    grpc::ServerReaderWriter<v1::RegisterReplicasResponses, v1::RegisterReplicasRequests>;

class FakeService final : public v1::MunicipalService::Service {
 public:
  grpc::Status QueryMany(grpc::ServerContext* context, QueryStream* stream) override {
    return on_query(context, *stream);
  }
  grpc::Status RegisterReplicaStream(grpc::ServerContext*, ReplicaStream* stream) override {
    return on_replica(*stream);
  }
  std::function<grpc::Status(grpc::ServerContext*, QueryStream&)> on_query;
  std::function<grpc::Status(ReplicaStream&)> on_replica;
};

v1::QueryResponses AnswersTo(const v1::QueryRequests& requests) {
  v1::QueryResponses responses;
  for (const v1::QueryRequest& request : requests.requests()) {
    v1::QueryResponse& response = *responses.add_responses();
    response.set_tag(request.tag());
    response.set_request_id(request.request_id());
  }
  return responses;
}

class MunicipalStreamTest : public testing::Test {
 protected:
  void Start() {
    rpc::ServerOptions options;
    options.tls = authority_.IssueServer();
    options.services = {&service_};
    server_ = rpc::MustStart(options);
    connection_ = ConnectMunicipal(
        {absl::StrCat("127.0.0.1:", server_->port()), rpc::kServerName, authority_.IssueClient()});
  }

  // Asks `count` questions with tags from 1; the tags that were answered.
  absl::Status Ask(uint64_t count, int in_flight, std::multiset<uint64_t>* answered) {
    uint64_t sent = 0;
    return connection_->QueryMany(
        [&](v1::QueryRequest* request) {
          if (sent == count) return false;
          request->set_tag(++sent);
          return true;
        },
        in_flight, [&](const v1::QueryResponse& response) { answered->insert(response.tag()); });
  }

  rpc::TestAuthority authority_;
  FakeService service_;
  std::unique_ptr<rpc::Server> server_;
  std::shared_ptr<MunicipalConnection> connection_;
};

std::multiset<uint64_t> UpTo(uint64_t count) {
  std::multiset<uint64_t> tags;
  for (uint64_t tag = 1; tag <= count; ++tag) tags.insert(tag);
  return tags;
}

TEST_F(MunicipalStreamTest, AnEndInOrderWithRequestsUnansweredIsABrokenStream) {
  service_.on_query = [](grpc::ServerContext*, QueryStream& stream) {
    v1::QueryRequests requests;
    for (int i = 0; i < 3 && stream.Read(&requests); ++i) stream.Write(AnswersTo(requests));
    stream.Read(&requests);
    return grpc::Status::OK;
  };
  Start();
  std::multiset<uint64_t> answered;
  const absl::Status status = Ask(100, 4, &answered);
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_EQ(answered, UpTo(3));
}

// ---- MunicipalClient::RegisterReplicas

std::vector<v1::ReplicaEntry> Entries(size_t count) {
  std::vector<v1::ReplicaEntry> entries(count);
  for (size_t i = 0; i < count; ++i) entries[i].set_addressee_number(absl::StrCat(i));
  return entries;
}

class RegisterReplicasTest : public MunicipalStreamTest {
 protected:
  absl::StatusOr<std::vector<absl::Status>> Register(size_t count) {
    Start();
    MunicipalClient client(LocalGovernmentCode::Parse("072028").value(), connection_,
                           &SystemRandom());
    return client.RegisterReplicas(Entries(count), nullptr);
  }
};

TEST_F(RegisterReplicasTest, AnswersThatMakeNoSenseHarmNobody) {
  service_.on_replica = [](ReplicaStream& stream) {
    v1::RegisterReplicasRequests requests;
    while (stream.Read(&requests)) {
      v1::RegisterReplicasResponses responses;
      v1::RegisterReplicasResponse& response = *responses.add_responses();
      response.set_tag(UINT64_MAX);
      auto& problem = *response.add_problems();
      problem.set_position(UINT32_MAX);
      problem.set_error("no status");
      stream.Write(responses);
    }
    return grpc::Status::OK;
  };
  EXPECT_FALSE(Register(10).ok());
}

}  // namespace
}  // namespace nakadachi::client
