#include "tests/tools/replay/network.h"

#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/check.h"
#include "common/evidence/log_writer.h"
#include "common/evidence/manifest.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/commitment.h"
#include "common/ledger/tree_edge.h"
#include "common/merkle/merkle.h"
#include "common/permission/permission_list.h"
#include "tests/common/evidence/hasty_disk.h"

namespace nakadachi::replay {
namespace {

constexpr int64_t kStart = 1'711'929'600'000;  // 2024-04-01T00:00:00Z
constexpr int64_t kStepMs = 100;
constexpr int64_t kValidityMs = 86'400'000;
constexpr char kBrokerName[] = "broker";

class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : engine_(seed) {}
  void Fill(uint8_t* out, size_t size) override {
    for (size_t i = 0; i < size; ++i) out[i] = static_cast<uint8_t>(engine_());
  }

 private:
  std::mt19937_64 engine_;
};

template <typename Key>
std::string Raw(const Key& key) {
  return std::string(reinterpret_cast<const char*>(key.data()), key.size());
}

void Require(const absl::Status& status) { NAKADACHI_CHECK(status.ok()); }

Author AuthorOf(const std::string& name) {
  auto author = Author::Parse(name);
  NAKADACHI_CHECK(author.ok());
  return *std::move(author);
}

bool IsOmitted(const Plan& plan, const std::string& step) { return plan.omit.count(step) != 0; }

void Call(const Plan::Hook& hook, v1::Statement& statement) {
  if (hook) hook(statement);
}

}  // namespace

std::string JapanList() {
  const char* root = std::getenv("NAKADACHI_SOURCE_DIR");
  NAKADACHI_CHECK(root != nullptr);
  std::ostringstream text;
  text << std::ifstream(std::string(root) + "/common/permission/lists/japan.csv").rdbuf();
  return text.str();
}

std::string AmendedList() {
  std::string amended;
  for (const absl::string_view line : absl::StrSplit(JapanList(), '\n', absl::SkipEmpty())) {
    if (!absl::StartsWith(line, "special-measures")) absl::StrAppend(&amended, line, "\n");
  }
  return amended;
}

TestNetwork::TestNetwork(uint64_t seed)
    : random_(std::make_unique<SeededRandom>(seed)), now_ms_(kStart) {
  Found();
  PublishList(JapanList());
  Join(kAizuwakamatsu, "会津若松市", "municipality");
  Join(kSendai, "仙台市", "municipality");
  Join(kFukushimaPrefecture, "福島県", "prefecture");
  Join(kChiyoda, "千代田区", "municipality");
  now_ms_ += 3'600'000;
}

std::string TestNetwork::Bytes(size_t size) { return random_->String(size); }

TestNetwork::Log& TestNetwork::AddLog(const std::string& name) {
  Log log{Ed25519PrivateKey::Generate(*random_), X25519PrivateKey::Generate(*random_), {}};
  return logs_.emplace(name, std::move(log)).first->second;
}

v1::Statement TestNetwork::NewStatement(const std::string& log) const {
  v1::Statement statement;
  statement.set_author(log);
  statement.set_time_ms(now_ms_);
  return statement;
}

Hash TestNetwork::Record(const std::string& log, v1::Statement statement) {
  Entry entry;
  entry.statement = statement.SerializeAsString();
  entry.salt = Bytes(32);
  entry.commitment = ledger::Commit(entry.salt, entry.statement);
  const auto found = logs_.find(log);
  NAKADACHI_CHECK(found != logs_.end());
  found->second.entries.push_back(entry);
  now_ms_ += kStepMs;
  return entry.commitment;
}

void TestNetwork::SetLastBody(const std::string& log, evidence::BodyState state) {
  logs_.at(log).entries.back().state = state;
}

uint64_t TestNetwork::SizeOf(const std::string& log) const { return logs_.at(log).entries.size(); }

void TestNetwork::UseForeignKey(const std::string& log) { foreign_key_.insert(log); }

void TestNetwork::Publish(v1::Directory change, const Plan::Hook& hook) {
  v1::Statement statement = NewStatement(kBrokerName);
  change.set_sequence(++sequence_);
  *statement.mutable_directory() = std::move(change);
  Call(hook, statement);
  Record(kBrokerName, std::move(statement));
}

void TestNetwork::Found() {
  const Log& log = AddLog(kBrokerName);
  v1::Directory change;
  change.mutable_network_founded()->set_network_name("test network");
  v1::PublicKeys* keys = change.mutable_network_founded()->mutable_broker_keys();
  keys->set_signing_key(Raw(log.key.public_key()));
  keys->set_sealing_key(Raw(log.sealing_key.public_key()));
  keys->set_valid_from_ms(now_ms_);
  Publish(std::move(change));
}

