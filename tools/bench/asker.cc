#include "tools/bench/asker.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/crypto/key_file.h"
#include "common/ledger/ledger.h"
#include "common/rpc/channel.h"
#include "common/rpc/config.h"
#include "common/rpc/peer.h"
#include "common/rpc/stream_client.h"
#include "nakadachi/v1/broker.grpc.pb.h"
#include "nakadachi/v1/intermediate.grpc.pb.h"
#include "server/broker/model/code_deriver.h"
#include "tools/bench/exchanges.h"
#include "tools/pki/pki.h"

namespace nakadachi::bench {
namespace {

constexpr char kCode[] = "131032";
// About what a requester's ledger puts under one checkpoint while much is in flight.
constexpr size_t kQueriesPerCheckpoint = 8;
constexpr size_t kNonceBytes = 16;
constexpr size_t kInFlight = 8192;
// A proof grows with the logarithm of its ledger.
constexpr size_t kSampleLedger = 1000;

class AskerImpl final : public Asker {
 public:
  AskerImpl(simulator::Network& network, std::string folder, LocalGovernmentCode code,
            LocalGovernmentCode provider)
      : network_(network),
        folder_(std::move(folder)),
        code_(std::move(code)),
        provider_(std::move(provider)) {}

  absl::Status Begin(const simulator::People& people,
                     const std::vector<simulator::PersonIndex>& persons);

  absl::Status Prepare(size_t queries) override;
  Ask Permits() override;
  absl::StatusOr<Sizes> MeasureSizes() override;

 private:
  std::string BrokerFolder() const {
    return std::filesystem::path(network_.DataFolder("broker")).parent_path().string();
  }
  absl::Status MakeIdentity();
  absl::Status Admit();
  absl::Status OpenLedger();
  absl::Status ConnectBroker();
  absl::Status DeriveCodes(const simulator::People& people,
                           const std::vector<simulator::PersonIndex>& persons);
  v1::Statement NewQuery(size_t number) const;

  simulator::Network& network_;
  const std::string folder_;
  const LocalGovernmentCode code_;
  const LocalGovernmentCode provider_;
  rpc::TlsMaterial tls_;
  std::unique_ptr<Ed25519PrivateKey> key_;
  std::unique_ptr<ledger::LedgerStore> store_;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::vector<LinkageCode> codes_;

  std::unique_ptr<v1::PermitService::Stub> broker_;
  std::unique_ptr<rpc::StreamClient<v1::RequestPermitRequests, v1::RequestPermitResponses>> stream_;

