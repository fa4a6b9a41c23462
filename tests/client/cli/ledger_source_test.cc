// The verification of a ledger that is read over the network, and every way it can be wrong.
#include "client/cli/ledger_source.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/base/status.h"
#include "common/ledger/commitment.h"
#include "common/merkle/merkle.h"
#include "nakadachi/v1/statement.pb.h"

namespace nakadachi::cli {
namespace {

// A server that answers pages of at most three entries.
class FakeServer final : public client::LedgerConnection {
 public:
  absl::StatusOr<v1::GetCheckpointResponse> GetCheckpoint(
      const v1::GetCheckpointRequest&) override {
    v1::GetCheckpointResponse response;
    response.set_checkpoint(note);
    return response;
  }
  absl::StatusOr<v1::GetConsistencyProofResponse> GetConsistencyProof(
      const v1::GetConsistencyProofRequest&) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<v1::GetEntriesResponse> GetEntries(const v1::GetEntriesRequest& request) override {
    v1::GetEntriesResponse response;
    response.set_size(entries.size());
    for (uint64_t i = request.start(); i < entries.size() && response.entries_size() < 3; ++i) {
      if (response.entries_size() == static_cast<int>(request.limit())) break;
      v1::LedgerEntry& entry = *response.add_entries() = entries[i];
      if (request.with_statements()) continue;
      entry.clear_salt();
      entry.clear_statement();
    }
    return response;
  }
  std::string note;
  std::vector<v1::LedgerEntry> entries;
};

class VerifyLedgerTest : public testing::Test {
 protected:
  VerifyLedgerTest() {
    trusted_.author = Author::Parse("072028").value();
    trusted_.keys = {key_.public_key()};
    for (int i = 0; i < 300; ++i) Append("072028");
    Sign(300);
  }

  void Append(const std::string& author) {
    v1::Statement statement;
    statement.set_author(author);
    statement.mutable_operation()->set_detail(absl::StrCat(server_.entries.size()));
    v1::LedgerEntry& entry = server_.entries.emplace_back();
    entry.set_index(server_.entries.size() - 1);
    entry.set_salt(std::string(32, static_cast<char>(entry.index())));
    entry.set_statement(statement.SerializeAsString());
    entry.set_commitment(std::string(AsView(ledger::Commit(entry.salt(), entry.statement()))));
  }
  ledger::Checkpoint CheckpointAt(uint64_t size) const {
    std::vector<Hash> leaves;
    for (uint64_t i = 0; i < size; ++i) {
      leaves.push_back(merkle::LeafHash(server_.entries[i].commitment()));
    }
    return {ledger::Origin(trusted_.author), size, merkle::RootOfLeaves(leaves), 1711929600000};
  }
  void Sign(uint64_t size) { server_.note = ledger::SignCheckpoint(CheckpointAt(size), key_); }

  absl::StatusOr<LedgerVerification> Verify(
      bool with_statements = true,
      const std::optional<ledger::Checkpoint>& earlier = std::nullopt) {
    const auto source = RemoteLedger(&server_, "072028");
    return VerifyLedger(*source, trusted_, earlier, with_statements, nullptr);
  }
  std::string Rule(const absl::StatusOr<LedgerVerification>& result) {
    EXPECT_TRUE(result.ok() || absl::IsDataLoss(result.status())) << result.status();
    return GetFieldRule(result.status()).rule;
  }

  Ed25519PrivateKey key_ = Ed25519PrivateKey::Generate(SystemRandom());
  TrustedKeys trusted_;
  FakeServer server_;
};

TEST_F(VerifyLedgerTest, WhatIsSignedAndThereIsVerified) {
  for (const bool with_statements : {false, true}) {
    const auto result = Verify(with_statements);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->checkpoint.size, 300u);
    EXPECT_EQ(result->note, server_.note);
  }
}

TEST_F(VerifyLedgerTest, AnEmptyLedgerIsVerified) {
  server_.entries.clear();
  server_.note =
      ledger::SignCheckpoint({ledger::Origin(trusted_.author), 0, merkle::EmptyRoot(), 1}, key_);
  EXPECT_TRUE(Verify().ok());
}

TEST_F(VerifyLedgerTest, EntriesBehindTheCheckpointDoNotMatter) {
  Append("072028");
  EXPECT_TRUE(Verify().ok());
}

TEST_F(VerifyLedgerTest, AKeyThatReplacedAnotherMayHaveSigned) {
  trusted_.keys.insert(trusted_.keys.begin(),
                       Ed25519PrivateKey::Generate(SystemRandom()).public_key());
  EXPECT_TRUE(Verify().ok());
}

TEST_F(VerifyLedgerTest, AnyCommitmentAlteredIsFound) {
  for (const size_t index : {0, 1, 254, 255, 256, 257, 299}) {
    server_.entries[index].mutable_commitment()->at(7) ^= 0x10;
    EXPECT_EQ(Rule(Verify(false)), "root") << index;
    EXPECT_EQ(Rule(Verify(true)), "commitment") << index;
    server_.entries[index].mutable_commitment()->at(7) ^= 0x10;
  }
}

TEST_F(VerifyLedgerTest, AnyStatementOrSaltAlteredIsFound) {
  for (const size_t index : {0, 150, 299}) {
    server_.entries[index].mutable_statement()->back() ^= 1;
    EXPECT_EQ(Rule(Verify()), "commitment") << index;
    server_.entries[index].mutable_statement()->back() ^= 1;
    server_.entries[index].mutable_salt()->pop_back();
    EXPECT_EQ(Rule(Verify()), "commitment") << index;
    server_.entries[index].mutable_salt()->push_back(static_cast<char>(index));
    EXPECT_TRUE(Verify().ok());
  }
}

TEST_F(VerifyLedgerTest, LostStatementsAreCountedWhereTheTreeHolds) {
  for (const size_t index : {17, 256}) {
    server_.entries[index].clear_salt();
    server_.entries[index].clear_statement();
    server_.entries[index].set_unreadable(true);
  }
  for (const bool with_statements : {false, true}) {
    const auto result = Verify(with_statements);
    EXPECT_EQ(Rule(result), "unreadable");
    EXPECT_EQ(GetFieldRule(result.status()).field, "ledger.statement");
    EXPECT_THAT(std::string(result.status().message()), testing::HasSubstr("2 damaged or lost"));
    EXPECT_THAT(std::string(result.status().message()), testing::HasSubstr("entry 17"));
  }
  server_.entries[17].mutable_commitment()->at(7) ^= 0x10;
  EXPECT_EQ(Rule(Verify()), "root");
}

TEST_F(VerifyLedgerTest, AStatementOfAnotherAuthorIsFound) {
  Append("072010");
  Sign(301);
  EXPECT_TRUE(Verify(false).ok());
  EXPECT_EQ(Rule(Verify(true)), "author");
}

TEST_F(VerifyLedgerTest, AnErasedBodyIsNoFault) {
  v1::LedgerEntry& entry = server_.entries[10];
  entry.set_erased(true);
  entry.clear_salt();
  entry.clear_statement();
  const auto result = Verify();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->erased, 1u);
}

