// An institution in a folder of its own, on a platform whose clock and directory a test holds, and
// a broker that is a ledger in memory.
#ifndef NAKADACHI_TESTS_SERVER_INTERMEDIATE_INSTITUTION_FIXTURE_H_
#define NAKADACHI_TESTS_SERVER_INTERMEDIATE_INSTITUTION_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/crypto/crypto.h"
#include "common/directory/directory.h"
#include "common/ledger/ledger.h"
#include "common/ledger/ledger_store.h"
#include "common/ledger/verifier.h"
#include "common/sealing/sealed_code.h"
#include "common/storage/database.h"
#include "common/storage/key_provider.h"
#include "nakadachi/v1/statement.pb.h"
#include "server/intermediate/institution.h"
#include "tests/support/temporary_folder.h"

namespace nakadachi::intermediate {

inline LocalGovernmentCode City(absl::string_view code) {
  return LocalGovernmentCode::Parse(code).value();
}
inline const char kAizu[] = "072028";       // the requester
inline const char kSendai[] = "041009";     // the provider
inline const char kKoriyama[] = "072036";   // a third city
inline const char kFukushima[] = "070009";  // a prefecture

inline AddresseeNumber Person(int number) {
  return AddresseeNumber::Parse(std::to_string(number)).value();
}
// Some code; a broker's would be derived.
inline LinkageCode Code(int number) {
  return LinkageCode::FromBytes(AsView(Sha256("code", std::to_string(number))).substr(0, 16))
      .value();
}

// A ledger in memory with its key.
struct TestLedger {
  TestLedger(const Author& author, Ed25519PrivateKey signing, Clock* clock)
      : key(std::move(signing)), store(ledger::MakeMemoryLedgerStore()) {
    ledger::Options options;
    options.author = author;
    options.key = &key;
    options.store = store.get();
    options.clock = clock;
    ledger = ledger::Ledger::Open(options).value();
  }
  v1::Recorded Record(const v1::Statement& statement) {
    return ledger->AppendAndWait(ledger::Prepare(statement, SystemRandom())).value();
  }

  const Ed25519PrivateKey key;
  const std::unique_ptr<ledger::LedgerStore> store;
  std::unique_ptr<ledger::Ledger> ledger;
};

// Lists of the tests: `items` that any municipality may ask any other for.
inline std::string ListOf(const std::vector<std::string>& items) {
  std::string csv =
      "procedure,legal_basis,requester_category,provider_category,item,effective_from,"
      "effective_to,note\n";
  for (const std::string& item : items) {
    csv += "immunization,law 1,municipality,municipality," + item + ",2020-01-01,,\n";
  }
  return csv;
}

class InstitutionTest : public testing::Test {
 protected:
  InstitutionTest()
      : clock_(absl::FromUnixSeconds(1'711'929'600)),  // 2024-04-01 00:00 UTC
        broker_(Author::Broker(), Ed25519PrivateKey::Generate(SystemRandom()), &clock_),
        broker_sealing_(X25519PrivateKey::Generate(SystemRandom())),
        sealer_(broker_sealing_),
        keys_{Ed25519PrivateKey::Generate(SystemRandom()),
              X25519PrivateKey::Generate(SystemRandom())},
        key_provider_(storage::MakeMemoryKeyProvider(Secret::Generate(SystemRandom(), 32))),
        directory_(broker_.key.public_key()),
        verifier_(ledger::Verifier::Create(&directory_)) {
    platform_.clock = &clock_;
    platform_.random = &SystemRandom();
    platform_.directory = &directory_;
    platform_.verifier = verifier_.get();
    platform_.environment = storage::Environment::Create(64u << 20);
    Found();
    OpenInstitution("sendai");
  }

  void TearDown() override {
    if (institution_ == nullptr) return;
    institution_->ledger().Shutdown();
    const auto verified =
        ledger::VerifyStore(institution_->ledger_store(), Author::Of(City(kSendai)),
                            {keys_.signing.public_key()}, nullptr);
    EXPECT_TRUE(verified.ok()) << verified.status();
  }

  void OpenInstitution(const std::string& name) {
    auto opened =
        Institution::Open(City(kSendai), folder_ / name, keys_, key_provider_.get(), platform_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    owned_ = *std::move(opened);
    institution_ = owned_.get();
  }

  void CloseInstitution() {
    owned_.reset();
    institution_ = nullptr;
  }

  int64_t Now() const { return clock_.NowMs(); }

  // Directory statements.
  v1::Statement Change() const {
    v1::Statement statement;
    statement.set_author("broker");
    statement.set_time_ms(Now());
    statement.mutable_directory()->set_sequence(directory_.sequence() + 1);
    return statement;
  }
  void Apply(const v1::Statement& statement) {
    const absl::Status applied = directory_.Apply(statement);
    ASSERT_TRUE(applied.ok()) << applied;
  }
  static v1::PublicKeys Public(const Ed25519PublicKey& signing, const X25519PublicKey& sealing) {
    v1::PublicKeys keys;
    keys.set_signing_key(std::string(signing.begin(), signing.end()));
    keys.set_sealing_key(std::string(sealing.begin(), sealing.end()));
    return keys;
  }
  void Join(const std::string& code, const std::string& category, const v1::PublicKeys& keys) {
    v1::Statement statement = Change();
    v1::MemberJoined& joined = *statement.mutable_directory()->mutable_member_joined();
    joined.set_code(code);
    joined.set_name("name of " + code);
    joined.set_category(category);
    *joined.mutable_keys() = keys;
    joined.mutable_route()->set_address("127.0.0.1:1");
    joined.mutable_route()->set_tls_name("platform.example");
    Apply(statement);
  }
  v1::Statement List(uint64_t version, int64_t from_ms, const std::string& csv) const {
    v1::Statement statement = Change();
    v1::ListPublished& list = *statement.mutable_directory()->mutable_list_published();
    list.set_version(version);
    list.set_in_force_from_ms(from_ms);
    list.set_csv(csv);
    return statement;
  }

  TemporaryFolder folder_;
  ManualClock clock_;
  TestLedger broker_;
  const X25519PrivateKey broker_sealing_;
  sealing::CodeSealer sealer_;
  const InstitutionKeys keys_;
  const std::unique_ptr<storage::KeyProvider> key_provider_;
  Directory directory_;
  const std::unique_ptr<ledger::Verifier> verifier_;
  Platform platform_;
  std::unique_ptr<Institution> owned_;
  Institution* institution_ = nullptr;

 private:
  static v1::PublicKeys SomeKeys() {
    return Public(Ed25519PrivateKey::Generate(SystemRandom()).public_key(),
                  X25519PrivateKey::Generate(SystemRandom()).public_key());
  }
  void Found() {
    v1::Statement founded = Change();
    v1::NetworkFounded& network = *founded.mutable_directory()->mutable_network_founded();
    network.set_network_name("test");
    *network.mutable_broker_keys() = Public(broker_.key.public_key(), broker_sealing_.public_key());
    Apply(founded);
    Join(kAizu, "municipality", SomeKeys());
    Join(kSendai, "municipality", Public(keys_.signing.public_key(), keys_.sealing.public_key()));
    Join(kKoriyama, "municipality", SomeKeys());
    Join(kFukushima, "prefecture", SomeKeys());
    Apply(List(1, Now(), ListOf({"immunization", "benefits", "local-tax"})));
  }
};

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_TESTS_SERVER_INTERMEDIATE_INSTITUTION_FIXTURE_H_
