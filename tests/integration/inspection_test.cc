// Inspectors at a running network, over mutual TLS: what a certificate's scope gives and what it
// does not, what the ledgers say of it, and exports that go on where they left off.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/evidence_export.h"
#include "client/inspection_client.h"
#include "client/ledger_client.h"
#include "common/base/status.h"
#include "common/crypto/key_file.h"
#include "common/crypto/private_file.h"
#include "common/evidence/log_reader.h"
#include "common/evidence/log_writer.h"
#include "common/evidence/manifest.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/ledger_store.h"
#include "common/merkle/merkle.h"
#include "common/storage/database.h"
#include "server/broker/model/code_deriver.h"
#include "tests/integration/exported_log.h"
#include "tests/integration/town.h"
#include "tools/simulator/evidence.h"

namespace nakadachi::integration {
namespace {

namespace fs = std::filesystem;
using evidence::BodyState;
using simulator::Mode;

constexpr int64_t kHour = 3'600'000;

rpc::Peer Inspector(const std::string& institution = "") {
  rpc::Peer peer;
  peer.role = rpc::Role::kInspector;
  peer.staff_pseudonym = "i-3";
  peer.inspection.statements = true;
  if (!institution.empty()) peer.institutions.insert(City(institution));
  return peer;
}

// How often a log says that an inspection took place.
int CountOf(const std::string& inspection_id, const std::vector<Exported>& entries) {
  int count = 0;
  for (const Exported& entry : entries) {
    const v1::Operation& operation = entry.statement.operation();
    const bool named = absl::StrContains(operation.detail(), absl::BytesToHexString(inspection_id));
    count += operation.kind() == "inspection" && named ? 1 : 0;
  }
  return count;
}

class InspectionTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    shared_ = new Town(Mode::kInProcess);
    shared_->AddPlatform("aizu", {kAizu, kFukushima});
    shared_->AddPlatform("sendai", {kSendai});
    shared_->AddPlatform("koriyama", {kKoriyama});
    for (int i = 0; i < 3; ++i) {
      const size_t person = shared_->AddPerson(kAizu);
      shared_->Enroll(person, kAizu);
      shared_->Enroll(person, kSendai);
      shared_->Register(person, kSendai, 2);
    }
  }
  static void TearDownTestSuite() { delete shared_; }
  InspectionTest() : town_(*shared_) { Ask(); }

  // Aizu asks Sendai about everybody.
  void Ask() {
    for (size_t person = 0; person < town_.persons(); ++person) {
      EXPECT_TRUE(town_.Ask(town_.Question(person, kAizu, kSendai)).ok());
    }
  }
  client::ExportRequest Request(const rpc::Peer& inspector, const std::string& name) {
    client::ExportRequest request;
    request.folder = Root(name);
    request.broker = town_.network().BrokerAs(inspector).value();
    request.broker_keys = {
        ledger::ParseVerifierKey(town_.network().BrokerVerifierKey()).value().key};
    request.from_ms = inspector.inspection.from_ms;
    request.until_ms = inspector.inspection.until_ms;
    request.persons = inspector.inspection.persons;
    request.policy.keep_trying = absl::Milliseconds(100);
    return request;
  }
  std::string Root(const std::string& name) const {
    return absl::StrCat(town_.folder(), "/", name);
  }

  // Where a member's network listener is, for this inspector.
  std::unique_ptr<client::InspectionConnection> At(const std::string& institution,
                                                   const rpc::Peer& inspector) {
    return client::ConnectInspection(EndpointOf(institution, inspector));
  }
  client::Endpoint EndpointOf(const std::string& institution, const rpc::Peer& inspector) {
    client::Endpoint endpoint = town_.network().BrokerAs(inspector).value();
    if (institution == "broker") return endpoint;
    const auto members = town_.network().BrokerOperator().ListMembers();
    for (const v1::MemberInfo& member : members->members()) {
      if (member.code() != institution) continue;
      endpoint.address = member.route().address();
      endpoint.tls_name = member.route().tls_name();
    }
    return endpoint;
  }
  uint64_t SizeOf(const std::string& institution) {
    v1::GetCheckpointRequest request;
    request.set_institution(institution);
    const auto note =
        client::ConnectLedger(EndpointOf(institution, Inspector()))->GetCheckpoint(request);
    EXPECT_TRUE(note.ok()) << note.status();
    return ledger::ParseCheckpoint(note->checkpoint()).value().checkpoint.size;
  }
  static v1::OpenInspectionRequest Opening(const std::string& institution, char id = 'i') {
    v1::OpenInspectionRequest request;
    request.set_inspection_id(std::string(16, id));
    request.set_institution(institution);
    request.set_statements(true);
    return request;
  }

