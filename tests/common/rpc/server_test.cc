// Limits, the operator's services and the end of a server.
#include "common/rpc/server.h"

#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <array>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/rpc/handler.h"
#include "common/rpc/status_mapping.h"
#include "common/rpc/stream_client.h"
#include "tests/common/rpc/rpc_fixture.h"

namespace nakadachi::rpc {
namespace {

class ServerTest : public testing::Test {
 protected:
  void Start(ServerOptions options = {}) {
    options.tls = authority_.IssueServer();
    options.services = {&service_};
    server_ = MustStart(options);
    channel_ = ConnectTo(*server_, authority_.IssueClient());
  }

  // How long a shutdown with this grace took.
  absl::Duration ShutdownTakes(absl::Duration grace) {
    const absl::Time start = absl::Now();
    server_->Shutdown(grace);
    return absl::Now() - start;
  }

  const TestAuthority authority_;
  TestService service_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(ServerTest, ATakenPortIsAnError) {
  Start();
  ServerOptions options;
  options.address = "127.0.0.1:" + std::to_string(server_->port());
  options.tls = authority_.IssueServer();
  options.services = {&service_};
  const absl::Status status = Server::Start(options).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_EQ(GetFieldRule(status).rule, "listen");
  EXPECT_TRUE(Ask(channel_).ok());
}

TEST_F(ServerTest, UnusableOptionsAreAnError) {
  ServerOptions good;
  good.tls = authority_.IssueServer();
  good.services = {&service_};
  ServerOptions nowhere = good, mismatch = good, no_key = good;
  nowhere.address = "192.0.2.1:0";
  mismatch.address = no_key.address = "127.0.0.1:0";
  mismatch.tls.private_key = authority_.IssueServer().private_key;
  no_key.tls.private_key = "";
  for (const ServerOptions& options : {nowhere, mismatch, no_key}) {
    EXPECT_EQ(GetFieldRule(Server::Start(options).status()).rule, "listen") << options.address;
  }
}

TEST_F(ServerTest, AnAddressIsHostAndPort) {
  ServerOptions options;
  options.tls = authority_.IssueServer();
  options.services = {&service_};
  for (const char* address : {"", "127.0.0.1", "127.0.0.1:", ":0", "127.0.0.1:65536",
                              "127.0.0.1:99999", "127.0.0.1:-1", "127.0.0.1:http", "foo"}) {
    options.address = address;
    const absl::Status status = Server::Start(options).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << address << " " << status;
    EXPECT_EQ(GetFieldRule(status).rule, "address") << address;
  }
  options.address = "[::1]:0";
  const absl::Status other_family = Server::Start(options).status();
  EXPECT_NE(GetFieldRule(other_family).rule, "address") << other_family;
}

// A client that limits nothing by itself.
std::shared_ptr<grpc::Channel> UnlimitedChannel(const Server& server, const TlsMaterial& tls) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetSslTargetNameOverride(kServerName);
  const grpc::SslCredentialsOptions ssl{tls.trust_root, tls.private_key, tls.certificate};
  return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(server.port()),
                                   grpc::SslCredentials(ssl), arguments);
}

TEST_F(ServerTest, MessagesUpToTheLimit) {
  Start();
  const auto unlimited = UnlimitedChannel(*server_, authority_.IssueClient());
  const Request large = RequestOf(std::string(kMaxMessageBytes - 100, 'x'));
  const Request oversized = RequestOf(std::string(kMaxMessageBytes + 1, 'x'));
  for (const auto& channel : {channel_, unlimited}) {
    EXPECT_TRUE(Ask(channel, large).ok());
    EXPECT_TRUE(absl::IsResourceExhausted(Ask(channel, oversized).status()));
    EXPECT_TRUE(Ask(channel).ok());
  }
}

TEST_F(ServerTest, OversizedAnswersAreAnError) {
  service_.on_request = [](Request, const Answer<Response>& answer) {
    answer(Echo(RequestOf(std::string(kMaxMessageBytes + 1, 'x'))));
  };
  Start();
  EXPECT_TRUE(absl::IsResourceExhausted(Ask(channel_).status()));
}

TEST_F(ServerTest, OversizedMetadataIsRefused) {
  Start();
  grpc::ClientContext context;
  context.AddMetadata("padding", std::string(2 * kMaxMetadataBytes, 'x'));
  Response response;
  const auto stub = v1::PermitService::NewStub(channel_);
  EXPECT_FALSE(stub->RequestPermit(&context, Request(), &response).ok());
  EXPECT_TRUE(Ask(ConnectTo(*server_, authority_.IssueClient())).ok());
}

TEST_F(ServerTest, CallsBeyondTheRateAreRefusedForThatPeerOnly) {
  ServerOptions options;
  options.max_calls_per_second = 5;
  Start(options);
  int served = 0;
  absl::Status refused;
  for (int i = 0; i < 200 && refused.ok(); ++i) {
    refused = Ask(channel_).status();
    if (refused.ok()) ++served;
  }
  EXPECT_GE(served, 5);
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_EQ(GetFieldRule(refused).field, "call");
  EXPECT_EQ(GetFieldRule(refused).rule, "rate");
  EXPECT_TRUE(Ask(ConnectTo(*server_, authority_.IssueClient())).ok());
}

TEST_F(ServerTest, ErrorsArriveWithFieldAndRule) {
  const absl::Status error = InvalidField("query.items[0]", "unknown-item", "何か");
  service_.on_call = [&error](grpc::CallbackServerContext*) { return error; };
  Start();
  EXPECT_EQ(Ask(channel_).status(), error);
}

// --- Work that blocks -----------------------------------------------------------------------

absl::Status Report(const std::shared_ptr<grpc::Channel>& channel, grpc::ClientContext* context) {
  v1::ReportResponse response;
  return FromGrpc(
      v1::PermitService::NewStub(channel)->Report(context, v1::ReportRequest(), &response));
}

TEST_F(ServerTest, BlockingWorkLeavesTheServerResponsive) {
  WorkPool pool(1, 1);
  absl::Notification started, release;
  std::atomic<bool> first{true};
  service_.on_report = [&](grpc::CallbackServerContext* context) {
    return RunBlocking(&pool, context, [&] {
      if (!first.exchange(false)) return absl::OkStatus();
      started.Notify();
      release.WaitForNotification();
      return absl::Status(absl::DataLossError("as returned"));
    });
  };
  Start();
  grpc::ClientContext blocked, queued, refused;
  absl::Status blocked_status, queued_status;
  std::thread first_call([&] { blocked_status = Report(channel_, &blocked); });
  started.WaitForNotification();
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(Ask(channel_).ok());

  // One more finds room in the queue, whichever of the two comes first; the other is refused.
  std::thread second_call([&] { queued_status = Report(channel_, &queued); });
  const absl::Status third_status = [&] {
    refused.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(1)));
    return Report(channel_, &refused);
  }();
  release.Notify();
  first_call.join();
  second_call.join();
  EXPECT_EQ(blocked_status, absl::DataLossError("as returned"));
  const bool third_refused = absl::IsResourceExhausted(third_status);
  const absl::Status& other = third_refused ? queued_status : third_status;
  const absl::Status& busy = third_refused ? third_status : queued_status;
  EXPECT_EQ(GetFieldRule(busy).rule, "busy") << busy;
  EXPECT_TRUE(third_refused ? other.ok() : absl::IsDeadlineExceeded(other)) << other;
}

