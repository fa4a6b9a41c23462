// A broker in a folder of its own, over real mTLS on any port, and members that keep a ledger.
#ifndef NAKADACHI_TESTS_SERVER_BROKER_BROKER_FIXTURE_H_
#define NAKADACHI_TESTS_SERVER_BROKER_BROKER_FIXTURE_H_

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/crypto/crypto.h"
#include "common/crypto/key_file.h"
#include "common/crypto/x509.h"
#include "common/directory/directory.h"
#include "common/ledger/ledger.h"
#include "common/ledger/memory_ledger_store.h"
#include "common/ledger/verifier.h"
#include "common/rpc/channel.h"
#include "common/rpc/peer.h"
#include "common/rpc/status_mapping.h"
#include "nakadachi/v1/broker.grpc.pb.h"
#include "nakadachi/v1/ledger.grpc.pb.h"
#include "server/broker/broker_server.h"
#include "server/broker/model/code_deriver.h"
#include "tests/support/temporary_folder.h"

namespace nakadachi::broker {

inline constexpr char kCity[] = "072028";
inline constexpr char kOtherCity[] = "041009";
inline constexpr char kStranger[] = "011002";
inline constexpr char kTlsName[] = "broker.test";
inline constexpr char kListCsv[] =
    "procedure,legal_basis,requester_category,provider_category,item,effective_from,effective_to,"
    "note\n"
    "immunization,basis,municipality,municipality,record,2020-01-01,,\n";

// Issues certificates for a day around now.
class Authority {
 public:
  Authority();
  rpc::TlsMaterial Issue(rpc::Role role, const std::vector<std::string>& institutions,
                         const std::string& dns_name = "client.test") const;
  // Files of such a certificate in `folder`, named `name`.*, and their config.
  v1::TlsFiles IssueFiles(const std::string& folder, const std::string& name, rpc::Role role,
                          const std::vector<std::string>& institutions,
                          const std::string& dns_name = "client.test") const;

 private:
  CertificateAndKey root_;
};

// What a member's intermediate server is to the broker: keys and a ledger.
class FakeMember {
 public:
  FakeMember(const std::string& code, Clock* clock);

  const std::string& code() const { return code_; }
  v1::PublicKeys PublicKeys() const;
  const X25519PrivateKey& sealing_key() const { return sealing_key_; }
  v1::Statement NewStatement() const;
  v1::Recorded Record(const v1::Statement& statement);
  v1::Recorded ProveAnew(const v1::Recorded& recorded);
  // Goes on with other keys, which the ledger's head is then signed with.
  void ChangeKeys();

 private:
  void OpenLedger();

  const std::string code_;
  Clock* const clock_;
  ledger::MemoryLedgerStore store_;
  std::vector<Ed25519PublicKey> previous_keys_;
  Ed25519PrivateKey signing_key_;
  X25519PrivateKey sealing_key_;
  std::unique_ptr<ledger::Ledger> ledger_;
};

class BrokerFixture : public ::testing::Test {
 protected:
  BrokerFixture();
  ~BrokerFixture() override;

  void Start();
  void Stop();
  void Restart();

  std::shared_ptr<grpc::Channel> NetworkChannel(rpc::Role role,
                                                const std::vector<std::string>& institutions);
  std::shared_ptr<grpc::Channel> OperatorChannel(rpc::Role role = rpc::Role::kOperator);

  // Admits a member; the platform's route is `route` or one where nobody listens.
  void Admit(FakeMember& member, const std::string& category = "municipality",
             const v1::Route& route = {});
  v1::DirectoryChanged PublishList(const std::string& csv = kListCsv);
  v1::GetBrokerStatusResponse Status();

  LinkageCode CodeAt(const std::string& institution, uint64_t person = 7) const;
  v1::Statement MakeQuery(const FakeMember& member, const std::string& provider = kOtherCity,
                          uint64_t person = 7) const;

  // A call by `member`'s platform.
  absl::StatusOr<v1::Recorded> RequestPermit(const FakeMember& member, const v1::Recorded& query);
  absl::StatusOr<v1::Recorded> RequestPermitAs(grpc::Channel* channel, const v1::Recorded& query);
  // The decision's statement, its proof checked against the broker's key.
  v1::Statement Open(const v1::Recorded& decision);
  v1::Permit ExpectPermit(const absl::StatusOr<v1::Recorded>& decision);
  v1::Refusal ExpectRefusal(const absl::StatusOr<v1::Recorded>& decision);

  // Every file of the broker's, one after the other.
  std::string AllFiles() const;

  ManualClock clock_;
  TemporaryFolder folder_;
  Authority network_authority_;
  Authority operator_authority_;
  v1::BrokerConfig config_;
  Ed25519PublicKey broker_key_{};
  X25519PublicKey broker_sealing_key_{};
  std::unique_ptr<CodeDeriver> codes_;  // with the broker's own root
  std::unique_ptr<BrokerServer> broker_;
  FakeMember city_;
  FakeMember other_city_;
};

template <typename Response, typename Call>
absl::StatusOr<Response> CallWithDeadline(Call call) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  context.set_wait_for_ready(true);
  Response response;
  const grpc::Status status = call(&context, &response);
  if (!status.ok()) return rpc::FromGrpc(status);
  return response;
}

std::string NewId();

}  // namespace nakadachi::broker

#endif  // NAKADACHI_TESTS_SERVER_BROKER_BROKER_FIXTURE_H_
