// The two ends of a stream of requests and answers: pairing, bounds, and every way to end.
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/rpc/stream_client.h"
#include "common/rpc/stream_server.h"
#include "common/rpc/work_pool.h"
#include "tests/common/rpc/rpc_fixture.h"

namespace nakadachi::rpc {
namespace {

using Client = StreamClient<Requests, Responses>;

// Results by the name that the test gave the request. Thread-safe.
class Results {
 public:
  Client::Callback Named(const std::string& name) {
    return [this, name](absl::StatusOr<Response> result) {
      absl::MutexLock lock(&mutex_);
      EXPECT_TRUE(results_.emplace(name, std::move(result)).second) << "called twice: " << name;
    };
  }
  bool Await(size_t count) {
    absl::MutexLock lock(&mutex_);
    const auto enough = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return results_.size() >= count;
    };
    return mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(20));
  }
  absl::StatusOr<Response> Of(const std::string& name) {
    absl::MutexLock lock(&mutex_);
    const auto found = results_.find(name);
    return found == results_.end() ? absl::NotFoundError("not called") : found->second;
  }
  size_t size() {
    absl::MutexLock lock(&mutex_);
    return results_.size();
  }

 private:
  absl::Mutex mutex_;
  std::map<std::string, absl::StatusOr<Response>> results_ ABSL_GUARDED_BY(mutex_);
};

class StreamTest : public testing::Test {
 protected:
  void Start(const std::string& address = "127.0.0.1:0") {
    ServerOptions options;
    options.address = address;
    options.tls = authority_.IssueServer();
    options.services = {&service_};
    server_ = MustStart(options);
    if (stub_ == nullptr) {
      stub_ = v1::PermitService::NewStub(ConnectTo(*server_, authority_.IssueClient()));
    }
  }

  std::unique_ptr<Client> MakeClient(StreamClientOptions options = {}) {
    return std::make_unique<Client>(
        [this](grpc::ClientContext* context, auto* reactor) {
          stub_->async()->RequestPermits(context, reactor);
        },
        options);
  }

  const TestAuthority authority_;
  TestService service_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<v1::PermitService::Stub> stub_;
};

TEST_F(StreamTest, EachRequestGetsItsOwnAnswer) {
  // Answers come from several threads, in an order of their own.
  WorkPool pool(4, 100'000);
  service_.on_request = [&pool](Request request, Answer<Response> answer) {
    ASSERT_TRUE(pool.Submit([request = std::move(request), answer = std::move(answer)] {
      if (request.tag() % 7 == 0) std::this_thread::yield();
      answer(Echo(request));
    }));
  };
  Start();
  Results results;
  const auto client = MakeClient();
  constexpr int kThreads = 4, kEach = 5'000;
  std::vector<std::thread> senders;
  for (int t = 0; t < kThreads; ++t) {
    senders.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const std::string name = absl::StrCat(t, "/", i);
        client->Send(RequestOf(name), results.Named(name));
      }
    });
  }
  for (std::thread& sender : senders) sender.join();
  ASSERT_TRUE(results.Await(kThreads * kEach));
  for (int t = 0; t < kThreads; ++t) {
    for (int i = 0; i < kEach; ++i) {
      const std::string name = absl::StrCat(t, "/", i);
      const auto response = results.Of(name);
      ASSERT_TRUE(response.ok()) << response.status();
      ASSERT_EQ(response->decision().statement(), name);
    }
  }
}

TEST_F(StreamTest, AnErrorIsAnAnswerAndTheStreamGoesOn) {
  const absl::Status error = InvalidField("query.salt", "length", "not 32 bytes");
  service_.on_request = [&error](const Request& request, const Answer<Response>& answer) {
    if (request.query().statement() == "bad") return answer(error);
    answer(Echo(request));
  };
  Start();
  Results results;
  const auto client = MakeClient();
  for (const char* name : {"good", "bad", "good again"}) {
    client->Send(RequestOf(name), results.Named(name));
  }
  ASSERT_TRUE(results.Await(3));
  EXPECT_TRUE(results.Of("good").ok());
  EXPECT_EQ(results.Of("bad").status(), error);
  EXPECT_TRUE(results.Of("good again").ok());
}

