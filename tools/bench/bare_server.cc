#include "tools/bench/bare_server.h"

#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <memory>
#include <utility>

#include "bare.grpc.pb.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"
#include "common/rpc/channel.h"
#include "common/rpc/config.h"
#include "common/rpc/process.h"
#include "common/rpc/server.h"
#include "common/rpc/status_mapping.h"
#include "tools/bench/child_process.h"
#include "tools/bench/floors.h"
#include "tools/bench/record_file.h"

namespace nakadachi::bench {
namespace {

using Stubs = std::vector<std::unique_ptr<BareService::Stub>>;

// What no exchange can leave out of a step. Not for several threads at once.
class Recorder {
 public:
  static absl::StatusOr<std::unique_ptr<Recorder>> Create(const std::string& folder) {
    NAKADACHI_ASSIGN_OR_RETURN(auto file, RecordFile::Create(folder + "/records"));
    return std::unique_ptr<Recorder>(new Recorder(std::move(file)));
  }

  absl::Status Record() {
    const absl::string_view last(reinterpret_cast<const char*>(signature_.data()),
                                 signature_.size());
    NAKADACHI_CHECK(Ed25519Verify(key_.public_key(), note_, last));
    signature_ = key_.Sign(note_);
    return file_->Write();
  }

 private:
  explicit Recorder(std::unique_ptr<RecordFile> file)
      : file_(std::move(file)), signature_(key_.Sign(note_)) {}

  const std::unique_ptr<RecordFile> file_;
  const Ed25519PrivateKey key_ = Ed25519PrivateKey::Generate(SystemRandom());
  const std::string note_ = std::string(kCheckpointBytes, 'm');
  Ed25519Signature signature_;
};

// One call: its calls to others, one after the other, then the answer.
class BareCall final : public grpc::ServerUnaryReactor {
 public:
  BareCall(const Stubs* others, Recorder* recorder, const BareRequest* request,
           BareResponse* response)
      : others_(others), recorder_(recorder), request_(request), response_(response) {
    Next();
  }
  void OnDone() override { delete this; }

 private:
  struct Onward {
    grpc::ClientContext context;
    BareRequest request;
    BareResponse response;
  };

  void Next() {
    const bool over = at_ == request_->onward_size();
    if (request_->record() && (at_ == 0 || over)) {
      const absl::Status recorded = recorder_->Record();
      if (!recorded.ok()) return Finish(rpc::ToGrpc(recorded));
    }
    if (over) {
      response_->set_body(std::string(request_->answer_bytes(), 'a'));
      return Finish(grpc::Status::OK);
    }
    if (static_cast<size_t>(at_) >= others_->size()) {
      return Finish({grpc::StatusCode::INVALID_ARGUMENT, "there is no such server"});
    }
    BareService::Stub& stub = *(*others_)[at_];
    const BareRequest::Onward& sizes = request_->onward(at_++);
    onward_ = std::make_unique<Onward>();
    onward_->request.set_body(std::string(sizes.request_bytes(), 'q'));
    onward_->request.set_answer_bytes(sizes.answer_bytes());
    onward_->request.set_record(request_->record());
    stub.async()->Call(&onward_->context, &onward_->request, &onward_->response,
                       [this](const grpc::Status& status) {
                         if (!status.ok()) return Finish(status);
                         Next();
                       });
  }

  const Stubs* const others_;
  Recorder* const recorder_;
  const BareRequest* const request_;
  BareResponse* const response_;
  int at_ = 0;
  std::unique_ptr<Onward> onward_;
};

class BareServiceImpl final : public BareService::CallbackService {
 public:
  BareServiceImpl(Stubs others, std::unique_ptr<Recorder> recorder)
      : others_(std::move(others)), recorder_(std::move(recorder)) {}
  grpc::ServerUnaryReactor* Call(grpc::CallbackServerContext* /*context*/,
                                 const BareRequest* request, BareResponse* response) override {
    return new BareCall(&others_, recorder_.get(), request, response);
  }

 private:
  const Stubs others_;
  const std::unique_ptr<Recorder> recorder_;
};

absl::Status Serve(const BareServerOptions& options) {
  v1::TlsFiles files;
  files.set_certificate("../bare.pem");
  files.set_private_key("../bare.key");
  files.set_trust_root("../root.pem");
  NAKADACHI_ASSIGN_OR_RETURN(const rpc::TlsMaterial tls, rpc::ReadTls(files, options.folder));
  Stubs others;
  for (const std::string& address : options.onward) {
    others.push_back(BareService::NewStub(rpc::Connect(address, kBareDnsName, tls)));
  }
  NAKADACHI_ASSIGN_OR_RETURN(auto recorder, Recorder::Create(options.folder));
  BareServiceImpl service(std::move(others), std::move(recorder));
  rpc::ServerOptions server_options;
  server_options.address = "127.0.0.1:0";
  server_options.tls = tls;
  server_options.services = {&service};
  NAKADACHI_ASSIGN_OR_RETURN(const auto server, rpc::Server::Start(server_options));
  NAKADACHI_RETURN_IF_ERROR(
      rpc::WritePortFile(options.folder + "/ports.json", {{"network", server->port()}}));
  rpc::ServeUntilSignal();
  return absl::OkStatus();
}

}  // namespace

int RunBareServer(const BareServerOptions& options) {
  EndWithParent();
  rpc::BlockStopSignals();
  const absl::Status status = Serve(options);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return 1;
}

}  // namespace nakadachi::bench
