#include "server/broker/model/permit_decision.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/status.h"
#include "common/permission/permission_list.h"

namespace nakadachi::broker {
namespace {

constexpr char kCity[] = "072028";
constexpr char kOtherCity[] = "041009";
constexpr char kPrefecture[] = "070009";
constexpr char kKeylessCity[] = "131016";
constexpr char kStranger[] = "011002";
constexpr int64_t kNow = 1'711'929'600'000;  // 2024-04-01 in Japan
constexpr int64_t kSecond = 1000;
constexpr char kList[] =
    "procedure,legal_basis,requester_category,provider_category,item,effective_from,effective_to,"
    "note\n"
    "immunization,basis 1,municipality,municipality,record,2020-01-01,,\n"
    "immunization,basis 2,municipality,municipality,reaction,2020-01-01,,\n"
    "immunization,basis 3,municipality,municipality,ended,2020-01-01,2024-03-31,\n"
    "survey,basis 4,prefecture,municipality,record,2020-01-01,,\n";

std::string KeyBytes(char fill) { return std::string(32, fill); }

class PermitDecisionTest : public ::testing::Test {
 protected:
  PermitDecisionTest() : codes_(Secret(std::string(32, 'r'))), directory_(Anchor()) {
    v1::Directory founded;
    SetKeys(founded.mutable_network_founded()->mutable_broker_keys(), 'a');
    founded.mutable_network_founded()->set_network_name("test");
    Apply(founded);
    Join(kCity, "municipality", 'c');
    Join(kOtherCity, "municipality", 'e');
    Join(kPrefecture, "prefecture", 'g');
    Join(kKeylessCity, "municipality", 'i', /*valid_until_ms=*/kNow - 1);
    PublishList(kNow - 1000 * kSecond);
  }

  static Ed25519PublicKey Anchor() {
    Ed25519PublicKey key;
    key.fill('a');
    return key;
  }
  static void SetKeys(v1::PublicKeys* keys, char first, int64_t valid_until_ms = 0) {
    keys->set_signing_key(KeyBytes(first));
    keys->set_sealing_key(KeyBytes(static_cast<char>(first + 1)));
    keys->set_valid_until_ms(valid_until_ms);
  }
  void Apply(v1::Directory change) {
    v1::Statement statement;
    statement.set_author("broker");
    statement.set_time_ms(kNow - 2000 * kSecond);
    change.set_sequence(directory_.sequence() + 1);
    *statement.mutable_directory() = std::move(change);
    const absl::Status applied = directory_.Apply(statement);
    ASSERT_TRUE(applied.ok()) << applied;
  }
  void Join(const std::string& code, const std::string& category, char key,
            int64_t valid_until_ms = 0) {
    v1::Directory change;
    v1::MemberJoined* joined = change.mutable_member_joined();
    joined->set_code(code);
    joined->set_name("city " + code);
    joined->set_category(category);
    SetKeys(joined->mutable_keys(), key, valid_until_ms);
    joined->mutable_route()->set_address("127.0.0.1:1");
    joined->mutable_route()->set_tls_name(code + ".test");
    Apply(change);
  }
  void PublishList(int64_t in_force_from_ms) {
    v1::Directory change;
    change.mutable_list_published()->set_version(directory_.Lists().size() + 1);
    change.mutable_list_published()->set_in_force_from_ms(in_force_from_ms);
    change.mutable_list_published()->set_csv(kList);
    Apply(change);
  }

  LinkageCode CodeAt(const std::string& institution) const {
    return codes_.CodeFor(codes_.Identify(ResidentCode::FromSerial(7)),
                          *LocalGovernmentCode::Parse(institution));
  }

  ledger::Verified MakeQuery(const std::string& author = kCity) const {
    ledger::Verified verified;
    verified.author = *Author::Parse(author);
    verified.commitment = Sha256("query");
    verified.checkpoint_time_ms = kNow;
    verified.statement.set_author(author);
    verified.statement.set_time_ms(kNow);
    v1::Query* query = verified.statement.mutable_query();
    query->set_provider(kOtherCity);
    query->set_procedure("immunization");
    query->add_items("record");
    query->set_linkage_code(std::string(CodeAt(author).RevealBytes()));
    query->set_department("health");
    query->set_nonce(std::string(16, 'n'));
    return verified;
  }