// --- The operator's services ------------------------------------------------------------------

grpc::ByteBuffer Buffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string Bytes(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  buffer.Dump(&slices);
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

// One request of a method that the test has no stub for, and its first answer.
absl::StatusOr<std::string> Call(const std::shared_ptr<grpc::Channel>& channel,
                                 const std::string& method, const std::string& request) {
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(10)));
  const auto step = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  auto call = stub.PrepareCall(&context, method, &queue);
  call->StartCall(nullptr);
  grpc::ByteBuffer answer;
  bool answered = step();
  if (answered) {
    call->Write(Buffer(request), nullptr);
    answered = step();
  }
  if (answered) {
    call->Read(&answer, nullptr);
    answered = step();
  }
  if (answered) context.TryCancel();
  grpc::Status status;
  call->Finish(&status, nullptr);
  step();
  queue.Shutdown();
  if (answered) return Bytes(answer);
  return FromGrpc(status);
}

constexpr char kHealth[] = "/grpc.health.v1.Health/Check";
constexpr char kReflection[] = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

TEST_F(ServerTest, HealthAndReflectionWhereAsked) {
  ServerOptions options;
  options.health_and_reflection = true;
  Start(options);
  // HealthCheckResponse with status (field 1) SERVING (1).
  EXPECT_EQ(Call(channel_, kHealth, "").value(), std::string("\x08\x01", 2));
  // ServerReflectionRequest with list_services (field 7) "*".
  const auto services = Call(channel_, kReflection, std::string("\x3a\x01*", 3));
  ASSERT_TRUE(services.ok()) << services.status();
  EXPECT_NE(services->find("nakadachi.v1.PermitService"), std::string::npos);
}

