// Unary calls against messages of streams, over mTLS on loopback between two processes:
//   rpc_transport_bench server <folder>                       serves until SIGTERM
//   rpc_transport_bench client <folder> [in flight [channels]]  prints answers a second
// The server leaves its port and the client's certificate in the folder.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/time/clock.h"
#include "common/base/check.h"
#include "common/crypto/private_file.h"
#include "common/rpc/config.h"
#include "common/rpc/process.h"
#include "common/rpc/stream_client.h"
#include "tests/common/rpc/rpc_fixture.h"

namespace nakadachi::rpc {
namespace {

// Sizes of a Query and of a recorded Permit with its proof.
constexpr size_t kContentBytes = 600;
constexpr absl::Duration kMeasured = absl::Seconds(4);

using Stub = v1::PermitService::Stub;
using Ask1 = std::function<void(Stub*, std::function<void(bool)>)>;

int Serve(const std::string& folder) {
  BlockStopSignals();
  const TestAuthority authority;
  const TlsMaterial client = authority.IssueClient();
  NAKADACHI_CHECK(
      WritePublicFile(folder + "/client.pem", client.certificate, Overwrite::kAllowed).ok());
  NAKADACHI_CHECK(
      WritePublicFile(folder + "/root.pem", client.trust_root, Overwrite::kAllowed).ok());
  NAKADACHI_CHECK(
      WritePrivateFile(folder + "/client.key", Secret(client.private_key), Overwrite::kAllowed)
          .ok());
  TestService service;
  ServerOptions options;
  options.tls = authority.IssueServer();
  options.services = {&service};
  const auto server = MustStart(options);
  NAKADACHI_CHECK(WritePortFile(folder + "/ports", {{"network", server->port()}}).ok());
  ServeUntilSignal();
  return 0;
}

// Keeps `in_flight` requests running for the measured time; each answer starts the next.
class Load {
 public:
  Load(std::vector<std::unique_ptr<Stub>>* stubs, int in_flight, Ask1 ask)
      : stubs_(stubs), ask_(std::move(ask)), running_(in_flight) {}

  double Run() {
    const absl::Time start = absl::Now();
    end_ = start + kMeasured;
    const int in_flight = running_;
    for (int i = 0; i < in_flight; ++i) Next(i);
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](int* running) { return *running == 0; }, &running_));
    return static_cast<double>(answers_.load()) / absl::ToDoubleSeconds(absl::Now() - start);
  }

 private:
  void Next(int slot) {
    ask_((*stubs_)[static_cast<size_t>(slot) % stubs_->size()].get(), [this, slot](bool ok) {
      NAKADACHI_CHECK(ok);
      answers_.fetch_add(1);
      if (absl::Now() < end_) return Next(slot);
      absl::MutexLock lock(&mutex_);
      --running_;
    });
  }

  std::vector<std::unique_ptr<Stub>>* const stubs_;
  const Ask1 ask_;
  absl::Time end_;
  std::atomic<int64_t> answers_{0};
  absl::Mutex mutex_;
  int running_;
};

void AskUnary(Stub* stub, std::function<void(bool)> done) {
  struct Call {
    grpc::ClientContext context;
    Request request = RequestOf(std::string(kContentBytes, 'q'));
    Response response;
  };
  auto call = std::make_shared<Call>();
  call->context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  stub->async()->RequestPermit(
      &call->context, &call->request, &call->response,
      [call, done = std::move(done)](const grpc::Status& status) { done(status.ok()); });
}

int Measure(const std::string& folder, int in_flight, int channels) {
  v1::TlsFiles files;
  files.set_certificate("client.pem");
  files.set_private_key("client.key");
  files.set_trust_root("root.pem");
  const auto tls = ReadTls(files, folder);
  const auto ports = ReadPortFile(folder + "/ports");
  NAKADACHI_CHECK(tls.ok() && ports.ok());
  const std::string address = "127.0.0.1:" + std::to_string(ports->at("network"));

  std::vector<std::unique_ptr<Stub>> stubs;
  std::map<Stub*, std::unique_ptr<StreamClient<Requests, Responses>>> streams;
  for (int i = 0; i < channels; ++i) {
    auto channel = Connect(address, kServerName, *tls);
    NAKADACHI_CHECK(Ask(channel).ok());
    stubs.push_back(v1::PermitService::NewStub(channel));
    Stub* stub = stubs.back().get();
    streams[stub] = std::make_unique<StreamClient<Requests, Responses>>(
        [stub](grpc::ClientContext* context, auto* reactor) {
          stub->async()->RequestPermits(context, reactor);
        });
  }
  const Ask1 ask_stream = [&streams](Stub* stub, std::function<void(bool)> done) {
    streams.at(stub)->Send(
        RequestOf(std::string(kContentBytes, 'q')),
        [done = std::move(done)](const absl::StatusOr<Response>& r) { done(r.ok()); });
  };
  const double unary = Load(&stubs, in_flight, AskUnary).Run();
  const double streamed = Load(&stubs, in_flight, ask_stream).Run();
  std::printf("in flight %d, channels %d: unary %.0f/s, stream %.0f/s, ratio %.2f\n", in_flight,
              channels, unary, streamed, streamed / unary);
  return 0;
}

}  // namespace
}  // namespace nakadachi::rpc

int main(int argc, char** argv) {
  const std::string mode = argc > 2 ? argv[1] : "";
  if (mode == "server") return nakadachi::rpc::Serve(argv[2]);
  if (mode != "client") return 2;
  const int in_flight = argc > 3 ? std::atoi(argv[3]) : 256;
  const int channels = argc > 4 ? std::atoi(argv[4]) : 1;
  return nakadachi::rpc::Measure(argv[2], in_flight, channels);
}