TEST_F(StreamTest, AnAnswerThatIsTooLargeIsAnErrorAndTheStreamGoesOn) {
  const auto answer_of = [](size_t bytes) {
    Response response;
    response.set_tag(~uint64_t{0});
    std::string* statement = response.mutable_decision()->mutable_statement();
    statement->resize(bytes);
    statement->resize(2 * bytes - response.ByteSizeLong());
    return response;
  };
  ASSERT_EQ(answer_of(kMaxAnswerBytes).ByteSizeLong(), kMaxAnswerBytes);
  service_.on_request = [&](const Request& request, const Answer<Response>& answer) {
    const std::string& asked = request.query().statement();
    if (asked == "small") return answer(Echo(request));
    answer(answer_of(asked == "largest" ? kMaxAnswerBytes : kMaxMessageBytes));
  };
  Start();
  Results results;
  const auto client = MakeClient();
  for (const char* name : {"small", "too large", "largest"}) {
    client->Send(RequestOf(name), results.Named(name));
  }
  ASSERT_TRUE(results.Await(3));
  EXPECT_TRUE(results.Of("small").ok()) << results.Of("small").status();
  EXPECT_TRUE(results.Of("largest").ok()) << results.Of("largest").status();
  const absl::Status too_large = results.Of("too large").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(too_large)) << too_large;
  EXPECT_EQ(GetFieldRule(too_large).field, "response");
  EXPECT_EQ(GetFieldRule(too_large).rule, "too-large");
}

TEST_F(StreamTest, AfterHalfCloseAllIsAnswered) {
  HeldRequests held;
  service_.on_request = held.handler();
  Start();
  grpc::ClientContext context;
  auto stream = stub_->RequestPermits(&context);
  std::set<uint64_t> tags;
  for (uint64_t tag = 100; tag < 110; ++tag) {
    Requests requests = RequestsOf("x");
    requests.mutable_requests(0)->set_tag(tag);
    tags.insert(tag);
    ASSERT_TRUE(stream->Write(requests));
  }
  stream->WritesDone();
  ASSERT_TRUE(held.AwaitHeld(10));
  std::thread release([&] { held.Release(10); });
  Responses responses;
  while (stream->Read(&responses)) {
    for (const Response& r : responses.responses()) EXPECT_EQ(tags.erase(r.tag()), 1u);
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_TRUE(tags.empty());
  release.join();
}

TEST_F(StreamTest, AStreamWithoutRequestsEndsWell) {
  Start();
  grpc::ClientContext context;
  auto stream = stub_->RequestPermits(&context);
  stream->WritesDone();
  Responses responses;
  EXPECT_FALSE(stream->Read(&responses));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(StreamTest, ACancelledStreamLetsGoOfItsHandler) {
  HeldRequests held;
  auto token = std::make_shared<int>(0);
  service_.on_request = [token, handler = held.handler()](Request request,
                                                          Answer<Response> answer) {
    handler(std::move(request), std::move(answer));
  };
  const std::weak_ptr<int> alive = token;
  token.reset();
  Start();
  {
    grpc::ClientContext context;
    auto stream = stub_->RequestPermits(&context);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(stream->Write(RequestsOf("x")));
    ASSERT_TRUE(held.AwaitHeld(3));
    context.TryCancel();
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  // All calls are over, so this does not use up its grace.
  const absl::Time start = absl::Now();
  server_->Shutdown(absl::Seconds(30));
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
  server_.reset();
  held.Release(3);
  service_.on_request = nullptr;
  EXPECT_TRUE(alive.expired());
}

// What one message carries counts one by one.
TEST_F(StreamTest, AMessageOfManyRequestsIsAnsweredOneByOne) {
  HeldRequests held;
  service_.on_request = held.handler();
  service_.max_in_flight = 4;
  Start();
  grpc::ClientContext context;
  auto stream = stub_->RequestPermits(&context);
  ASSERT_TRUE(stream->Write(RequestsOf("x", kMaxBatchSize)));
  ASSERT_TRUE(stream->Write(RequestsOf("y", 2)));
  stream->WritesDone();
  ASSERT_TRUE(held.AwaitHeld(kMaxBatchSize));
  std::thread release([&] {
    for (int i = 0; i < kMaxBatchSize + 2; ++i) {
      EXPECT_TRUE(held.AwaitHeld(1));
      held.Release(1);
    }
  });
  std::map<std::string, int> answers;
  Responses responses;
  while (stream->Read(&responses)) {
    EXPECT_GT(responses.responses_size(), 0);
    EXPECT_LE(responses.responses_size(), kMaxBatchSize);
    for (const Response& r : responses.responses()) ++answers[r.decision().statement()];
  }
  release.join();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(answers, (std::map<std::string, int>{{"x", kMaxBatchSize}, {"y", 2}}));
  EXPECT_EQ(held.most(), static_cast<size_t>(kMaxBatchSize));
}

TEST_F(StreamTest, AMessageOfNoneOrTooManyEndsTheStream) {
  HeldRequests held;
  service_.on_request = held.handler();
  Start();
  const std::map<int, std::string> rules = {{0, "required"}, {kMaxBatchSize + 1, "too-many"}};
  for (const auto& [count, rule] : rules) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(10)));
    auto stream = stub_->RequestPermits(&context);
    ASSERT_TRUE(stream->Write(RequestsOf("x", count)));
    Responses responses;
    EXPECT_FALSE(stream->Read(&responses)) << count;
    const absl::Status status = FromGrpc(stream->Finish());
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_EQ(GetFieldRule(status).field, "requests") << count;
    EXPECT_EQ(GetFieldRule(status).rule, rule) << count;
  }
  EXPECT_EQ(held.most(), 0u);
}