  // One network for all: each test counts from what it finds.
  static Town* shared_;
  Town& town_;
};
Town* InspectionTest::shared_ = nullptr;

TEST_F(InspectionTest, ExportsEverythingAndIsRecordedOnceInEachLedger) {
  const auto request = Request(simulator::InspectorOfEverything(), "whole");
  const auto logs = client::ExportEvidence(request);
  ASSERT_TRUE(logs.ok()) << logs.status();
  ASSERT_EQ(logs->size(), 5u);
  for (const client::ExportedLog& log : *logs) {
    EXPECT_TRUE(log.status.ok()) << log.author.ToString() << ": " << log.status;
    EXPECT_EQ(log.size, log.added);
    EXPECT_EQ(log.size, SizeOf(log.author.ToString()));
    const auto entries = ReadLog(request.folder, log.author.ToString());
    ASSERT_EQ(entries.size(), log.size);
    for (const Exported& entry : entries) EXPECT_EQ(entry.state, BodyState::kPresent);
    EXPECT_EQ(CountOf(log.inspection_id, entries), 1);
    const v1::Operation& last = entries.back().statement.operation();
    EXPECT_EQ(last.kind(), "inspection") << "it is in what it hands out";
    EXPECT_EQ(last.staff_pseudonym(), "inspector-1");
    EXPECT_TRUE(absl::StrContains(last.detail(), absl::BytesToHexString(log.inspection_id)));
  }
  const auto manifest = evidence::ReadManifest(request.folder);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->logs.size(), 5u);
  EXPECT_EQ(manifest->exported_by, "inspector-1");
  EXPECT_FALSE(fs::exists(request.folder + "/broker/inspection"));
  EXPECT_FALSE(fs::exists(request.folder + "/broker/checkpoints")) << "nobody cosigns here";
}

TEST_F(InspectionTest, NamesThePersonOfEachPermitWhereAllowed) {
  const auto request = Request(simulator::InspectorOfEverything(), "persons");
  ASSERT_TRUE(client::ExportEvidence(request).ok());
  // The broker's codes, derived anew.
  const broker::CodeDeriver deriver(
      LoadHexSecret(absl::StrCat(town_.folder(), "/network/broker/code-key")).value());
  std::set<std::string> codes;
  for (size_t i = 0; i < town_.persons(); ++i) {
    const auto code =
        deriver.RecordManagementCodeOf(deriver.Identify(town_.person(i).resident_code));
    codes.insert(std::string(code.begin(), code.end()));
  }
  std::set<std::string> rows;
  for (const Exported& entry : ReadLog(request.folder, "broker")) {
    EXPECT_EQ(entry.person.empty(), !entry.statement.has_permit());
    if (entry.person.empty()) continue;
    EXPECT_EQ(codes.count(entry.person), 1u);
    rows.insert(entry.person + storage::KeyU64(entry.index));
  }
  EXPECT_GE(rows.size(), town_.persons());
  std::string expected;
  for (const std::string& row : rows) expected += row;
  std::string file;
  ASSERT_TRUE(evidence::ReadFile(request.folder + "/broker/persons", 1 << 20, &file).ok());
  EXPECT_EQ(file, expected);
  EXPECT_EQ(fs::status(request.folder + "/broker/persons").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);

  // Without the right, neither file nor code.
  rpc::Peer other = simulator::InspectorOfEverything();
  other.inspection.persons = false;
  const auto bare = Request(other, "no-persons");
  ASSERT_TRUE(client::ExportEvidence(bare).ok());
  EXPECT_FALSE(fs::exists(bare.folder + "/broker/persons"));
  for (const Exported& entry : ReadLog(bare.folder, "broker")) EXPECT_EQ(entry.person, "");
}

