// What the ledger's tests share: an author with keys, a clock, statements and a reference tree.
#ifndef NAKADACHI_TESTS_COMMON_LEDGER_LEDGER_FIXTURE_H_
#define NAKADACHI_TESTS_COMMON_LEDGER_LEDGER_FIXTURE_H_

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/ledger/commitment.h"
#include "common/ledger/ledger.h"
#include "common/ledger/memory_ledger_store.h"
#include "common/ledger/verifier.h"
#include "common/merkle/merkle.h"

namespace nakadachi::ledger {

class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : engine_(seed) {}
  void Fill(uint8_t* out, size_t size) override {
    for (size_t i = 0; i < size; ++i) out[i] = static_cast<uint8_t>(engine_());
  }

 private:
  std::mt19937_64 engine_;
};

inline Author Aizu() { return Author::Parse("072028").value(); }
inline Author Sendai() { return Author::Parse("041009").value(); }

inline v1::Statement MakeStatement(const Author& author, const std::string& detail) {
  v1::Statement statement;
  statement.set_author(author.ToString());
  statement.set_time_ms(1711929600000);
  statement.mutable_operation()->set_kind("staff");
  statement.mutable_operation()->set_detail(detail);
  return statement;
}

inline std::string Rule(const absl::Status& status) { return GetFieldRule(status).rule; }

// Keys as a directory would tell them.
class KeyTable final : public KeySource {
 public:
  void Add(const Author& author, const Ed25519PublicKey& key, int64_t from_ms = 0,
           int64_t until_ms = 0) {
    keys_[author].push_back({key, from_ms, until_ms, 0});
  }
  void Revoke(const Author& author, const Ed25519PublicKey& key, int64_t from_ms) {
    for (Key& known : keys_[author]) {
      if (known.key == key) known.revoked_from_ms = from_ms;
    }
  }
  std::vector<Ed25519PublicKey> KeysAt(const Author& author, int64_t time_ms) const override {
    std::vector<Ed25519PublicKey> valid;
    const auto found = keys_.find(author);
    if (found == keys_.end()) return valid;
    for (const Key& key : found->second) {
      if (time_ms < key.from_ms || (key.until_ms != 0 && time_ms >= key.until_ms)) continue;
      if (key.revoked_from_ms == 0 || time_ms < key.revoked_from_ms) valid.push_back(key.key);
    }
    return valid;
  }
  bool Knows(const Author& author) const override { return keys_.count(author) != 0; }
  bool RevokedAt(const Author& author, const Ed25519PublicKey& key,
                 int64_t time_ms) const override {
    const auto found = keys_.find(author);
    if (found == keys_.end()) return false;
    for (const Key& known : found->second) {
      if (known.key == key) return known.revoked_from_ms != 0 && time_ms >= known.revoked_from_ms;
    }
    return false;
  }

 private:
  struct Key {
    Ed25519PublicKey key;
    int64_t from_ms, until_ms, revoked_from_ms;
  };
  std::map<Author, std::vector<Key>> keys_;
};

// A ledger of Aizu over a memory store. Whatever a test did, the store verifies in the end, unless
// the test says that it altered it.
class LedgerFixture : public ::testing::Test {
 protected:
  LedgerFixture() { table_.Add(Aizu(), key_.public_key()); }
  ~LedgerFixture() override {
    ledger_.reset();
    if (altered_) return;
    EXPECT_TRUE(Verify().ok()) << Verify().status();
  }

  Options MakeOptions() {
    Options options;
    options.author = Aizu();
    options.key = &key_;
    options.store = &store_;
    options.clock = &clock_;
    return options;
  }
  absl::Status Open() { return Open(MakeOptions()); }
  absl::Status Open(const Options& options) {
    ledger_.reset();
    absl::StatusOr<std::unique_ptr<Ledger>> opened = Ledger::Open(options);
    if (!opened.ok()) return opened.status();
    ledger_ = *std::move(opened);
    return absl::OkStatus();
  }
  Prepared Make(const std::string& detail) {
    return Prepare(MakeStatement(Aizu(), detail), random_);
  }
  absl::StatusOr<v1::Recorded> Append(const std::string& detail) {
    return ledger_->AppendAndWait(Make(detail));
  }
  void AppendMany(int count) {
    for (int i = 0; i < count; ++i) ASSERT_TRUE(Append(absl::StrCat("entry ", i)).ok());
  }
  absl::StatusOr<VerifyResult> Verify() {
    return VerifyStore(store_, Aizu(), {key_.public_key()}, nullptr);
  }
  // Checks a Recorded as a stranger would, without a cache.
  absl::StatusOr<Verified> Check(const v1::Recorded& recorded) {
    return Verifier::Create(&table_, 0)->Verify(recorded, clock_.NowMs());
  }
  std::vector<Hash> StoredLeaves() {
    std::vector<Hash> leaves;
    EXPECT_TRUE(store_
                    .ReadEntries(0, store_.size(),
                                 [&](uint64_t, const StoredEntry& entry) {
                                   leaves.push_back(merkle::LeafHash(AsView(entry.commitment)));
                                   return true;
                                 })
                    .ok());
    return leaves;
  }

  SeededRandom random_{7};
  Ed25519PrivateKey key_ = Ed25519PrivateKey::Generate(random_);
  ManualClock clock_{absl::FromUnixMillis(1711929600000)};
  MemoryLedgerStore store_;
  KeyTable table_;
  std::unique_ptr<Ledger> ledger_;
  bool altered_ = false;
};

}  // namespace nakadachi::ledger

#endif  // NAKADACHI_TESTS_COMMON_LEDGER_LEDGER_FIXTURE_H_