void TestNetwork::Join(const std::string& code, const std::string& name,
                       const std::string& category) {
  const Log& log = AddLog(code);
  categories_[code] = category;
  v1::Directory change;
  v1::MemberJoined* joined = change.mutable_member_joined();
  joined->set_code(code);
  joined->set_name(name);
  joined->set_category(category);
  joined->mutable_keys()->set_signing_key(Raw(log.key.public_key()));
  joined->mutable_keys()->set_sealing_key(Raw(log.sealing_key.public_key()));
  joined->mutable_keys()->set_valid_from_ms(now_ms_);
  joined->mutable_route()->set_address("127.0.0.1:1");
  Publish(std::move(change));
}

void TestNetwork::PublishList(const std::string& csv, const Plan::Hook& hook) {
  lists_.push_back(csv);
  v1::Directory change;
  v1::ListPublished* list = change.mutable_list_published();
  list->set_version(lists_.size());
  list->set_in_force_from_ms(now_ms_);
  list->set_csv(csv);
  Publish(std::move(change), hook);
}

void TestNetwork::RevokeKey(const std::string& code, const Plan::Hook& hook) {
  v1::Directory change;
  v1::KeyRevoked* revoked = change.mutable_key_revoked();
  revoked->set_code(code);
  revoked->set_signing_key(Raw(logs_.at(code).key.public_key()));
  revoked->set_revoked_from_ms(now_ms_);
  Publish(std::move(change), hook);
}

void TestNetwork::FillQuery(const Plan& plan, v1::Query* query) {
  query->set_provider(plan.provider);
  query->set_procedure(plan.procedure);
  for (const std::string& item : plan.items) query->add_items(item);
  query->set_linkage_code(Bytes(16));
  query->set_department(plan.department);
  query->set_staff_pseudonym(plan.staff);
  query->set_nonce(Bytes(16));
}

void TestNetwork::FillPermit(const Plan& plan, const Told& told, int64_t time_ms,
                             v1::Permit* permit) {
  const uint64_t version = plan.list_version == 0 ? lists_.size() : plan.list_version;
  const auto list = permission::PermissionList::Parse(lists_[version - 1]);
  NAKADACHI_CHECK(list.ok());
  const permission::Decision decision =
      permission::Decide(*list, {categories_[plan.requester], categories_[plan.provider],
                                 plan.procedure, plan.items, permission::JapanDay(time_ms)});
  permit->set_permit_number(Bytes(16));
  permit->set_query_commitment(std::string(AsView(told.query)));
  permit->set_requester(plan.requester);
  permit->set_provider(plan.provider);
  permit->set_procedure(plan.procedure);
  for (const std::string& item : plan.items) permit->add_items(item);
  permit->set_department(plan.department);
  permit->set_list_version(version);
  for (const std::string& basis : decision.legal_basis) permit->add_legal_basis(basis);
  permit->mutable_sealed_code()->set_ciphertext(Bytes(32));
  permit->set_valid_from_ms(time_ms);
  permit->set_valid_until_ms(time_ms + kValidityMs);
  permit->set_directory_size(sequence_);
}

void TestNetwork::FillRefusal(const Plan& plan, const Told& told, v1::Refusal* refusal) {
  refusal->set_query_commitment(std::string(AsView(told.query)));
  refusal->set_requester(plan.requester);
  refusal->set_provider(plan.provider);
  refusal->set_procedure(plan.procedure);
  for (const std::string& item : plan.items) refusal->add_items(item);
  refusal->set_department(plan.department);
  refusal->set_reason(plan.refused);
  const bool by_list = plan.refused == v1::NOT_PERMITTED || plan.refused == v1::UNKNOWN_PROCEDURE ||
                       plan.refused == v1::UNKNOWN_ITEM;
  refusal->set_list_version(by_list ? lists_.size() : 0);
}

void TestNetwork::FillProvision(const Plan& plan, const Told& told, v1::Provision* provision) {
  provision->set_permit_commitment(std::string(AsView(told.decision)));
  provision->set_permit_number(told.decision_statement.permit().permit_number());
  provision->set_requester(plan.requester);
  provision->set_provider(plan.provider);
  provision->set_procedure(plan.procedure);
  for (const std::string& item : plan.items) provision->add_items(item);
}