TEST_F(InspectionTest, OutOfScopeIsRefusedAndLeavesNoTrace) {
  const int64_t now = town_.network().clock().NowMs();
  rpc::Peer period = Inspector(kAizu);
  period.inspection.from_ms = now - kHour;
  period.inspection.until_ms = now + kHour;
  rpc::Peer bare = Inspector(kAizu);
  bare.inspection.statements = false;
  rpc::Peer nobody = Inspector(kAizu);
  nobody.staff_pseudonym.clear();
  rpc::Peer broker = Inspector();
  broker.inspection.broker = true;
  rpc::Peer member = Inspector(kAizu);
  member.role = rpc::Role::kIntermediate;
  member.staff_pseudonym.clear();
  member.inspection = {};

  v1::OpenInspectionRequest in_period = Opening(kAizu);
  in_period.set_from_ms(now - kHour);
  in_period.set_until_ms(now + kHour);
  v1::OpenInspectionRequest too_early = in_period;
  too_early.set_from_ms(now - 2 * kHour);
  v1::OpenInspectionRequest persons = Opening("broker");
  persons.set_persons(true);
  v1::OpenInspectionRequest backwards = in_period;
  backwards.set_until_ms(now - 2 * kHour);
  v1::OpenInspectionRequest short_id = Opening(kAizu);
  short_id.set_inspection_id("short");
  v1::OpenInspectionRequest beyond = Opening(kAizu);
  beyond.set_first(1'000'000);

  struct Case {
    const char* name;
    rpc::Peer peer;
    std::string at;
    v1::OpenInspectionRequest request;
    absl::StatusCode code;
    const char* rule;
  };
  const auto denied = absl::StatusCode::kPermissionDenied;
  const std::vector<Case> cases = {
      {"another institution", Inspector(kAizu), kSendai, Opening(kSendai), denied,
       "scope-institution"},
      {"another institution of the platform", Inspector(kAizu), kAizu, Opening(kFukushima), denied,
       "scope-institution"},
      {"the broker's bodies", Inspector(kAizu), "broker", Opening("broker"), denied,
       "scope-institution"},
      {"an earlier period", period, kAizu, too_early, denied, "scope-period"},
      {"all times", period, kAizu, Opening(kAizu), denied, "scope-period"},
      {"bodies without right", bare, kAizu, Opening(kAizu), denied, "scope-statements"},
      {"persons without right", broker, "broker", persons, denied, "scope-persons"},
      {"nobody", nobody, kAizu, Opening(kAizu), denied, "pseudonym"},
      {"another role", member, kAizu, Opening(kAizu), denied, "role"},
      {"another role at the broker", member, "broker", Opening("broker"), denied, "role"},
      {"a ledger of elsewhere", Inspector(kSendai), kAizu, Opening(kSendai),
       absl::StatusCode::kNotFound, "unknown-municipality"},
      {"a member's ledger at the broker", Inspector(kAizu), "broker", Opening(kAizu),
       absl::StatusCode::kNotFound, "unknown-ledger"},
      {"backwards", period, kAizu, backwards, absl::StatusCode::kInvalidArgument, "period"},
      {"a short id", Inspector(kAizu), kAizu, short_id, absl::StatusCode::kInvalidArgument,
       "length"},
      {"behind the ledger", Inspector(kAizu), kAizu, beyond, absl::StatusCode::kOutOfRange,
       "range"},
  };
  std::map<std::string, uint64_t> before;
  for (const char* code : {kAizu, kFukushima, kSendai}) before[code] = SizeOf(code);
  for (const Case& c : cases) {
    const absl::Status status = At(c.at, c.peer)->Open(c.request).status();
    EXPECT_EQ(status.code(), c.code) << c.name << ": " << status;
    EXPECT_EQ(GetFieldRule(status).rule, c.rule) << c.name;
  }
  for (const auto& [code, size] : before) EXPECT_EQ(SizeOf(code), size) << code;

  // And what is in scope is not refused.
  EXPECT_TRUE(At(kAizu, period)->Open(in_period).ok());
  EXPECT_EQ(SizeOf(kAizu), before[kAizu] + 1);
}

TEST_F(InspectionTest, EntriesGoToAnInspectorThroughInspectionsOnly) {
  const client::Endpoint broker =
      town_.network().BrokerAs(simulator::InspectorOfEverything()).value();
  v1::GetEntriesRequest request;
  request.set_institution("broker");
  for (const bool with_statements : {false, true}) {
    request.set_with_statements(with_statements);
    for (const char* ledger : {"broker", kAizu}) {
      request.set_institution(ledger);
      const absl::Status status =
          client::ConnectLedger(EndpointOf(ledger, simulator::InspectorOfEverything()))
              ->GetEntries(request)
              .status();
      EXPECT_TRUE(absl::IsPermissionDenied(status)) << ledger << ": " << status;
    }
  }

  v1::ReadInspectionRequest page;
  page.set_inspection_id(std::string(16, 'n'));
  page.set_institution("broker");
  const absl::Status unopened = client::ConnectInspection(broker)->Read(page).status();
  EXPECT_TRUE(absl::IsNotFound(unopened)) << unopened;
  EXPECT_EQ(GetFieldRule(unopened).rule, "unknown-inspection");
}