TEST_F(VerifyLedgerTest, EntriesLeftOutSwappedOrTooShortAreFound) {
  const auto whole = server_.entries;
  server_.entries.pop_back();
  EXPECT_EQ(Rule(Verify()), "missing");
  server_.entries = whole;
  server_.entries.erase(server_.entries.begin() + 5);
  EXPECT_EQ(Rule(Verify()), "missing");
  server_.entries = whole;
  server_.entries[4].mutable_commitment()->swap(*server_.entries[5].mutable_commitment());
  EXPECT_EQ(Rule(Verify(false)), "root");
  server_.entries = whole;
  server_.entries[4].mutable_commitment()->pop_back();
  EXPECT_EQ(Rule(Verify(false)), "commitment");
}

TEST_F(VerifyLedgerTest, ACheckpointOfSomebodyElseIsRefused) {
  const Ed25519PrivateKey other = Ed25519PrivateKey::Generate(SystemRandom());
  server_.note = ledger::SignCheckpoint(CheckpointAt(300), other);
  EXPECT_EQ(Rule(Verify()), "signature");
  ledger::Checkpoint foreign = CheckpointAt(300);
  foreign.origin = "nakadachi/072010/statements";
  server_.note = ledger::SignCheckpoint(foreign, key_);
  EXPECT_EQ(Rule(Verify()), "origin");
  server_.note = "nothing";
  EXPECT_EQ(GetFieldRule(Verify().status()).rule, "checkpoint-format");
}

TEST_F(VerifyLedgerTest, AnEarlierCheckpointMustLieInTheSameHistory) {
  for (const uint64_t size : {0, 1, 255, 256, 257, 299, 300}) {
    EXPECT_TRUE(Verify(true, CheckpointAt(size)).ok()) << size;
    ledger::Checkpoint other = CheckpointAt(size);
    other.root[0] ^= 1;
    EXPECT_EQ(Rule(Verify(true, other)), "consistency") << size;
  }
  Append("072028");
  EXPECT_EQ(Rule(Verify(true, CheckpointAt(301))), "shorter");
}

TEST(TrustedKeysTest, AreOfOneLedger) {
  const auto key = Ed25519PrivateKey::Generate(SystemRandom()).public_key();
  const std::string aizu = ledger::VerifierKey("nakadachi/072028/statements", key);
  const std::string sendai = ledger::VerifierKey("nakadachi/041009/statements", key);
  EXPECT_EQ(ParseTrustedKeys({aizu})->author.ToString(), "072028");
  EXPECT_EQ(ParseTrustedKeys({aizu, aizu})->keys.size(), 2u);
  for (const char* end : {"\n", "\r\n", "\r", " \t"}) {
    EXPECT_EQ(ParseTrustedKeys({end + aizu + end})->keys, std::vector<Ed25519PublicKey>{key});
  }
  EXPECT_FALSE(ParseTrustedKeys({aizu + "\n" + aizu}).ok());
  EXPECT_EQ(GetFieldRule(ParseTrustedKeys({aizu, sendai}).status()).rule, "author");
  EXPECT_EQ(GetFieldRule(ParseTrustedKeys({}).status()).rule, "missing");
  EXPECT_FALSE(ParseTrustedKeys({"x"}).ok());
  EXPECT_FALSE(ParseTrustedKeys({ledger::VerifierKey("other/log", key)}).ok());
}

}  // namespace
}  // namespace nakadachi::cli
