#include "tools/bench/bare_caller.h"

#include <grpcpp/grpcpp.h>

#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bare.grpc.pb.h"
#include "common/base/status.h"
#include "common/rpc/channel.h"
#include "common/rpc/config.h"
#include "common/rpc/peer.h"
#include "common/rpc/status_mapping.h"
#include "tools/bench/bare_server.h"
#include "tools/bench/child_process.h"
#include "tools/pki/pki.h"

namespace nakadachi::bench {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kStartLimit = absl::Seconds(20);
constexpr absl::Duration kLook = absl::Milliseconds(2);

struct BareCall {
  grpc::ClientContext context;
  BareResponse response;
};

class BareCallerImpl final : public BareCaller {
 public:
  explicit BareCallerImpl(std::string folder) : folder_(std::move(folder)) {}

  absl::Status Begin() {
    NAKADACHI_RETURN_IF_ERROR(Issue());
    NAKADACHI_ASSIGN_OR_RETURN(const std::string second, StartServer("second", {}));
    NAKADACHI_ASSIGN_OR_RETURN(const std::string third, StartServer("third", {}));
    NAKADACHI_ASSIGN_OR_RETURN(const std::string first, StartServer("first", {second, third}));
    NAKADACHI_ASSIGN_OR_RETURN(first_, Connect(first));
    NAKADACHI_ASSIGN_OR_RETURN(second_, Connect(second));
    return absl::OkStatus();
  }

  Ask OneCall(const CallSize& size) override {
    BareRequest request;
    request.set_body(std::string(size.request, 'q'));
    request.set_answer_bytes(static_cast<uint32_t>(size.response));
    return Calling(second_.get(), request);
  }

  Ask ThreeCalls(const ExchangeSizes& sizes) override {
    return Calling(first_.get(), RequestOf(sizes));
  }

  Ask ThreeRecordedCalls(const ExchangeSizes& sizes) override {
    BareRequest request = RequestOf(sizes);
    request.set_record(true);
    return Calling(first_.get(), request);
  }

 private:
  static BareRequest RequestOf(const ExchangeSizes& sizes) {
    BareRequest request;
    request.set_body(std::string(sizes.query.request, 'q'));
    request.set_answer_bytes(static_cast<uint32_t>(sizes.query.response));
    for (const CallSize& size : {sizes.permit, sizes.provision}) {
      BareRequest::Onward& onward = *request.add_onward();
      onward.set_request_bytes(static_cast<uint32_t>(size.request));
      onward.set_answer_bytes(static_cast<uint32_t>(size.response));
    }
    return request;
  }

  static Ask Calling(BareService::Stub* stub, const BareRequest& request) {
    return [stub, request](int /*slot*/, Answered done) {
      auto call = std::make_shared<BareCall>();
      stub->async()->Call(&call->context, &request, &call->response,
                          [call, done = std::move(done)](const grpc::Status& status) {
                            done(rpc::FromGrpc(status));
                          });
    };
  }

  absl::Status Issue() {
    const std::string roots = folder_ + "/pki";
    NAKADACHI_RETURN_IF_ERROR(pki::Init(roots, absl::Now()));
    pki::IssueRequest request;
    request.output = folder_ + "/bare";
    request.dns_names = {kBareDnsName};
    rpc::Peer peer;
    peer.role = rpc::Role::kIntermediate;
    request.uris = rpc::PeerUris(peer);
    request.now = absl::Now();
    NAKADACHI_ASSIGN_OR_RETURN(const pki::IssuedFiles issued, pki::Issue(roots, request));
    fs::copy_file(issued.trust_root, folder_ + "/root.pem");
    v1::TlsFiles files;
    files.set_certificate(issued.certificate);
    files.set_private_key(issued.private_key);
    files.set_trust_root(issued.trust_root);
    NAKADACHI_ASSIGN_OR_RETURN(tls_, rpc::ReadTls(files, folder_));
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> StartServer(const std::string& name,
                                          const std::vector<std::string>& onward) {
    const std::string folder = absl::StrCat(folder_, "/", name);
    fs::create_directories(folder);
    std::vector<std::string> arguments = {kBareServerCommand, "--folder", folder};
    for (const std::string& address : onward) {
      arguments.push_back("--onward");
      arguments.push_back(address);
    }
    NAKADACHI_ASSIGN_OR_RETURN(auto server, ChildProcess::Start(arguments, folder + "/log"));
    ChildProcess& started = *server;
    servers_.push_back(std::move(server));
    for (const absl::Time give_up = absl::Now() + kStartLimit; absl::Now() < give_up;) {
      const auto ports = rpc::ReadPortFile(folder + "/ports.json");
      if (ports.ok()) return absl::StrCat("127.0.0.1:", ports->at("network"));
      if (!started.running()) return absl::UnavailableError("a bare server ended at once");
      absl::SleepFor(kLook);
    }
    return absl::DeadlineExceededError("a bare server does not listen");
  }

  absl::StatusOr<std::unique_ptr<BareService::Stub>> Connect(const std::string& address) const {
    const auto channel = rpc::Connect(address, kBareDnsName, tls_);
    if (!channel->WaitForConnected(absl::ToChronoTime(absl::Now() + kStartLimit))) {
      return absl::UnavailableError("a bare server cannot be reached");
    }
    return BareService::NewStub(channel);
  }

  const std::string folder_;
  rpc::TlsMaterial tls_;
  std::vector<std::unique_ptr<ChildProcess>> servers_;
  std::unique_ptr<BareService::Stub> first_;
  std::unique_ptr<BareService::Stub> second_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<BareCaller>> BareCaller::Start(const std::string& folder) {
  fs::create_directories(folder);
  auto caller = std::make_unique<BareCallerImpl>(folder);
  NAKADACHI_RETURN_IF_ERROR(caller->Begin());
  return caller;
}

}  // namespace nakadachi::bench