TEST_F(InspectionTest, ACityAndItsPeriodBringTheWholeTreeAndTheirBodies) {
  const int64_t from_ms = town_.network().clock().NowMs() + kHour;
  ASSERT_TRUE(town_.network().Advance(absl::Hours(2)).ok());
  Ask();
  rpc::Peer inspector = Inspector(kAizu);
  inspector.inspection.from_ms = from_ms;
  inspector.inspection.until_ms = from_ms + 2 * kHour;
  const auto request = Request(inspector, "city");
  const auto logs = client::ExportEvidence(request);
  ASSERT_TRUE(logs.ok()) << logs.status();
  ASSERT_EQ(logs->size(), 2u) << "the broker's keys and lists, and the city";
  for (const client::ExportedLog& log : *logs) EXPECT_TRUE(log.status.ok()) << log.status;

  size_t present = 0, withheld = 0;
  for (const Exported& entry : ReadLog(request.folder, kAizu)) {
    ++(entry.state == BodyState::kPresent ? present : withheld);
    if (entry.state != BodyState::kPresent) {
      EXPECT_EQ(entry.state, BodyState::kWithheld);
      continue;
    }
    EXPECT_GE(entry.statement.time_ms(), from_ms);
  }
  EXPECT_GE(present, 2 * town_.persons());
  EXPECT_GE(withheld, 2 * town_.persons());
  for (const Exported& entry : ReadLog(request.folder, "broker")) {
    EXPECT_EQ(entry.state == BodyState::kPresent, entry.statement.has_directory());
  }

  // The folder is of this scope and stays so.
  rpc::Peer longer = inspector;
  longer.inspection.until_ms = 0;
  const absl::Status other = client::ExportEvidence(Request(longer, "city")).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(other)) << other;
  EXPECT_EQ(GetFieldRule(other).rule, "scope");
}

// Bodies that the first certificate did not reach would be missing in the middle of the log.
TEST_F(InspectionTest, ACertificateThatReachesFurtherNeedsAnotherFolder) {
  const rpc::Peer city = Inspector(kAizu);
  rpc::Peer with_broker = city;
  with_broker.inspection.broker = true;
  for (const bool wider : {true, false}) {
    const std::string name = wider ? "wider" : "narrower";
    const auto first = client::ExportEvidence(Request(wider ? city : with_broker, name));
    ASSERT_TRUE(first.ok()) << first.status();
    const absl::Status other =
        client::ExportEvidence(Request(wider ? with_broker : city, name)).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(other)) << other;
    EXPECT_EQ(GetFieldRule(other).rule, "scope");
    // Another institution's log is no part of that.
    rpc::Peer more = wider ? city : with_broker;
    more.institutions.insert(City(kFukushima));
    EXPECT_TRUE(client::ExportEvidence(Request(more, name)).ok());
  }
}

TEST_F(InspectionTest, ALaterRunFetchesWhatIsNew) {
  const auto request = Request(simulator::InspectorOfEverything(), "twice");
  const auto first = client::ExportEvidence(request);
  ASSERT_TRUE(first.ok()) << first.status();
  Ask();
  const auto second = client::ExportEvidence(request);
  ASSERT_TRUE(second.ok()) << second.status();
  for (size_t i = 0; i < second->size(); ++i) {
    const client::ExportedLog& log = (*second)[i];
    const std::string author = log.author.ToString();
    ASSERT_TRUE(log.status.ok()) << author << ": " << log.status;
    EXPECT_EQ(log.size, (*first)[i].size + log.added) << author;
    const auto entries = ReadLog(request.folder, author);
    ASSERT_EQ(entries.size(), log.size);
    EXPECT_EQ(CountOf((*first)[i].inspection_id, entries), 1);
    EXPECT_EQ(CountOf(log.inspection_id, entries), 1);
    EXPECT_TRUE(absl::StrContains(entries.back().statement.operation().detail(),
                                  absl::StrCat("entries from ", (*first)[i].size, ",")))
        << author;
  }
  // Three queries more at Aizu, each with its receipt, and the inspection.
  for (const client::ExportedLog& log : *second) {
    if (log.author.ToString() != kAizu) continue;
    EXPECT_EQ(log.added, 2 * town_.persons() + 1);
  }
  size_t permits = 0;
  for (const Exported& entry : ReadLog(request.folder, "broker")) {
    permits += entry.statement.has_permit() ? 1 : 0;
  }
  std::string persons;
  ASSERT_TRUE(evidence::ReadFile(request.folder + "/broker/persons", 1 << 20, &persons).ok());
  EXPECT_EQ(persons.size(), permits * 24);
}