  Refused ExpectRefused(const ledger::Verified& query, int64_t now_ms = kNow) const {
    Decision decision = Decide(query, directory_, codes_, rules_, now_ms);
    if (auto* refused = std::get_if<Refused>(&decision)) return *refused;
    ADD_FAILURE() << "was permitted";
    return Refused();
  }

  CodeDeriver codes_;
  Directory directory_;
  DecisionRules rules_;
};

TEST_F(PermitDecisionTest, APermitSaysWhatTheQueryAskedAndTheListAllows) {
  ledger::Verified query = MakeQuery();
  query.statement.mutable_query()->add_items("reaction");
  query.statement.mutable_query()->set_non_disclosure(true);
  Decision decision = Decide(query, directory_, codes_, rules_, kNow);
  auto* permitted = std::get_if<Permitted>(&decision);
  ASSERT_NE(permitted, nullptr) << std::get<Refused>(decision).detail;
  const v1::Permit& permit = permitted->permit;
  EXPECT_EQ(permit.query_commitment(), AsView(query.commitment));
  EXPECT_EQ(permit.requester(), kCity);
  EXPECT_EQ(permit.provider(), kOtherCity);
  EXPECT_EQ(permit.procedure(), "immunization");
  ASSERT_EQ(permit.items_size(), 2);
  EXPECT_EQ(permit.items(1), "reaction");
  EXPECT_EQ(permit.department(), "health");
  EXPECT_EQ(permit.list_version(), 1u);
  ASSERT_EQ(permit.legal_basis_size(), 2);
  EXPECT_EQ(permit.legal_basis(0), "basis 1");
  EXPECT_EQ(permit.legal_basis(1), "basis 2");
  EXPECT_EQ(permit.valid_from_ms(), kNow);
  EXPECT_EQ(permit.valid_until_ms(), kNow + rules_.permit_validity_ms);
  EXPECT_EQ(permit.provider_route().tls_name(), "041009.test");
  EXPECT_EQ(permit.requester_route().tls_name(), "072028.test");
  EXPECT_EQ(permit.directory_size(), directory_.sequence());
  EXPECT_TRUE(permit.non_disclosure());
  EXPECT_EQ(permitted->provider_code, CodeAt(kOtherCity));
  EXPECT_EQ(permitted->provider_key[0], 'f');
  // Neither party's code is in what will travel in clear.
  const std::string bytes = permit.SerializeAsString();
  for (const char* institution : {kCity, kOtherCity}) {
    EXPECT_EQ(bytes.find(std::string(CodeAt(institution).RevealBytes())), std::string::npos);
  }
}

TEST_F(PermitDecisionTest, RefusalsByTable) {
  struct Row {
    const char* name;
    std::function<void(ledger::Verified&)> change;
    v1::RefusalReason reason;
    const char* detail;
    uint64_t list_version;
  };
  const auto query = [](ledger::Verified& v) { return v.statement.mutable_query(); };
  const std::vector<Row> rows = {
      {"provider", [&](auto& v) { query(v)->set_provider("041008"); }, v1::MALFORMED,
       "query.provider: check-digit", 0},
      {"no provider", [&](auto& v) { query(v)->clear_provider(); }, v1::MALFORMED,
       "query.provider: length", 0},
      {"short code", [&](auto& v) { query(v)->set_linkage_code("short"); }, v1::MALFORMED,
       "query.linkage_code: length", 0},
      {"no procedure", [&](auto& v) { query(v)->clear_procedure(); }, v1::MALFORMED,
       "query.procedure: name", 0},
      {"odd procedure", [&](auto& v) { query(v)->set_procedure("a b"); }, v1::MALFORMED,
       "query.procedure: name", 0},
      {"no items", [&](auto& v) { query(v)->clear_items(); }, v1::MALFORMED, "query.items: empty",
       0},
      {"an item twice", [&](auto& v) { query(v)->add_items("record"); }, v1::MALFORMED,
       "query.items[1]: duplicate", 0},
      {"odd item", [&](auto& v) { query(v)->add_items(std::string(65, 'a')); }, v1::MALFORMED,
       "query.items[1]: name", 0},
      {"too many items",
       [&](auto& v) {
         for (int i = 0; i < kMaxItems; ++i) query(v)->add_items("i" + std::to_string(i));
       },
       v1::MALFORMED, "query.items: too-many", 0},
      {"short nonce", [&](auto& v) { query(v)->set_nonce("n"); }, v1::MALFORMED,
       "query.nonce: length", 0},
      {"odd department", [&](auto& v) { query(v)->set_department("a\nb"); }, v1::MALFORMED,
       "query.department: characters", 0},
      {"long pseudonym", [&](auto& v) { query(v)->set_staff_pseudonym(std::string(257, 's')); },
       v1::MALFORMED, "query.staff_pseudonym: characters", 0},
      {"self", [&](auto& v) { query(v)->set_provider(kCity); }, v1::SELF_QUERY,
       "query.provider: self-query", 0},
      {"stranger", [&](auto& v) { query(v)->set_provider(kStranger); }, v1::UNKNOWN_PROVIDER,
       "query.provider: unknown-member", 0},
      {"provider without a key", [&](auto& v) { query(v)->set_provider(kKeylessCity); },
       v1::UNKNOWN_PROVIDER, "query.provider: no-valid-key", 0},
      {"invented code", [&](auto& v) { query(v)->set_linkage_code(std::string(16, 'x')); },
       v1::INVALID_CODE, "query.linkage_code: invented-code", 0},
      {"another's code",
       [&](auto& v) { query(v)->set_linkage_code(std::string(CodeAt(kOtherCity).RevealBytes())); },
       v1::INVALID_CODE, "query.linkage_code: invented-code", 0},
      {"unknown procedure", [&](auto& v) { query(v)->set_procedure("fishing"); },
       v1::UNKNOWN_PROCEDURE, "query.items[0]: unknown-procedure", 1},
      {"unknown item", [&](auto& v) { query(v)->add_items("income"); }, v1::UNKNOWN_ITEM,
       "query.items[1]: unknown-item", 1},
      {"another's procedure", [&](auto& v) { query(v)->set_procedure("survey"); },
       v1::NOT_PERMITTED, "query.items[0]: wrong-requester", 1},
      {"wrong provider", [&](auto& v) { query(v)->set_provider(kPrefecture); }, v1::NOT_PERMITTED,
       "query.items[0]: wrong-provider", 1},
      {"no more in force", [&](auto& v) { query(v)->add_items("ended"); }, v1::NOT_PERMITTED,
       "query.items[1]: not-in-force", 1},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    ledger::Verified verified = MakeQuery();
    row.change(verified);
    const Refused refused = ExpectRefused(verified);
    EXPECT_EQ(refused.reason, row.reason);
    EXPECT_EQ(refused.detail, row.detail);
    EXPECT_EQ(refused.list_version, row.list_version);
  }
}

TEST_F(PermitDecisionTest, WithoutAListInForceNothingIsPermitted) {
  const Refused refused = ExpectRefused(MakeQuery(), kNow - 1500 * kSecond);
  EXPECT_EQ(refused.reason, v1::NOT_PERMITTED);
  EXPECT_EQ(refused.detail, "query.procedure: no-list-in-force");
  EXPECT_EQ(refused.list_version, 0u);
}

TEST_F(PermitDecisionTest, TheListInForceAtTheBrokersTimeDecides) {
  PublishList(kNow + 10 * kSecond);
  for (const auto& [now_ms, version] : std::vector<std::pair<int64_t, uint64_t>>{
           {kNow, 1}, {kNow + 10 * kSecond - 1, 1}, {kNow + 10 * kSecond, 2}}) {
    Decision decision = Decide(MakeQuery(), directory_, codes_, rules_, now_ms);
    ASSERT_TRUE(std::holds_alternative<Permitted>(decision));
    EXPECT_EQ(std::get<Permitted>(decision).permit.list_version(), version);
  }
}

TEST_F(PermitDecisionTest, ClockByTable) {
  const int64_t tolerance = rules_.clock_tolerance_ms;
  struct Row {
    const char* name;
    int64_t checkpoint_ms;
    int64_t query_ms;
    const char* detail;  // empty: not refused
  };
  const std::vector<Row> rows = {
      {"now", 0, 0, ""},
      {"just fast enough", tolerance, tolerance, ""},
      {"too fast", tolerance + 1, 0, "query.checkpoint: clock-skew"},
      {"just slow enough", -tolerance, -tolerance, ""},
      {"too slow", -tolerance - 1, -tolerance - 1, "query.checkpoint: clock-skew"},
      {"from the future", 0, tolerance + 1, "query.time_ms: clock-skew"},
      {"waited, then proven anew", 0, -rules_.permit_validity_ms, ""},
      {"waited too long", 0, -rules_.permit_validity_ms - 1, "query.time_ms: too-old"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    ledger::Verified query = MakeQuery();
    query.checkpoint_time_ms = kNow + row.checkpoint_ms;
    query.statement.set_time_ms(kNow + row.query_ms);
    auto refused = CheckClock(query, rules_, kNow);
    ASSERT_EQ(refused.has_value(), *row.detail != '\0');
    if (!refused) continue;
    EXPECT_EQ(refused->reason, v1::CLOCK_SKEW);
    EXPECT_EQ(refused->detail, row.detail);
  }
}

TEST(RefusedForProofTest, KeysAndProofsAreToldApart) {
  struct Row {
    absl::Status error;
    v1::RefusalReason reason;
    const char* detail;
  };
  const std::vector<Row> rows = {
      {InvalidField("path", "inclusion", ""), v1::PROOF_INVALID, "query.path: inclusion"},
      {FieldError(absl::StatusCode::kNotFound, "checkpoint", "unknown-member", ""),
       v1::KEY_NOT_VALID, "query.checkpoint: unknown-member"},
      {FieldError(absl::StatusCode::kPermissionDenied, "checkpoint", "key-not-valid", ""),
       v1::KEY_NOT_VALID, "query.checkpoint: key-not-valid"},
      {absl::InternalError("no detail"), v1::PROOF_INVALID, "query: proof"},
  };
  for (const Row& row : rows) {
    const Refused refused = RefusedForProof(row.error);
    EXPECT_EQ(refused.reason, row.reason);
    EXPECT_EQ(refused.detail, row.detail);
  }
}

TEST_F(PermitDecisionTest, ARefusalCopiesOnlyWhatKeepsItsRule) {
  v1::Statement statement = MakeQuery().statement;
  v1::Query* query = statement.mutable_query();
  query->set_provider("not a code");
  query->set_procedure("Name Of A Person");
  query->add_items("a b");
  query->add_items("reaction");
  query->set_department(std::string(257, 'd'));
  const Hash commitment = Sha256("query");
  const v1::Refusal refusal =
      MakeRefusal(statement, commitment, {v1::MALFORMED, "query.provider: length", 3});
  EXPECT_EQ(refusal.query_commitment(), AsView(commitment));
  EXPECT_EQ(refusal.requester(), kCity);
  EXPECT_EQ(refusal.provider(), "");
  EXPECT_EQ(refusal.procedure(), "");
  ASSERT_EQ(refusal.items_size(), 2);
  EXPECT_EQ(refusal.items(0), "record");
  EXPECT_EQ(refusal.items(1), "reaction");
  EXPECT_EQ(refusal.department(), "");
  EXPECT_EQ(refusal.reason(), v1::MALFORMED);
  EXPECT_EQ(refusal.detail(), "query.provider: length");
  EXPECT_EQ(refusal.list_version(), 3u);
  EXPECT_EQ(refusal.SerializeAsString().find(query->linkage_code()), std::string::npos);
}

}  // namespace
}  // namespace nakadachi::broker
