// Random changes, right and wrong, applied to the directory and to a model that keeps nothing but
// the statements it accepted and reads them again for each answer.
#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include "common/base/status.h"
#include "common/directory/directory.h"
#include "gtest/gtest.h"
#include "tests/common/directory/changes.h"

namespace nakadachi {
namespace {

using changes::Key;
using changes::KeyText;

constexpr uint32_t kBrokerKey = 1000;
constexpr int64_t kStart = 1'000'000;

class Model {
 public:
  // The rule that the statement breaks; empty where it is accepted.
  std::string Apply(const v1::Statement& statement) {
    const std::string rule = Broken(statement);
    if (rule.empty()) accepted_.push_back(statement);
    return rule;
  }

  size_t size() const { return accepted_.size(); }

  bool Knows(const std::string& code) const {
    return code == "broker" || std::any_of(accepted_.begin(), accepted_.end(), [&](const auto& s) {
             return s.directory().member_joined().code() == code;
           });
  }

  std::vector<std::string> SigningKeysAt(const std::string& code, int64_t time_ms) const {
    std::vector<std::string> keys;
    for (const auto& [holder, pair] : Keys()) {
      if (holder == code && Valid(pair, time_ms)) keys.push_back(pair.signing_key());
    }
    return keys;
  }

  bool RevokedAt(const std::string& code, const std::string& signing_key, int64_t time_ms) const {
    const int64_t from = RevokedFrom(signing_key);
    return from != 0 && from <= time_ms && Holds(code, signing_key);
  }

  std::string SealingKeyAt(const std::string& code, int64_t time_ms) const {
    std::string newest;
    for (const auto& [holder, pair] : Keys()) {
      if (holder == code && Valid(pair, time_ms)) newest = pair.sealing_key();
    }
    return newest;
  }

  std::string RouteOf(const std::string& code) const {
    std::string address;
    for (const v1::Statement& s : accepted_) {
      const v1::Directory& d = s.directory();
      if (d.member_joined().code() == code) address = d.member_joined().route().address();
      if (d.route_changed().code() == code) address = d.route_changed().route().address();
    }
    return address;
  }

  uint64_t VersionInForce(int64_t time_ms) const {
    uint64_t version = 0;
    for (const v1::Statement& s : accepted_) {
      if (!s.directory().has_list_published()) continue;
      const v1::ListPublished& list = s.directory().list_published();
      if (list.in_force_from_ms() <= time_ms) version = list.version();
    }
    return version;
  }

 private:
  using Held = std::pair<std::string, v1::PublicKeys>;

  static std::vector<Held> KeysIn(const v1::Directory& d) {
    if (d.has_network_founded()) return {{"broker", d.network_founded().broker_keys()}};
    if (d.has_member_joined()) return {{d.member_joined().code(), d.member_joined().keys()}};
    if (d.has_key_added()) return {{d.key_added().code(), d.key_added().keys()}};
    return {};
  }

  std::vector<Held> Keys() const {
    std::vector<Held> keys;
    for (const v1::Statement& s : accepted_) {
      for (const Held& held : KeysIn(s.directory())) keys.push_back(held);
    }
    return keys;
  }

  bool Holds(const std::string& code, const std::string& signing_key) const {
    const std::vector<Held> keys = Keys();
    return std::any_of(keys.begin(), keys.end(), [&](const Held& held) {
      return held.first == code && held.second.signing_key() == signing_key;
    });
  }

  // 0 where the key is not revoked.
  int64_t RevokedFrom(const std::string& signing_key) const {
    int64_t from = 0;
    for (const v1::Statement& s : accepted_) {
      if (!s.directory().has_key_revoked()) continue;
      const v1::KeyRevoked& revoked = s.directory().key_revoked();
      if (revoked.signing_key() == signing_key) from = revoked.revoked_from_ms();
    }
    return from;
  }

  bool Valid(const v1::PublicKeys& keys, int64_t time_ms) const {
    const int64_t revoked = RevokedFrom(keys.signing_key());
    return keys.valid_from_ms() <= time_ms &&
           (keys.valid_until_ms() == 0 || time_ms < keys.valid_until_ms()) &&
           (revoked == 0 || time_ms < revoked);
  }

  bool Used(const std::string& key) const {
    const std::vector<Held> keys = Keys();
    return std::any_of(keys.begin(), keys.end(), [&](const Held& held) {
      return held.second.signing_key() == key || held.second.sealing_key() == key;
    });
  }

  std::string BrokenKeys(const v1::PublicKeys& keys) const {
    if (keys.valid_until_ms() != 0 && keys.valid_until_ms() <= keys.valid_from_ms()) {
      return "validity";
    }
    return Used(keys.signing_key()) || Used(keys.sealing_key()) ? "key-reused" : "";
  }

  std::string Broken(const v1::Statement& s) const {
    const v1::Directory& d = s.directory();
    if (d.sequence() != accepted_.size() + 1) return "sequence";
    if (accepted_.empty() != d.has_network_founded()) return "founded";
    if (d.has_network_founded()) return "";
    if (d.has_member_joined()) {
      return Knows(d.member_joined().code()) ? "known-member"
                                             : BrokenKeys(d.member_joined().keys());
    }
    if (d.has_key_added()) {
      return Knows(d.key_added().code()) ? BrokenKeys(d.key_added().keys()) : "unknown-member";
    }
    if (d.has_key_revoked()) return BrokenRevocation(d.key_revoked(), s.time_ms());
    if (d.has_route_changed()) return Knows(d.route_changed().code()) ? "" : "unknown-member";
    const auto lists = std::count_if(accepted_.begin(), accepted_.end(), [](const auto& a) {
      return a.directory().has_list_published();
    });
    const v1::ListPublished& list = d.list_published();
    if (list.version() != static_cast<uint64_t>(lists) + 1) return "version";
    if (list.in_force_from_ms() < s.time_ms()) return "retroactive";
    return list.csv().find("broken") == std::string::npos ? "" : "list";
  }