// The server dies in the middle; the next run goes on under the same inspection.
TEST_F(InspectionTest, ARunThatBrokeOffGoesOnUnderItsInspection) {
  auto request = Request(simulator::InspectorOfEverything(), "broken");
  request.logs = {Author::Parse(kAizu).value()};
  // As a run leaves it that died between opening the inspection and its end.
  ASSERT_TRUE(evidence::LogWriter::Open({request.folder + "/" + kAizu, request.logs[0], nullptr})
                  .value()
                  ->AddKeys({})
                  .ok());
  fs::create_directories(request.folder + "/" + kAizu);
  v1::OpenInspectionRequest opening = Opening(kAizu, 'p');
  std::string bytes = opening.SerializeAsString();
  FILE* file = std::fopen((request.folder + "/" + kAizu + "/inspection").c_str(), "wb");
  ASSERT_NE(file, nullptr);
  ASSERT_EQ(std::fwrite(bytes.data(), 1, bytes.size(), file), bytes.size());
  ASSERT_EQ(std::fclose(file), 0);
  const auto opened = At(kAizu, simulator::InspectorOfEverything())->Open(opening);
  ASSERT_TRUE(opened.ok()) << opened.status();
  const uint64_t size = SizeOf(kAizu);
  Ask();
  ASSERT_TRUE(town_.network().Crash("aizu").ok());
  ASSERT_TRUE(town_.network().StartAgain("aizu").ok());

  const auto logs = client::ExportEvidence(request);
  ASSERT_TRUE(logs.ok()) << logs.status();
  ASSERT_TRUE((*logs)[0].status.ok()) << (*logs)[0].status;
  EXPECT_EQ((*logs)[0].inspection_id, opening.inspection_id());
  EXPECT_EQ((*logs)[0].size, size) << "the inspection's own end";
  EXPECT_EQ(CountOf(opening.inspection_id(), ReadLog(request.folder, kAizu)), 1);
  // What came after is of the next inspection.
  const auto next = client::ExportEvidence(request);
  ASSERT_TRUE(next.ok() && (*next)[0].status.ok());
  EXPECT_GE((*next)[0].added, 2 * town_.persons() + 1);
  EXPECT_NE((*next)[0].inspection_id, opening.inspection_id());
  EXPECT_EQ(CountOf(opening.inspection_id(), ReadLog(request.folder, kAizu)), 1);
}

TEST_F(InspectionTest, AServerThatIsAwayDoesNotHinderTheOthers) {
  ASSERT_TRUE(town_.network().Stop("sendai").ok());
  const auto request = Request(simulator::InspectorOfEverything(), "partly");
  const auto logs = client::ExportEvidence(request);
  ASSERT_TRUE(logs.ok()) << logs.status();
  for (const client::ExportedLog& log : *logs) {
    const bool away = log.author.ToString() == kSendai;
    EXPECT_EQ(absl::IsUnavailable(log.status), away) << log.status;
    EXPECT_EQ(log.status.ok(), !away) << log.author.ToString() << ": " << log.status;
  }
  ASSERT_TRUE(town_.network().StartAgain("sendai").ok());
  const auto again = client::ExportEvidence(request);
  ASSERT_TRUE(again.ok()) << again.status();
  for (const client::ExportedLog& log : *again) EXPECT_TRUE(log.status.ok()) << log.status;
}