Told TestNetwork::Ask(const Plan& plan) {
  Told told;
  told.query_statement = NewStatement(plan.requester);
  FillQuery(plan, told.query_statement.mutable_query());
  Call(plan.query, told.query_statement);
  // Recorded or not, the others may know it.
  const std::string salt = Bytes(32);
  told.query = ledger::Commit(salt, told.query_statement.SerializeAsString());
  if (!IsOmitted(plan, "query")) told.query = Record(plan.requester, told.query_statement);

  if (IsOmitted(plan, "decision")) return told;
  told.decision_statement = NewStatement(kBrokerName);
  const bool refused = plan.refused != v1::REFUSAL_REASON_UNSPECIFIED;
  if (refused) {
    FillRefusal(plan, told, told.decision_statement.mutable_refusal());
  } else {
    FillPermit(plan, told, now_ms_, told.decision_statement.mutable_permit());
  }
  Call(plan.decision, told.decision_statement);
  told.decision = Record(kBrokerName, told.decision_statement);
  if (refused) return told;
  now_ms_ += plan.pause_ms;

  if (plan.review && !IsOmitted(plan, "interim")) {
    v1::Statement interim = NewStatement(plan.provider);
    FillProvision(plan, told, interim.mutable_provision());
    interim.mutable_provision()->set_outcome(v1::AWAITING_REVIEW);
    Call(plan.interim, interim);
    Record(plan.provider, interim);
  }
  if (IsOmitted(plan, "provision")) return told;
  told.provision_statement = NewStatement(plan.provider);
  v1::Provision* provision = told.provision_statement.mutable_provision();
  FillProvision(plan, told, provision);
  provision->set_outcome(plan.outcome);
  provision->set_after_review(plan.review);
  if (plan.outcome == v1::PROVIDED) {
    provision->set_payload_digest(Bytes(32));
    for (const std::string& item : plan.items) {
      v1::Provision::Version* version = provision->add_versions();
      version->set_item(item);
      version->set_records(3);
    }
  }
  Call(plan.provision, told.provision_statement);
  told.provision = Record(plan.provider, told.provision_statement);

  if (IsOmitted(plan, "receipt")) return told;
  told.receipt_statement = NewStatement(plan.requester);
  v1::Receipt* receipt = told.receipt_statement.mutable_receipt();
  receipt->set_provision_commitment(std::string(AsView(told.provision)));
  receipt->set_permit_commitment(std::string(AsView(told.decision)));
  receipt->set_permit_number(told.decision_statement.permit().permit_number());
  receipt->set_requester(plan.requester);
  receipt->set_provider(plan.provider);
  receipt->set_verified(true);
  Call(plan.receipt, told.receipt_statement);
  Record(plan.requester, told.receipt_statement);
  return told;
}

std::string TestNetwork::VerifierKey() const {
  return ledger::VerifierKey(ledger::Origin(Author::Broker()),
                             logs_.at(kBrokerName).key.public_key());
}

void TestNetwork::Export(const std::string& root) {
  evidence::Manifest manifest;
  manifest.network = "test network";
  manifest.exported_ms = now_ms_;
  for (auto& [name, log] : logs_) {
    v1::Statement inspection = NewStatement(name);
    inspection.mutable_operation()->set_kind("inspection");
    Record(name, std::move(inspection));
  }
  for (const auto& [name, log] : logs_) {
    if (left_out_.count(name) != 0) continue;
    manifest.logs.push_back(AuthorOf(name));
    WriteLog(root, name);
  }
  Require(evidence::WriteManifest(root, manifest));
}

void TestNetwork::WriteLog(const std::string& root, const std::string& name) {
  const Log& log = logs_.at(name);
  const Author author = AuthorOf(name);
  evidence::HastyDisk disk;
  evidence::LogWriter::Options options;
  options.disk = &disk;
  options.folder = evidence::LogFolder(root, author);
  options.author = author;
  auto writer = evidence::LogWriter::Open(options);
  Require(writer.status());
  ledger::TreeEdge tree;
  for (const Entry& entry : log.entries) {
    evidence::Body body;
    body.state = entry.state;
    if (entry.state == evidence::BodyState::kPresent) {
      body.salt = entry.salt;
      body.statement = entry.statement;
    }
    Require((*writer)->Append(entry.commitment, body));
    tree.Append(merkle::LeafHash(AsView(entry.commitment)));
  }
  tree.Seal();
  const auto time = checkpoint_ms_.find(name);
  const int64_t time_ms = time == checkpoint_ms_.end() ? now_ms_ : time->second;
  const ledger::Checkpoint checkpoint{ledger::Origin(author), tree.size(), tree.root(), time_ms};
  const Ed25519PrivateKey foreign = Ed25519PrivateKey::Generate(*random_);
  const Ed25519PrivateKey& key = foreign_key_.count(name) != 0 ? foreign : log.key;
  Require((*writer)->Commit(ledger::SignCheckpoint(checkpoint, key)));
  Require((*writer)->AddKeys({ledger::VerifierKey(ledger::Origin(author), log.key.public_key())}));
  if (second_history_.count(name) == 0) return;
  ledger::Checkpoint other = checkpoint;
  other.root[0] ^= 1;
  Require((*writer)->Keep(ledger::SignCheckpoint(other, log.key)));
}

}  // namespace nakadachi::replay