  std::vector<v1::RequestPermitRequest> prepared_;
  std::atomic<size_t> next_{0};
};

absl::Status AskerImpl::Begin(const simulator::People& people,
                              const std::vector<simulator::PersonIndex>& persons) {
  NAKADACHI_RETURN_IF_ERROR(MakeIdentity());
  NAKADACHI_RETURN_IF_ERROR(Admit());
  NAKADACHI_RETURN_IF_ERROR(OpenLedger());
  NAKADACHI_RETURN_IF_ERROR(ConnectBroker());
  return DeriveCodes(people, persons);
}

absl::Status AskerImpl::MakeIdentity() {
  pki::IssueRequest request;
  request.output = folder_ + "/asker/tls";
  rpc::Peer peer;
  peer.role = rpc::Role::kIntermediate;
  peer.institutions.insert(code_);
  request.uris = rpc::PeerUris(peer);
  request.dns_names = {pki::IntermediateDnsName(code_)};
  request.now = absl::Now();
  NAKADACHI_ASSIGN_OR_RETURN(const pki::IssuedFiles issued, pki::Issue(folder_ + "/pki", request));
  v1::TlsFiles files;
  files.set_certificate(issued.certificate);
  files.set_private_key(issued.private_key);
  files.set_trust_root(issued.trust_root);
  NAKADACHI_ASSIGN_OR_RETURN(tls_, rpc::ReadTls(files, folder_));
  return pki::MakeKeys(folder_ + "/asker/keys", Author::Of(code_)).status();
}

absl::Status AskerImpl::Admit() {
  NAKADACHI_ASSIGN_OR_RETURN(const auto keys, LoadPublicMemberKeys(folder_ + "/asker/keys"));
  v1::AdmitRequest request;
  request.set_request_id(SystemRandom().String(16));
  v1::MemberJoined& member = *request.mutable_member();
  member.set_code(code_.ToString());
  member.set_name("asker");
  member.set_category("municipality");
  member.mutable_keys()->set_signing_key(std::string(AsView(keys.signing)));
  member.mutable_keys()->set_sealing_key(std::string(AsView(keys.sealing)));
  member.mutable_keys()->set_valid_from_ms(network_.clock().NowMs());
  member.mutable_route()->set_address("127.0.0.1:1");  // nothing is ever delivered to it
  member.mutable_route()->set_tls_name(pki::IntermediateDnsName(code_));
  return network_.BrokerOperator().Admit(request).status();
}

absl::Status AskerImpl::OpenLedger() {
  NAKADACHI_ASSIGN_OR_RETURN(MemberKeys keys, LoadMemberKeys(folder_ + "/asker/keys"));
  key_ = std::make_unique<Ed25519PrivateKey>(std::move(keys.signing));
  store_ = ledger::MakeMemoryLedgerStore();
  ledger::Options options;
  options.author = Author::Of(code_);
  options.key = key_.get();
  options.store = store_.get();
  options.clock = &network_.clock();
  options.max_batch = kQueriesPerCheckpoint;
  NAKADACHI_ASSIGN_OR_RETURN(ledger_, ledger::Ledger::Open(options));
  return absl::OkStatus();
}

absl::Status AskerImpl::ConnectBroker() {
  NAKADACHI_ASSIGN_OR_RETURN(const auto ports, rpc::ReadPortFile(BrokerFolder() + "/ports.json"));
  const std::string address = absl::StrCat("127.0.0.1:", ports.at("network"));
  broker_ = v1::PermitService::NewStub(rpc::Connect(address, pki::BrokerDnsName(), tls_));
  rpc::StreamClientOptions options;
  options.max_in_flight = kInFlight;
  stream_ =
      std::make_unique<rpc::StreamClient<v1::RequestPermitRequests, v1::RequestPermitResponses>>(
          [stub = broker_.get()](grpc::ClientContext* context, auto* reactor) {
            stub->async()->RequestPermits(context, reactor);
          },
          options);
  return absl::OkStatus();
}

// As the broker would, with the network's own key: the asker has no server to be handed them.
absl::Status AskerImpl::DeriveCodes(const simulator::People& people,
                                    const std::vector<simulator::PersonIndex>& persons) {
  NAKADACHI_ASSIGN_OR_RETURN(const Secret root, LoadHexSecret(BrokerFolder() + "/code-key"));
  const broker::CodeDeriver deriver(root);
  for (const simulator::PersonIndex person : persons) {
    const auto id = deriver.Identify(people.Get(person).resident.resident_code);
    codes_.push_back(deriver.CodeFor(id, code_));
  }
  return absl::OkStatus();
}

v1::Statement AskerImpl::NewQuery(size_t number) const {
  v1::Statement statement;
  statement.set_author(code_.ToString());
  statement.set_time_ms(network_.clock().NowMs());
  v1::Query& query = *statement.mutable_query();
  query.set_provider(provider_.ToString());
  query.set_procedure(kProcedure);
  for (const char* item : kItems) query.add_items(item);
  query.set_linkage_code(std::string(codes_[number % codes_.size()].RevealBytes()));
  query.set_department("health");
  query.set_nonce(SystemRandom().String(kNonceBytes));
  return statement;
}

absl::Status AskerImpl::Prepare(size_t queries) {
  prepared_.assign(queries, {});
  next_ = 0;
  absl::Mutex mutex;
  absl::Status failure;
  absl::BlockingCounter left(static_cast<int>(queries));
  for (size_t i = 0; i < queries; ++i) {
    ledger_->Append(ledger::Prepare(NewQuery(i), SystemRandom()), nullptr,
                    [&, i](absl::StatusOr<v1::Recorded> recorded) {
                      if (recorded.ok()) {
                        *prepared_[i].mutable_query() = *std::move(recorded);
                      } else {
                        absl::MutexLock lock(&mutex);
                        failure.Update(recorded.status());
                      }
                      left.DecrementCount();
                    });
  }
  left.Wait();
  absl::MutexLock lock(&mutex);
  return failure;
}

Ask AskerImpl::Permits() {
  return [this](int /*slot*/, Answered done) {
    const size_t at = next_.fetch_add(1);
    if (at >= prepared_.size()) {
      return done(FieldError(absl::StatusCode::kOutOfRange, "permits", "prepared",
                             "more permits were given than queries had been prepared"));
    }
    stream_->Send(std::move(prepared_[at]),
                  [done = std::move(done)](absl::StatusOr<v1::RequestPermitResponse> answer) {
                    done(answer.status());
                  });
  };
}

absl::StatusOr<Asker::Sizes> AskerImpl::MeasureSizes() {
  NAKADACHI_RETURN_IF_ERROR(Prepare(kSampleLedger));
  Sizes sizes;
  v1::RequestPermitResponse decision;
  {
    grpc::ClientContext context;
    const grpc::Status status = broker_->RequestPermit(&context, prepared_[0], &decision);
    if (!status.ok()) return rpc::FromGrpc(status);
  }
  sizes.permit = {prepared_[0].ByteSizeLong(), decision.ByteSizeLong()};
  v1::Statement statement;
  if (!statement.ParseFromString(decision.decision().statement()) || !statement.has_permit()) {
    return absl::InternalError("the broker permitted none of the benchmark's queries");
  }
  const v1::Route& route = statement.permit().provider_route();
  const auto provider =
      v1::ExchangeService::NewStub(rpc::Connect(route.address(), route.tls_name(), tls_));
  v1::ProvideRequest present;
  *present.mutable_permit() = decision.decision();
  v1::ProvideResponse provided;
  grpc::ClientContext context;
  const grpc::Status status = provider->Provide(&context, present, &provided);
  if (!status.ok()) return rpc::FromGrpc(status);
  sizes.provision = {present.ByteSizeLong(), provided.ByteSizeLong()};
  return sizes;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Asker>> Asker::Join(
    simulator::Network& network, const std::string& folder, const simulator::People& people,
    const std::vector<simulator::PersonIndex>& persons, const LocalGovernmentCode& provider) {
  NAKADACHI_ASSIGN_OR_RETURN(LocalGovernmentCode code, LocalGovernmentCode::Parse(kCode));
  auto asker = std::make_unique<AskerImpl>(network, folder, std::move(code), provider);
  NAKADACHI_RETURN_IF_ERROR(asker->Begin(people, persons));
  return asker;
}

}  // namespace nakadachi::bench