// The folder holds a history that the city signed and the server does not continue.
TEST_F(InspectionTest, TwoHistoriesAreAFork) {
  auto request = Request(simulator::InspectorOfEverything(), "fork");
  const Author aizu = Author::Parse(kAizu).value();
  request.logs = {aizu};
  const auto keys =
      LoadMemberKeys(absl::StrCat(town_.folder(), "/network/aizu/", kAizu, "-1.keys"));
  ASSERT_TRUE(keys.ok()) << keys.status();
  std::string lie;
  {
    auto writer = evidence::LogWriter::Open({request.folder + "/" + kAizu, aizu, nullptr}).value();
    Hash commitment{};
    evidence::Body erased;
    erased.state = BodyState::kErased;
    ASSERT_TRUE(writer->Append(commitment, erased).ok());
    ledger::Checkpoint checkpoint;
    checkpoint.origin = ledger::Origin(aizu);
    checkpoint.size = 1;
    checkpoint.root = merkle::LeafHash(AsView(commitment));
    checkpoint.time_ms = 1;
    lie = ledger::SignCheckpoint(checkpoint, keys->signing);
    ASSERT_TRUE(writer->Commit(lie).ok());
  }
  const auto logs = client::ExportEvidence(request);
  ASSERT_TRUE(logs.ok()) << logs.status();
  EXPECT_TRUE(absl::IsDataLoss((*logs)[0].status)) << (*logs)[0].status;
  EXPECT_EQ(GetFieldRule((*logs)[0].status).rule, "fork");
  // Both signed notes are there for a judge.
  const auto reader = evidence::LogReader::Open(request.folder + "/" + kAizu);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(reader->checkpoint().note, lie);
  const auto kept = reader->KeptNames();
  ASSERT_TRUE(kept.ok());
  ASSERT_EQ(kept->size(), 1u);
  EXPECT_GT(reader->ReadKept((*kept)[0])->parsed.checkpoint.size, 1u);
}

// A database that was put back to an earlier state signs what it had signed otherwise before.
TEST_F(InspectionTest, ALedgerThatWasRolledBackIsAFork) {
  const fs::path data = fs::path(town_.network().DataFolder("koriyama")) / kKoriyama;
  const fs::path earlier = fs::path(town_.folder()) / "earlier";
  const auto restart = [&](const std::function<void()>& meanwhile) {
    ASSERT_TRUE(town_.network().Stop("koriyama").ok());
    meanwhile();
    ASSERT_TRUE(town_.network().StartAgain("koriyama").ok());
  };
  restart([&] { fs::copy(data, earlier, fs::copy_options::recursive); });
  restart([] {});
  auto request = Request(simulator::InspectorOfEverything(), "rolled-back");
  request.logs = {Author::Parse(kKoriyama).value()};
  const auto before = client::ExportEvidence(request);
  ASSERT_TRUE(before.ok() && (*before)[0].status.ok());

  restart([&] {
    fs::remove_all(data);
    fs::copy(earlier, data, fs::copy_options::recursive);
  });
  const auto logs = client::ExportEvidence(request);
  ASSERT_TRUE(logs.ok()) << logs.status();
  EXPECT_TRUE(absl::IsDataLoss((*logs)[0].status)) << (*logs)[0].status;
  EXPECT_EQ(GetFieldRule((*logs)[0].status).rule, "fork");
}

// A statement that is lost from its database, the last but one of all; it is put back, for the
// other tests.
TEST_F(InspectionTest, ALostStatementIsNamedAndTheRestIsExported) {
  Ask();
  const uint64_t lost = SizeOf(kAizu) - 2;
  ledger::StoredEntry entry;
  const auto alter = [&](const std::function<void(ledger::LedgerStore&, storage::Batch&)>& change) {
    ASSERT_TRUE(town_.network().Stop("aizu").ok());
    const auto keys = storage::OpenFileKeyProvider(
        absl::StrCat(town_.folder(), "/network/aizu/key-encryption-key"));
    ASSERT_TRUE(keys.ok()) << keys.status();
    storage::OpenOptions open;
    open.path = absl::StrCat(town_.network().DataFolder("aizu"), "/", kAizu);
    open.owner = kAizu;
    open.families = ledger::FamiliesOfLedger();
    open.environment = storage::Environment::Create(32 << 20);
    open.key_provider = keys->get();
    open.random = &SystemRandom();
    {
      const auto database = storage::Database::Open(open);
      ASSERT_TRUE(database.ok()) << database.status();
      const auto store = ledger::MakeRocksLedgerStore(database->get());
      ASSERT_TRUE(store->EnterPeriodOf(store->ReadHead().value()->time_ms).ok());
      storage::Batch batch = store->NewBatch();
      change(*store, batch);
      ASSERT_TRUE((*database)->Commit(std::move(batch)).ok());
    }
    ASSERT_TRUE(town_.network().StartAgain("aizu").ok());
  };
  alter([&](ledger::LedgerStore& store, storage::Batch& batch) {
    entry = store.ReadEntry(lost).value();
    entry.keep_always = true;
    store.Drop(lost, batch);
  });
  auto request = Request(simulator::InspectorOfEverything(), "lost");
  request.logs = {Author::Broker(), Author::Parse(kAizu).value()};
  const auto logs = client::ExportEvidence(request);
  ASSERT_TRUE(logs.ok()) << logs.status();
  const client::ExportedLog& log = (*logs)[1];
  EXPECT_TRUE(log.status.ok()) << log.status;
  EXPECT_EQ(log.unreadable, 1u);
  EXPECT_THAT(log.unreadable_entries, testing::ElementsAre(lost));
  EXPECT_EQ((*logs)[0].unreadable, 0u);
  const auto entries = ReadLog(request.folder, kAizu);
  ASSERT_EQ(entries.size(), log.size);
  for (const Exported& one : entries) {
    EXPECT_EQ(one.state, one.index == lost ? BodyState::kUnreadable : BodyState::kPresent);
  }
  EXPECT_EQ(entries[lost].commitment, AsView(entry.commitment));
  alter(
      [&](ledger::LedgerStore& store, storage::Batch& batch) { store.KeepOn(lost, entry, batch); });
}