TEST_F(ServerTest, NoHealthAndReflectionElsewhere) {
  ServerOptions with;
  with.health_and_reflection = true;
  with.tls = authority_.IssueServer();
  const auto other = MustStart(with);
  Start();
  EXPECT_TRUE(absl::IsUnimplemented(Call(channel_, kHealth, "").status()));
  EXPECT_TRUE(absl::IsUnimplemented(Call(channel_, kReflection, "").status()));
}

// --- The end ----------------------------------------------------------------------------------

constexpr absl::Duration kGrace = absl::Milliseconds(200);
// What waits for answers would never end: the bound only has to be far from never, on slow
// machines.
const absl::Duration kBound = kGrace + absl::Seconds(20);
// What does not wait for the end of this grace is far from it.
constexpr absl::Duration kLongGrace = absl::Seconds(90);

TEST_F(ServerTest, ShutdownWithoutCallsIsQuick) {
  Start();
  ASSERT_TRUE(Ask(channel_).ok());
  EXPECT_LT(ShutdownTakes(kLongGrace), kLongGrace / 2);
  EXPECT_TRUE(absl::IsUnavailable(Ask(channel_).status()));
}

TEST_F(ServerTest, ShutdownWaitsForAnswersWithinItsGrace) {
  HeldRequests held;
  service_.on_request = held.handler();
  Start();
  absl::StatusOr<Response> response;
  std::thread call([&] { response = Ask(channel_, RequestOf("kept")); });
  ASSERT_TRUE(held.AwaitHeld(1));
  std::thread shutdown([&] { server_->Shutdown(absl::Seconds(30)); });
  held.Release(1);
  shutdown.join();
  call.join();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->decision().statement(), "kept");
}

TEST_F(ServerTest, ShutdownEndsUnaryCallsThatAreNotAnswered) {
  HeldRequests held;
  service_.on_request = held.handler();
  Start();
  absl::Status status;
  std::thread call([&] { status = Ask(channel_).status(); });
  ASSERT_TRUE(held.AwaitHeld(1));
  EXPECT_LT(ShutdownTakes(kGrace), kBound);
  call.join();
  EXPECT_TRUE(absl::IsCancelled(status) || absl::IsUnavailable(status)) << status;
  server_.reset();
  held.Release(1);  // too late, and harmless
}

TEST_F(ServerTest, ShutdownEndsStreams) {
  HeldRequests held;
  service_.on_request = held.handler();
  service_.max_in_flight = 4;
  Start();
  // One stream idle, one with unanswered requests, one that waits for room.
  for (int requests : {0, 2, 50}) {
    SCOPED_TRACE(requests);
    const auto stub = v1::PermitService::NewStub(channel_);
    grpc::ClientContext context;
    auto stream = stub->RequestPermits(&context);
    for (int i = 0; i < requests; ++i) ASSERT_TRUE(stream->Write(RequestsOf("x")));
    ASSERT_TRUE(held.AwaitHeld(std::min(requests, 4)));
    EXPECT_LT(ShutdownTakes(kGrace), kBound);
    Responses responses;
    EXPECT_FALSE(stream->Read(&responses));
    EXPECT_FALSE(stream->Finish().ok());
    server_.reset();
    held.Release(50);
    Start();
  }
}