// What waits behind a running write goes together, up to the bounds; nothing is lost or doubled.
TEST_F(StreamTest, WhatWaitsGoesTogetherWithinBounds) {
  struct Case {
    const char* name;
    size_t bytes;
    int count;
  };
  for (const Case& c :
       {Case{"small", 10, 1'000}, Case{"as long as a message may be joined", kMaxBatchBytes, 20},
        Case{"longer", kMaxBatchBytes * 2, 20}, Case{"in between", 30'000, 200}}) {
    Start();
    Results results;
    {
      const auto client = MakeClient();
      const std::string content(c.bytes, 'x');
      for (int i = 0; i < c.count; ++i) {
        client->Send(RequestOf(content), results.Named(absl::StrCat(i)));
      }
      ASSERT_TRUE(results.Await(static_cast<size_t>(c.count))) << c.name;
    }
    for (int i = 0; i < c.count; ++i) {
      const auto response = results.Of(absl::StrCat(i));
      ASSERT_TRUE(response.ok()) << c.name << response.status();
      EXPECT_EQ(response->decision().statement().size(), c.bytes) << c.name;
    }
    stub_.reset();
  }
}

TEST(BatchRoomTest, CountsAndBytesAreBounded) {
  BatchRoom many;
  for (int i = 0; i < kMaxBatchSize; ++i) EXPECT_TRUE(many.Take(RequestOf("x")));
  EXPECT_FALSE(many.Take(RequestOf("x")));
  const Request large = RequestOf(std::string(kMaxBatchBytes, 'x'));
  BatchRoom first;
  EXPECT_TRUE(first.Take(large));
  EXPECT_FALSE(first.Take(RequestOf("x")));
  BatchRoom second;
  EXPECT_TRUE(second.Take(RequestOf("x")));
  EXPECT_FALSE(second.Take(large));
}

TEST_F(StreamTest, TheServerReadsNoMoreThanItAnswers) {
  HeldRequests held;
  service_.on_request = held.handler();
  service_.max_in_flight = 4;
  Start();
  grpc::ClientContext context;
  auto stream = stub_->RequestPermits(&context);
  constexpr int kRequests = 100;
  std::thread writer([&] {
    for (int i = 0; i < kRequests; ++i) ASSERT_TRUE(stream->Write(RequestsOf("x")));
    stream->WritesDone();
  });
  for (int i = 0; i < kRequests; ++i) {
    ASSERT_TRUE(held.AwaitHeld(std::min(4, kRequests - i)));
    held.Release(1);
    Responses responses;
    ASSERT_TRUE(stream->Read(&responses));
    ASSERT_EQ(responses.responses_size(), 1);
  }
  writer.join();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(held.most(), 4u);
}

TEST_F(StreamTest, AClientThatDoesNotReadIsNotBufferedFor) {
  std::atomic<int> handled{0};
  service_.on_request = [&handled](const Request& request, const Answer<Response>& answer) {
    ++handled;
    answer(Echo(request));
  };
  service_.max_in_flight = 8;
  Start();
  grpc::ClientContext context;
  auto stream = stub_->RequestPermits(&context);
  // 64 MiB are far more than flow control lets through unread, either way.
  const Requests large = RequestsOf(std::string(1 << 20, 'x'));
  std::atomic<int> written{0};
  std::thread writer([&] {
    while (written < 64 && stream->Write(large)) ++written;
  });
  const absl::Time deadline = absl::Now() + absl::Seconds(1);
  while (absl::Now() < deadline && handled < 64) std::this_thread::yield();
  EXPECT_LT(handled, 40);
  context.TryCancel();
  writer.join();
  EXPECT_FALSE(stream->Finish().ok());
}

TEST_F(StreamTest, TheClientSendsNoMoreThanIsAnswered) {
  HeldRequests held;
  service_.on_request = held.handler();
  Start();
  Results results;
  StreamClientOptions options;
  options.max_in_flight = 8;
  const auto client = MakeClient(options);
  constexpr int kRequests = 100;
  for (int i = 0; i < kRequests; ++i) {
    client->Send(RequestOf("x"), results.Named(absl::StrCat(i)));
  }
  for (int i = 0; i < kRequests; ++i) {
    ASSERT_TRUE(held.AwaitHeld(std::min(8, kRequests - i)));
    held.Release(1);
  }
  ASSERT_TRUE(results.Await(kRequests));
  EXPECT_EQ(held.most(), 8u);
}

TEST_F(StreamTest, ABrokenStreamFailsItsRequestsAndTheNextSendReconnects) {
  HeldRequests held;
  service_.on_request = held.handler();
  Start();
  Results results;
  StreamClientOptions options;
  options.max_in_flight = 5;
  const auto client = MakeClient(options);
  for (int i = 0; i < 10; ++i) client->Send(RequestOf("x"), results.Named(absl::StrCat(i)));
  ASSERT_TRUE(held.AwaitHeld(5));
  const int port = server_->port();
  server_->Shutdown(absl::ZeroDuration());
  server_.reset();
  ASSERT_TRUE(results.Await(10));
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(absl::IsUnavailable(results.Of(absl::StrCat(i)).status()))
        << results.Of(absl::StrCat(i)).status();
  }
  held.Release(10);

  service_.on_request = nullptr;
  Start(absl::StrCat("127.0.0.1:", port));
  // While the channel backs off, requests still fail.
  absl::Status last = absl::UnavailableError("");
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  for (int i = 10; absl::IsUnavailable(last) && absl::Now() < deadline; ++i) {
    client->Send(RequestOf("x"), results.Named(absl::StrCat(i)));
    ASSERT_TRUE(results.Await(i + 1));
    last = results.Of(absl::StrCat(i)).status();
  }
  EXPECT_TRUE(last.ok()) << last;
}

TEST_F(StreamTest, NobodyThereIsUnavailable) {
  Start();
  server_.reset();
  Results results;
  const auto client = MakeClient();
  client->Send(RequestOf("x"), results.Named("x"));
  ASSERT_TRUE(results.Await(1));
  EXPECT_TRUE(absl::IsUnavailable(results.Of("x").status())) << results.Of("x").status();
}

TEST_F(StreamTest, ARefusedStreamSaysWhy) {
  const absl::Status refusal =
      FieldError(absl::StatusCode::kPermissionDenied, "peer", "role", "not for you");
  service_.on_call = [refusal](grpc::CallbackServerContext*) { return refusal; };
  Start();
  Results results;
  const auto client = MakeClient();
  client->Send(RequestOf("x"), results.Named("x"));
  ASSERT_TRUE(results.Await(1));
  EXPECT_EQ(results.Of("x").status(), refusal);
}

TEST_F(StreamTest, ALateAnswerIsDroppedAndTheStreamGoesOn) {
  HeldRequests held;
  service_.on_request = held.handler();
  Start();
  Results results;
  StreamClientOptions options;
  options.timeout = absl::Milliseconds(300);
  const auto client = MakeClient(options);
  client->Send(RequestOf("late"), results.Named("late"));
  ASSERT_TRUE(held.AwaitHeld(1));
  ASSERT_TRUE(results.Await(1));
  EXPECT_TRUE(absl::IsDeadlineExceeded(results.Of("late").status()));
  held.Release(1);
  // On a busy machine an answer may take longer than the timeout; one of some does not.
  bool answered = false;
  for (int i = 0; i < 20 && !answered; ++i) {
    const std::string name = absl::StrCat("in time ", i);
    client->Send(RequestOf(name), results.Named(name));
    ASSERT_TRUE(held.AwaitHeld(1));
    held.Release(1);
    ASSERT_TRUE(results.Await(2 + i));
    answered = results.Of(name).ok();
  }
  EXPECT_TRUE(answered);
}

TEST_F(StreamTest, WaitingRequestsTimeOutToo) {
  HeldRequests held;
  service_.on_request = held.handler();
  Start();
  Results results;
  StreamClientOptions options;
  options.timeout = absl::Milliseconds(200);
  options.max_in_flight = 1;
  const auto client = MakeClient(options);
  for (const char* name : {"a", "b", "c"}) client->Send(RequestOf(name), results.Named(name));
  ASSERT_TRUE(results.Await(3));
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_TRUE(absl::IsDeadlineExceeded(results.Of(name).status())) << name;
  }
  held.Release(3);
}

TEST_F(StreamTest, CloseFailsWhatIsUnanswered) {
  HeldRequests held;
  service_.on_request = held.handler();
  Start();
  Results results;
  {
    const auto client = MakeClient();
    client->Send(RequestOf("before"), results.Named("before"));
    ASSERT_TRUE(held.AwaitHeld(1));
    client->Close();
    client->Send(RequestOf("after"), results.Named("after"));
  }
  // The destructor returned after the last callback.
  EXPECT_EQ(results.size(), 2u);
  EXPECT_TRUE(absl::IsUnavailable(results.Of("before").status()));
  EXPECT_TRUE(absl::IsUnavailable(results.Of("after").status()));
  held.Release(1);
}

TEST_F(StreamTest, ManyClientsComeAndGoUnderLoad) {
  Start();
  std::atomic<int> called{0}, answered{0};
  constexpr int kClients = 40, kRequests = 200;
  for (int c = 0; c < kClients; ++c) {
    const auto client = MakeClient();
    for (int i = 0; i < kRequests; ++i) {
      client->Send(RequestOf("x"), [&](const absl::StatusOr<Response>& result) {
        ++called;
        if (result.ok()) ++answered;
      });
    }
    if (c % 2 == 0) client->Close();
  }
  EXPECT_EQ(called, kClients * kRequests);
  EXPECT_LE(answered, kClients * kRequests);
}

// gRPC ends its polling threads with the last channel, on whatever thread that goes.
TEST_F(StreamTest, AChannelMayGoWithTheLastCallback) {
  Start();
  for (int round = 0; round < 50; ++round) {
    const auto context = std::make_shared<grpc::ClientContext>();
    const auto messages = std::make_shared<std::pair<Request, Response>>();
    auto done = std::make_shared<absl::Notification>();
    {
      const auto stub = v1::PermitService::NewStub(ConnectTo(*server_, authority_.IssueClient()));
      stub->async()->RequestPermit(context.get(), &messages->first, &messages->second,
                                   [context, messages, done](const grpc::Status& status) {
                                     EXPECT_TRUE(status.ok());
                                     done->Notify();
                                   });
    }
    done->WaitForNotification();
  }
}

TEST_F(StreamTest, ACallbackMaySendTheNext) {
  Start();
  const auto client = MakeClient();
  absl::Notification done;
  std::atomic<int> left{2'000};
  std::function<void(absl::StatusOr<Response>)> next = [&](const absl::StatusOr<Response>& result) {
    EXPECT_TRUE(result.ok()) << result.status();
    if (--left == 0) return done.Notify();
    client->Send(RequestOf("x"), next);
  };
  client->Send(RequestOf("x"), next);
  EXPECT_TRUE(done.WaitForNotificationWithTimeout(absl::Seconds(20)));
}

// To gRPC they look like the client's half-close.
TEST_F(StreamTest, BytesThatAreNoMessageAreNoEnd) {
  service_.on_request = [](const Request& request, const Answer<Response>& answer) {
    answer(Echo(request));
  };
  Start();
  const auto channel = ConnectTo(*server_, authority_.IssueClient());
  for (const char* bytes : {"\xff", "\x0a\xff\xff\xff\xff\x0f", "\x0a\x02\x10\x01\xff"}) {
    grpc::GenericStub stub(channel);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    grpc::CompletionQueue queue;
    const auto call =
        stub.PrepareCall(&context, "/nakadachi.v1.PermitService/RequestPermits", &queue);
    const auto done = [&queue] {
      void* tag = nullptr;
      bool ok = false;
      return queue.Next(&tag, &ok) && ok;
    };
    call->StartCall(nullptr);
    ASSERT_TRUE(done());
    const grpc::Slice slice(bytes);
    call->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), nullptr);
    ASSERT_TRUE(done());
    grpc::Status status;
    call->Finish(&status, nullptr);
    ASSERT_TRUE(done());
    EXPECT_EQ(GetFieldRule(FromGrpc(status)).field, "requests") << bytes;
    EXPECT_EQ(GetFieldRule(FromGrpc(status)).rule, "message") << bytes;
  }
}

}  // namespace
}  // namespace nakadachi::rpc