TEST_F(InspectionTest, AnotherKeyThanTheFoundingOneIsNotBelieved) {
  auto request = Request(simulator::InspectorOfEverything(), "key");
  request.broker_keys = {Ed25519PrivateKey::Generate(SystemRandom()).public_key()};
  EXPECT_EQ(GetFieldRule(client::ExportEvidence(request).status()).rule, "key-not-valid");
  request.broker_keys.clear();
  EXPECT_EQ(GetFieldRule(client::ExportEvidence(request).status()).rule, "missing");
}

// Said before anything is written: the folder stays free for what is in scope.
TEST_F(InspectionTest, AnExportBeyondTheCertificateBeginsNothing) {
  auto request = Request(Inspector(kAizu), "beyond");
  request.logs = {Author::Parse(kSendai).value()};
  const absl::Status status = client::ExportEvidence(request).status();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_EQ(GetFieldRule(status).rule, "scope-institution");
  EXPECT_FALSE(fs::exists(request.folder));
}

TEST_F(InspectionTest, PersonsAreOfAllPermitsOrOfNone) {
  auto request = Request(simulator::InspectorOfEverything(), "some-persons");
  request.logs = {Author::Broker()};
  request.persons = false;
  ASSERT_TRUE(client::ExportEvidence(request).value()[0].status.ok());
  request.persons = true;
  EXPECT_EQ(GetFieldRule(client::ExportEvidence(request).value()[0].status).rule, "scope");
}

TEST_F(InspectionTest, AnUnknownLedgerIsToldOf) {
  auto request = Request(simulator::InspectorOfEverything(), "unknown");
  request.logs = {Author::Parse("131016").value()};
  const auto logs = client::ExportEvidence(request);
  ASSERT_TRUE(logs.ok()) << logs.status();
  EXPECT_EQ(GetFieldRule((*logs)[0].status).rule, "unknown-member");
}

// A network whose members cosign the broker's checkpoints.
class CosignedExportTest : public testing::Test {
 protected:
  CosignedExportTest()
      : town_(Mode::kInProcess, [](simulator::NetworkOptions& options) {
          options.witnesses = {kAizu, kSendai};
          options.witness_every = absl::Milliseconds(100);
        }) {
    town_.AddPlatform("aizu", {kAizu});
    town_.AddPlatform("sendai", {kSendai});
    person_ = town_.AddPerson(kAizu);
    for (const char* code : {kAizu, kSendai}) town_.Enroll(person_, code);
    town_.Register(person_, kSendai, 1);
    request_.folder = town_.folder() + "/evidence";
    request_.broker = town_.network().BrokerAs(simulator::InspectorOfEverything()).value();
    request_.broker_keys = {
        ledger::ParseVerifierKey(town_.network().BrokerVerifierKey()).value().key};
    request_.persons = true;
    request_.logs = {Author::Broker()};
  }