TEST_F(ServerTest, ShutdownDoesNotWaitForIdleStreams) {
  Start();
  const auto stub = v1::PermitService::NewStub(channel_);
  // One that nobody has used, one that was used, one that comes when the server stops.
  std::array<grpc::ClientContext, 3> contexts;
  const auto unused = stub->RequestPermits(&contexts[0]);
  const auto used = stub->RequestPermits(&contexts[1]);
  Responses responses;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(used->Write(RequestsOf("x")));
    ASSERT_TRUE(used->Read(&responses));
  }
  service_.streams.Stop();
  const auto late = stub->RequestPermits(&contexts[2]);
  EXPECT_LT(ShutdownTakes(kLongGrace), kLongGrace / 2);
  for (const auto* stream : {&unused, &used}) {
    EXPECT_FALSE((*stream)->Read(&responses));
    EXPECT_EQ((*stream)->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  }
  EXPECT_FALSE(late->Read(&responses));
  EXPECT_FALSE(late->Finish().ok());  // by the stream, or by gRPC where it came too late for that
}

TEST_F(ServerTest, AStoppedStreamAnswersWhatItHasRead) {
  HeldRequests held;
  service_.on_request = held.handler();
  Start();
  const auto stub = v1::PermitService::NewStub(channel_);
  grpc::ClientContext context;
  auto stream = stub->RequestPermits(&context);
  for (const char* text : {"a", "b", "c"}) ASSERT_TRUE(stream->Write(RequestsOf(text)));
  ASSERT_TRUE(held.AwaitHeld(3));
  service_.streams.Stop();
  absl::Duration taken;
  std::thread shutdown([&] { taken = ShutdownTakes(kLongGrace); });
  held.Release(3);
  std::string answered;
  Responses responses;
  while (stream->Read(&responses)) {
    for (const Response& r : responses.responses()) answered += r.decision().statement();
  }
  shutdown.join();
  EXPECT_EQ(answered, "cba");
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_LT(taken, kLongGrace / 2);
}

TEST_F(ServerTest, ShutdownEndsReflectionStreams) {
  ServerOptions options;
  options.health_and_reflection = true;
  Start(options);
  grpc::GenericStub stub(channel_);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  auto call = stub.PrepareCall(&context, kReflection, &queue);
  call->StartCall(nullptr);
  void* tag = nullptr;
  bool ok = false;
  ASSERT_TRUE(queue.Next(&tag, &ok) && ok);
  ASSERT_TRUE(Ask(channel_).ok());
  EXPECT_LT(ShutdownTakes(kGrace), kBound);
  grpc::Status status;
  call->Finish(&status, nullptr);
  queue.Next(&tag, &ok);
  EXPECT_FALSE(status.ok());
  queue.Shutdown();
}

TEST_F(ServerTest, ShutdownWaitsForRunningWork) {
  WorkPool pool(1);
  absl::Notification started;
  std::atomic<bool> ended{false};
  service_.on_report = [&](grpc::CallbackServerContext* context) {
    return RunBlocking(&pool, context, [&, context] {
      started.Notify();
      while (!context->IsCancelled()) std::this_thread::yield();
      ended = true;
      return absl::OkStatus();
    });
  };
  Start();
  grpc::ClientContext context;
  std::thread call([&] { Report(channel_, &context).IgnoreError(); });
  started.WaitForNotification();
  EXPECT_LT(ShutdownTakes(kGrace), kBound);
  EXPECT_TRUE(ended);
  call.join();
}

TEST_F(ServerTest, ACancelledCallEndsBeforeItsAnswer) {
  HeldRequests held;
  service_.on_request = held.handler();
  Start();
  grpc::ClientContext context;
  Response response;
  const auto stub = v1::PermitService::NewStub(channel_);
  grpc::Status status;
  std::thread call([&] { status = stub->RequestPermit(&context, Request(), &response); });
  ASSERT_TRUE(held.AwaitHeld(1));
  context.TryCancel();
  call.join();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::CANCELLED);
  // Nothing is left that a shutdown would have to wait for.
  EXPECT_LT(ShutdownTakes(absl::Seconds(30)), absl::Seconds(5));
  held.Release(1);
}

}  // namespace
}  // namespace nakadachi::rpc