  std::string BrokenRevocation(const v1::KeyRevoked& revoked, int64_t time_ms) const {
    if (!Knows(revoked.code())) return "unknown-member";
    if (!Holds(revoked.code(), revoked.signing_key())) return "unknown-key";
    if (revoked.revoked_from_ms() < time_ms) return "retroactive";
    const int64_t before = RevokedFrom(revoked.signing_key());
    return before != 0 && before <= revoked.revoked_from_ms() ? "key-revoked" : "";
  }

  std::vector<v1::Statement> accepted_;
};

// Changes among few members, keys and times, so that they meet.
class RandomChanges {
 public:
  explicit RandomChanges(uint32_t seed) : random_(seed) {}

  int64_t Below(int64_t bound) {
    return std::uniform_int_distribution<int64_t>(0, bound - 1)(random_);
  }

  v1::Statement Next(size_t applied, size_t lists) {
    const uint64_t sequence = applied + 1 - (Below(20) == 0 ? 1 : 0);
    const int64_t now = kStart + static_cast<int64_t>(applied);
    const std::string code = Code();
    switch (applied == 0 ? Below(2) : Below(12)) {
      case 0:
        return changes::Founded(sequence, now, changes::Keys(kBrokerKey));
      case 1:
      case 2:
        return changes::Joined(sequence, now, Code(/*broker=*/false), "municipality", Pair());
      case 3:
      case 4:
      case 5:
        return changes::Added(sequence, now, code, Pair());
      case 6:
      case 7:
      case 8:
        return changes::Revoked(sequence, now, code, Signing(), now - 2 + Below(20));
      case 9:
        return changes::Moved(sequence, now, Code(/*broker=*/false),
                              "h:" + std::to_string(Below(9)));
      default:
        return changes::Published(sequence, now, lists + (Below(5) == 0 ? 0 : 1),
                                  now - 1 + Below(20),
                                  changes::ListCsv(Below(6) == 0 ? "broken list" : "a"));
    }
  }

  static const std::vector<std::string>& Codes() {
    static const auto* const codes =
        new std::vector<std::string>{"072028", "131016", "042021", "011002", "broker"};
    return *codes;
  }

 private:
  std::string Code(bool broker = true) {
    return Codes()[static_cast<size_t>(Below(broker ? 5 : 4))];
  }
  uint32_t Signing() { return static_cast<uint32_t>(2 * Below(40)); }
  v1::PublicKeys Pair() {
    const int64_t from = Below(2) == 0 ? 0 : kStart + Below(40);
    return changes::Keys(Signing(), from, Below(3) == 0 ? kStart + Below(60) : 0);
  }

  std::mt19937 random_;
};

template <typename Array>
std::string Text(const Array& key) {
  return std::string(key.begin(), key.end());
}

void ExpectSameAnswers(const Directory& directory, const Model& model, int64_t time_ms) {
  for (const std::string& code : RandomChanges::Codes()) {
    const Author author = *Author::Parse(code);
    ASSERT_EQ(directory.Knows(author), model.Knows(code));
    std::vector<std::string> keys;
    for (const auto& key : directory.KeysAt(author, time_ms)) keys.push_back(Text(key));
    ASSERT_EQ(keys, model.SigningKeysAt(code, time_ms)) << code << " at " << time_ms;
    for (uint32_t key = 0; key < 80; key += 2) {
      ASSERT_EQ(directory.RevokedAt(author, Key(key), time_ms),
                model.RevokedAt(code, KeyText(key), time_ms));
    }
    const auto sealing = directory.SealingKeyAt(author, time_ms);
    ASSERT_EQ(sealing ? Text(*sealing) : "", model.SealingKeyAt(code, time_ms));
    if (author.IsBroker()) continue;
    const auto member = directory.Find(*LocalGovernmentCode::Parse(code));
    ASSERT_EQ(member.has_value(), model.Knows(code));
    ASSERT_EQ(member ? member->route.address() : "", model.RouteOf(code));
  }
  const auto list = directory.ListInForce(time_ms);
  ASSERT_EQ(list == nullptr ? 0 : list->version, model.VersionInForce(time_ms));
}

TEST(DirectoryModelTest, RandomSequencesOfChanges) {
  std::map<std::string, int> seen;
  for (uint32_t seed = 0; seed < 40; ++seed) {
    Directory directory(Key(kBrokerKey));
    Model model;
    RandomChanges random(seed);
    for (int step = 0; step < 120; ++step) {
      const v1::Statement statement = random.Next(model.size(), directory.Lists().size());
      const absl::Status checked = directory.Check(statement);
      const absl::Status applied = directory.Apply(statement);
      ASSERT_EQ(checked, applied);
      const std::string expected = model.Apply(statement);
      ASSERT_EQ(GetFieldRule(applied).rule, expected) << applied << "\n" << statement.DebugString();
      ASSERT_EQ(directory.sequence(), model.size());
      ++seen[expected];
      if (model.size() == 0) continue;
      for (int i = 0; i < 3; ++i)
        ExpectSameAnswers(directory, model, kStart - 2 + random.Below(140));
    }
  }
  for (const char* rule :
       {"", "sequence", "founded", "known-member", "unknown-member", "key-reused", "unknown-key",
        "key-revoked", "retroactive", "validity", "version", "list"}) {
    EXPECT_GT(seen[rule], 0) << rule << " never came up";
  }
}

}  // namespace
}  // namespace nakadachi