  // Waits until witnesses have cosigned a checkpoint of more entries than these.
  ::testing::AssertionResult AwaitCosigned(uint64_t size) {
    v1::GetCheckpointRequest request;
    request.set_institution("broker");
    const auto ledger = client::ConnectLedger(request_.broker);
    const bool came = Eventually([&] {
      const auto response = ledger->GetCheckpoint(request);
      if (!response.ok() || response->witnessing().cosigned().empty()) return false;
      return ledger::ParseCheckpoint(response->witnessing().cosigned())->checkpoint.size > size;
    });
    return came ? ::testing::AssertionSuccess() : ::testing::AssertionFailure();
  }
  void Export(uint64_t* size) {
    const auto logs = client::ExportEvidence(request_);
    ASSERT_TRUE(logs.ok()) << logs.status();
    ASSERT_TRUE((*logs)[0].status.ok()) << (*logs)[0].status;
    *size = (*logs)[0].size;
  }
  // Of the checkpoints that the export keeps beside its newest, those with cosignatures.
  std::vector<ledger::SignedCheckpoint> Cosigned() const {
    std::vector<ledger::SignedCheckpoint> cosigned;
    const auto reader = evidence::LogReader::Open(request_.folder + "/broker").value();
    const std::vector<std::string> names = reader.KeptNames().value();
    for (const std::string& name : names) {
      ledger::SignedCheckpoint kept = reader.ReadKept(name)->parsed;
      if (kept.signatures.size() > 1) cosigned.push_back(std::move(kept));
    }
    return cosigned;
  }
  Ed25519PublicKey KeyOf(const std::string& code) {
    const auto members = town_.network().BrokerOperator().ListMembers();
    for (const v1::MemberInfo& member : members->members()) {
      if (member.code() == code) return ledger::ParseVerifierKey(member.keys(0).vkey())->key;
    }
    return {};
  }

  Town town_;
  size_t person_ = 0;
  client::ExportRequest request_;
};

TEST_F(CosignedExportTest, TheNewestThatWitnessesCosignedIsKept) {
  ASSERT_TRUE(AwaitCosigned(0));
  uint64_t size = 0;
  Export(&size);
  const auto cosigned = Cosigned();
  ASSERT_EQ(cosigned.size(), 1u);
  EXPECT_LE(cosigned[0].checkpoint.size, size);
  EXPECT_TRUE(ledger::VerifyCheckpointSignature(cosigned[0], request_.broker_keys[0]));
  std::set<std::string> witnesses;
  for (const ledger::NoteSignature& signature : cosigned[0].signatures) {
    const auto witness = ledger::AuthorOfWitnessName(signature.name);
    if (!witness.ok()) continue;
    EXPECT_EQ(signature.name, absl::StrCat("nakadachi/", witness->ToString(), "/witness"));
    EXPECT_TRUE(ledger::VerifyCosignature(cosigned[0].body, signature, KeyOf(witness->ToString())))
        << signature.name;
    witnesses.insert(witness->ToString());
  }
  EXPECT_EQ(witnesses, (std::set<std::string>{kAizu, kSendai}));

  // A later run adds the newer one.
  ASSERT_TRUE(town_.Ask(town_.Question(person_, kAizu, kSendai)).ok());
  ASSERT_TRUE(AwaitCosigned(size));
  Export(&size);
  EXPECT_EQ(Cosigned().size(), 2u);
}

// An inspection that is gone on with ends where it was opened.
TEST_F(CosignedExportTest, WhatIsBeyondTheExportIsLeftToTheNextRun) {
  v1::OpenInspectionRequest opening;
  opening.set_inspection_id(std::string(16, 'p'));
  opening.set_institution("broker");
  opening.set_statements(true);
  opening.set_persons(true);
  fs::create_directories(request_.folder + "/broker");
  ASSERT_TRUE(WritePublicFile(request_.folder + "/broker/inspection", opening.SerializeAsString(),
                              Overwrite::kNever)
                  .ok());
  const auto opened = client::ConnectInspection(request_.broker)->Open(opening);
  ASSERT_TRUE(opened.ok()) << opened.status();
  const uint64_t end = ledger::ParseCheckpoint(opened->inspection().checkpoint())->checkpoint.size;
  ASSERT_TRUE(town_.Ask(town_.Question(person_, kAizu, kSendai)).ok());
  ASSERT_TRUE(AwaitCosigned(end));

  uint64_t size = 0;
  Export(&size);
  EXPECT_EQ(size, end);
  EXPECT_TRUE(Cosigned().empty());
  Export(&size);
  ASSERT_EQ(Cosigned().size(), 1u);
  EXPECT_GT(Cosigned()[0].checkpoint.size, end);
}

}  // namespace
}  // namespace nakadachi::integration
