#include "common/directory/directory.h"

#include <atomic>
#include <thread>

#include "common/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/common/directory/changes.h"

namespace nakadachi {
namespace {

using changes::Added;
using changes::Founded;
using changes::Joined;
using changes::Key;
using changes::Keys;
using changes::KeyText;
using changes::ListCsv;
using changes::Moved;
using changes::Published;
using changes::Revoked;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

constexpr uint32_t kBrokerKey = 10;
constexpr uint32_t kCityKey = 20;
constexpr int64_t kNow = 1'700'000'000'000;
constexpr char kCity[] = "072028";
constexpr char kOtherCity[] = "131016";
constexpr char kPrefecture[] = "070009";

Author Of(absl::string_view code) { return *Author::Parse(code); }
LocalGovernmentCode Code(absl::string_view code) { return *LocalGovernmentCode::Parse(code); }

// A network with one city: sequence 2, one list to come.
class DirectoryTest : public testing::Test {
 protected:
  void SetUp() override {
    Apply(Founded(1, kNow, Keys(kBrokerKey)));
    Apply(Joined(2, kNow, kCity, "municipality", Keys(kCityKey)));
  }
  void Apply(const v1::Statement& statement) {
    const absl::Status status = directory_.Apply(statement);
    ASSERT_TRUE(status.ok()) << status;
  }

  Directory directory_{Key(kBrokerKey)};
};

TEST(MemberKeyTest, ValidAt) {
  const struct {
    int64_t from, until, revoked, at;
    bool valid;
  } kCases[] = {
      {100, 0, 0, 99, false},    {100, 0, 0, 100, true},      {100, 0, 0, kNow, true},
      {100, 200, 0, 199, true},  {100, 200, 0, 200, false},   {100, 0, 150, 149, true},
      {100, 0, 150, 150, false}, {100, 200, 300, 250, false}, {0, 0, 0, 0, true},
  };
  for (const auto& c : kCases) {
    MemberKey key;
    key.valid_from_ms = c.from;
    key.valid_until_ms = c.until;
    key.revoked_from_ms = c.revoked;
    EXPECT_EQ(key.ValidAt(c.at), c.valid)
        << c.from << " " << c.until << " " << c.revoked << " at " << c.at;
  }
}

TEST(SealingKeyIdTest, IsTheFrontOfTheKeysHash) {
  X25519PublicKey key{};  // SHA-256 of 32 zero bytes begins 66687aadf862bd77
  EXPECT_EQ(SealingKeyId(key), "\x66\x68\x7a\xad\xf8\x62\xbd\x77");
}

TEST(NewDirectoryTest, KnowsOnlyTheTrustAnchor) {
  const Directory directory(Key(kBrokerKey));
  EXPECT_EQ(directory.sequence(), 0u);
  EXPECT_THAT(directory.KeysAt(Author::Broker(), 0), ElementsAre(Key(kBrokerKey)));
  EXPECT_TRUE(directory.Knows(Author::Broker()));
  EXPECT_FALSE(directory.Knows(Of(kCity)));
  EXPECT_THAT(directory.KeysAt(Of(kCity), kNow), IsEmpty());
  EXPECT_THAT(directory.BrokerKeys(), IsEmpty());
  EXPECT_THAT(directory.Members(), IsEmpty());
  EXPECT_THAT(directory.Lists(), IsEmpty());
  EXPECT_EQ(directory.ListInForce(kNow), nullptr);
  EXPECT_FALSE(directory.SealingKeyAt(Author::Broker(), kNow).has_value());
}

TEST(NewDirectoryTest, FoundingComesFirst) {
  const struct {
    const char* what;
    v1::Statement statement;
    const char* rule;
  } kCases[] = {
      {"a member", Joined(1, kNow, kCity, "municipality", Keys(kCityKey)), "founded"},
      {"a list", Published(1, kNow, 1, kNow, ListCsv("a")), "founded"},
      {"another key than trusted", Founded(1, kNow, Keys(kCityKey)), "trust-anchor"},
      {"not the first", Founded(2, kNow, Keys(kBrokerKey)), "sequence"},
      {"valid later", Founded(1, kNow, Keys(kBrokerKey, kNow + 1)), "validity"},
      {"valid no longer", Founded(1, kNow, Keys(kBrokerKey, 0, kNow)), "validity"},
      {"right", Founded(1, kNow, Keys(kBrokerKey, kNow)), ""},
  };
  for (const auto& c : kCases) {
    Directory directory(Key(kBrokerKey));
    EXPECT_EQ(GetFieldRule(directory.Check(c.statement)).rule, c.rule) << c.what;
    EXPECT_EQ(GetFieldRule(directory.Apply(c.statement)).rule, c.rule) << c.what;
    EXPECT_EQ(directory.sequence(), *c.rule == '\0' ? 1u : 0u) << c.what;
  }
}

template <typename Edit>
v1::Statement With(v1::Statement statement, Edit edit) {
  edit(statement);
  return statement;
}

v1::PublicKeys KeysOfLengths(size_t signing, size_t sealing) {
  v1::PublicKeys keys = Keys(90);
  keys.set_signing_key(std::string(signing, 's'));
  keys.set_sealing_key(std::string(sealing, 'x'));
  return keys;
}

v1::PublicKeys Pair(uint32_t signing, uint32_t sealing) {
  v1::PublicKeys keys = Keys(signing);
  keys.set_sealing_key(KeyText(sealing));
  return keys;
}

// Each rule once broken: code, field and rule are named, and nothing changes.
// A broker refuses such today. What an earlier one recorded stays readable.
TEST_F(DirectoryTest, NamesAndRoutesAreTakenAsRecorded) {
  v1::Statement joined = Joined(3, kNow, kOtherCity, "municipality", Keys(30));
  joined.mutable_directory()->mutable_member_joined()->set_name("");
  *joined.mutable_directory()->mutable_member_joined()->mutable_route() = v1::Route();
  Apply(joined);
  EXPECT_EQ(directory_.Find(Code(kOtherCity))->name, "");
  uint64_t sequence = 4;
  for (const char* address : {"nonsense", "127.0.0.1:99999", "dns:///city.test:443", ""}) {
    Apply(Moved(sequence++, kNow, kOtherCity, address));
    EXPECT_EQ(directory_.Find(Code(kOtherCity))->route.address(), address);
  }
}

TEST_F(DirectoryTest, EveryRuleIsNamed) {
  const auto kInvalid = absl::StatusCode::kInvalidArgument;
  const auto kExists = absl::StatusCode::kAlreadyExists;
  const auto kNotFound = absl::StatusCode::kNotFound;
  const std::string list = ListCsv("a");
  const struct {
    v1::Statement statement;
    absl::StatusCode code;
    const char* field;
    const char* rule;
  } kCases[] = {
      {With(Moved(3, kNow, kCity, "h:1"), [](v1::Statement& s) { s.set_author(kCity); }), kInvalid,
       "author", "author"},
      {With(Moved(3, kNow, kCity, "h:1"), [](v1::Statement& s) { s.set_author(""); }), kInvalid,
       "author", "author"},
      {With(Moved(3, kNow, kCity, "h:1"), [](v1::Statement& s) { s.mutable_operation(); }),
       kInvalid, "kind", "kind"},
      {changes::Change(3, kNow), kInvalid, "directory.change", "kind"},
      {Moved(2, kNow, kCity, "h:1"), kInvalid, "directory.sequence", "sequence"},
      {Moved(4, kNow, kCity, "h:1"), kInvalid, "directory.sequence", "sequence"},
      {Moved(0, kNow, kCity, "h:1"), kInvalid, "directory.sequence", "sequence"},
      {Founded(3, kNow, Keys(30)), kExists, "directory.network_founded", "founded"},

      {Joined(3, kNow, "072029", "municipality", Keys(30)), kInvalid,
       "directory.member_joined.code", "check-digit"},
      {Joined(3, kNow, "broker", "municipality", Keys(30)), kInvalid,
       "directory.member_joined.code", "digits"},
      {Joined(3, kNow, kCity, "municipality", Keys(30)), kExists, "directory.member_joined.code",
       "known-member"},
      {Joined(3, kNow, kOtherCity, "city", Keys(30)), kInvalid, "directory.member_joined.category",
       "category"},
      {Joined(3, kNow, kOtherCity, "prefecture", Keys(30)), kInvalid,
       "directory.member_joined.category", "category"},
      {Joined(3, kNow, kPrefecture, "municipality", Keys(30)), kInvalid,
       "directory.member_joined.category", "category"},
      {Joined(3, kNow, kOtherCity, "municipality", KeysOfLengths(31, 32)), kInvalid,
       "directory.member_joined.keys.signing_key", "key-length"},
      {Joined(3, kNow, kOtherCity, "municipality", KeysOfLengths(32, 33)), kInvalid,
       "directory.member_joined.keys.sealing_key", "key-length"},
      {Joined(3, kNow, kOtherCity, "municipality", v1::PublicKeys()), kInvalid,
       "directory.member_joined.keys.signing_key", "key-length"},
      {Joined(3, kNow, kOtherCity, "municipality", Keys(30, 5, 5)), kInvalid,
       "directory.member_joined.keys.valid_until_ms", "validity"},
      {Joined(3, kNow, kOtherCity, "municipality", Pair(kCityKey, 30)), kExists,
       "directory.member_joined.keys.signing_key", "key-reused"},
      {Joined(3, kNow, kOtherCity, "municipality", Pair(30, kCityKey + 1)), kExists,
       "directory.member_joined.keys.sealing_key", "key-reused"},
      {Joined(3, kNow, kOtherCity, "municipality", Pair(kBrokerKey, 30)), kExists,
       "directory.member_joined.keys.signing_key", "key-reused"},
      {Joined(3, kNow, kOtherCity, "municipality", Pair(kCityKey + 1, 30)), kExists,
       "directory.member_joined.keys.signing_key", "key-reused"},
      {Joined(3, kNow, kOtherCity, "municipality", Pair(30, 30)), kExists,
       "directory.member_joined.keys.sealing_key", "key-reused"},

      {Added(3, kNow, kOtherCity, Keys(30)), kNotFound, "directory.key_added.code",
       "unknown-member"},
      {Added(3, kNow, "x", Keys(30)), kInvalid, "directory.key_added.code", "length"},
      {Added(3, kNow, kCity, KeysOfLengths(0, 32)), kInvalid,
       "directory.key_added.keys.signing_key", "key-length"},
      {Added(3, kNow, kCity, Pair(kCityKey, 30)), kExists, "directory.key_added.keys.signing_key",
       "key-reused"},
      {Added(3, kNow, "broker", Pair(30, kBrokerKey + 1)), kExists,
       "directory.key_added.keys.sealing_key", "key-reused"},

      {Revoked(3, kNow, kOtherCity, kCityKey, kNow), kNotFound, "directory.key_revoked.code",
       "unknown-member"},
      {Revoked(3, kNow, "07202", kCityKey, kNow), kInvalid, "directory.key_revoked.code", "length"},
      {Revoked(3, kNow, kCity, kBrokerKey, kNow), kNotFound, "directory.key_revoked.signing_key",
       "unknown-key"},
      {Revoked(3, kNow, kCity, kCityKey + 1, kNow), kNotFound, "directory.key_revoked.signing_key",
       "unknown-key"},
      {With(Revoked(3, kNow, kCity, kCityKey, kNow),
            [](v1::Statement& s) {
              s.mutable_directory()->mutable_key_revoked()->set_signing_key("short");
            }),
       kInvalid, "directory.key_revoked.signing_key", "key-length"},
      {Revoked(3, kNow, kCity, kCityKey, kNow - 1), kInvalid,
       "directory.key_revoked.revoked_from_ms", "retroactive"},
      {Revoked(3, 0, kCity, kCityKey, 0), kInvalid, "directory.key_revoked.revoked_from_ms",
       "retroactive"},

      {Moved(3, kNow, kOtherCity, "h:1"), kNotFound, "directory.route_changed.code",
       "unknown-member"},
      {Moved(3, kNow, "broker", "h:1"), kInvalid, "directory.route_changed.code", "digits"},

      {Published(3, kNow, 2, kNow, list), kInvalid, "directory.list_published.version", "version"},
      {Published(3, kNow, 0, kNow, list), kInvalid, "directory.list_published.version", "version"},
      {Published(3, kNow, 1, kNow - 1, list), kInvalid, "directory.list_published.in_force_from_ms",
       "retroactive"},
      {Published(3, kNow, 1, kNow, "x"), kInvalid, "directory.list_published.csv", "list"},
      {Published(3, kNow, 1, kNow, ListCsv("Not-A-Slug")), kInvalid, "directory.list_published.csv",
       "list"},
  };
  for (const auto& c : kCases) {
    const absl::Status checked = directory_.Check(c.statement);
    const absl::Status applied = directory_.Apply(c.statement);
    EXPECT_EQ(checked, applied);
    EXPECT_EQ(applied.code(), c.code) << applied;
    EXPECT_EQ(GetFieldRule(applied).field, c.field) << applied;
    EXPECT_EQ(GetFieldRule(applied).rule, c.rule) << applied;
    EXPECT_EQ(directory_.sequence(), 2u);
  }
  EXPECT_EQ(directory_.Members().size(), 1u);
  EXPECT_THAT(directory_.Lists(), IsEmpty());
  EXPECT_EQ(directory_.Find(Code(kCity))->route.address(), "127.0.0.1:1");
  EXPECT_THAT(directory_.KeysAt(Of(kCity), kNow), ElementsAre(Key(kCityKey)));
}

TEST_F(DirectoryTest, ListErrorNamesLineAndColumn) {
  const absl::Status status = directory_.Apply(Published(3, kNow, 1, kNow, ListCsv("Not-A-Slug")));
  EXPECT_THAT(std::string(status.message()),
              StartsWith("directory.list_published.csv: line 2, column 1 (procedure): "));
}

TEST_F(DirectoryTest, CheckChangesNothing) {
  EXPECT_TRUE(directory_.Check(Moved(3, kNow, kCity, "h:9")).ok());
  EXPECT_EQ(directory_.sequence(), 2u);
  EXPECT_EQ(directory_.Find(Code(kCity))->route.address(), "127.0.0.1:1");
}

TEST_F(DirectoryTest, MembersAreSortedByCode) {
  Apply(Joined(3, kNow, kOtherCity, "municipality", Keys(30)));
  Apply(Joined(4, kNow, kPrefecture, "prefecture", Keys(40)));
  const std::vector<Member> members = directory_.Members();
  ASSERT_EQ(members.size(), 3u);
  EXPECT_EQ(members[0].code.ToString(), kPrefecture);
  EXPECT_EQ(members[0].category, "prefecture");
  EXPECT_EQ(members[1].code.ToString(), kCity);
  EXPECT_EQ(members[1].name, "name of 072028");
  EXPECT_EQ(members[1].route.tls_name(), "platform.example");
  EXPECT_EQ(members[2].code.ToString(), kOtherCity);
  EXPECT_TRUE(directory_.Knows(Of(kPrefecture)));
  EXPECT_FALSE(directory_.Find(Code("042021")).has_value());
}

TEST_F(DirectoryTest, RouteChanges) {
  Apply(Moved(3, kNow, kCity, "10.0.0.1:443"));
  EXPECT_EQ(directory_.Find(Code(kCity))->route.address(), "10.0.0.1:443");
}

TEST_F(DirectoryTest, KeysOverlapAndEnd) {
  Apply(Added(3, kNow, kCity, Keys(30, kNow + 100, kNow + 300)));
  Apply(Revoked(4, kNow, kCity, kCityKey, kNow + 200));
  const Author city = Of(kCity);
  EXPECT_THAT(directory_.KeysAt(city, kNow + 99), ElementsAre(Key(kCityKey)));
  EXPECT_THAT(directory_.KeysAt(city, kNow + 100), ElementsAre(Key(kCityKey), Key(30)));
  EXPECT_THAT(directory_.KeysAt(city, kNow + 200), ElementsAre(Key(30)));
  EXPECT_THAT(directory_.KeysAt(city, kNow + 300), IsEmpty());

  EXPECT_EQ(directory_.SealingKeyAt(city, kNow + 99), Key(kCityKey + 1));
  EXPECT_EQ(directory_.SealingKeyAt(city, kNow + 100), Key(31));
  EXPECT_EQ(directory_.SealingKeyAt(city, kNow + 300), std::nullopt);
  EXPECT_EQ(directory_.SealingKeyAt(Of(kOtherCity), kNow), std::nullopt);
}

TEST_F(DirectoryTest, SealingKeysAreFoundByIdAlsoWhenRevoked) {
  Apply(Revoked(3, kNow, kCity, kCityKey, kNow));
  const std::string id = SealingKeyId(Key(kCityKey + 1));
  EXPECT_EQ(directory_.SealingKeyById(Of(kCity), id), Key(kCityKey + 1));
  EXPECT_EQ(directory_.SealingKeyById(Author::Broker(), id), std::nullopt);
  EXPECT_EQ(directory_.SealingKeyById(Of(kOtherCity), id), std::nullopt);
  EXPECT_EQ(directory_.SealingKeyById(Author::Broker(), SealingKeyId(Key(kBrokerKey + 1))),
            Key(kBrokerKey + 1));
}

TEST_F(DirectoryTest, RevocationMayBeBroughtForwardOnly) {
  Apply(Revoked(3, kNow, kCity, kCityKey, kNow + 500));
  const absl::Status same = directory_.Apply(Revoked(4, kNow, kCity, kCityKey, kNow + 500));
  EXPECT_EQ(same.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(GetFieldRule(same).rule, "key-revoked");
  EXPECT_EQ(GetFieldRule(directory_.Apply(Revoked(4, kNow, kCity, kCityKey, kNow + 900))).rule,
            "key-revoked");
  Apply(Revoked(4, kNow, kCity, kCityKey, kNow + 100));
  EXPECT_THAT(directory_.KeysAt(Of(kCity), kNow + 99), ElementsAre(Key(kCityKey)));
  EXPECT_THAT(directory_.KeysAt(Of(kCity), kNow + 100), IsEmpty());
}

TEST_F(DirectoryTest, RevokedIsNotExpired) {
  Apply(Added(3, kNow, kCity, Keys(30, kNow, kNow + 100)));
  Apply(Revoked(4, kNow, kCity, kCityKey, kNow + 200));
  const Author city = Of(kCity);
  EXPECT_FALSE(directory_.RevokedAt(city, Key(kCityKey), kNow + 199));
  EXPECT_TRUE(directory_.RevokedAt(city, Key(kCityKey), kNow + 200));
  EXPECT_FALSE(directory_.RevokedAt(city, Key(30), kNow + 200));
  EXPECT_FALSE(directory_.RevokedAt(city, Key(99), kNow + 200));
  EXPECT_FALSE(directory_.RevokedAt(Author::Broker(), Key(kCityKey), kNow + 200));
  EXPECT_FALSE(directory_.RevokedAt(Of(kOtherCity), Key(kCityKey), kNow + 200));
}

TEST_F(DirectoryTest, RevokedKeyIsNeverUsedAgain) {
  Apply(Revoked(3, kNow, kCity, kCityKey, kNow));
  EXPECT_EQ(GetFieldRule(directory_.Apply(Added(4, kNow, kCity, Pair(kCityKey, 30)))).rule,
            "key-reused");
}

TEST_F(DirectoryTest, BrokerKeysRotate) {
  Apply(Added(3, kNow, "broker", Keys(30, kNow + 100)));
  Apply(Revoked(4, kNow, "broker", kBrokerKey, kNow + 200));
  EXPECT_EQ(directory_.BrokerKeys().size(), 2u);
  EXPECT_THAT(directory_.KeysAt(Author::Broker(), kNow), ElementsAre(Key(kBrokerKey)));
  // The trust anchor counts no longer once its time is over.
  EXPECT_THAT(directory_.KeysAt(Author::Broker(), kNow + 200), ElementsAre(Key(30)));
}

TEST_F(DirectoryTest, ListsComeIntoForce) {
  Apply(Published(3, kNow, 1, kNow, ListCsv("one")));
  Apply(Published(4, kNow, 2, kNow + 1000, ListCsv("two")));
  EXPECT_EQ(directory_.ListInForce(kNow - 1), nullptr);
  EXPECT_EQ(directory_.ListInForce(kNow)->version, 1u);
  EXPECT_EQ(directory_.ListInForce(kNow + 999)->version, 1u);
  EXPECT_EQ(directory_.ListInForce(kNow + 1000)->version, 2u);
  // In force at once, and it replaces the one announced.
  Apply(Published(5, kNow + 10, 3, kNow + 10, ListCsv("three")));
  EXPECT_EQ(directory_.ListInForce(kNow + 9)->version, 1u);
  EXPECT_EQ(directory_.ListInForce(kNow + 10)->version, 3u);
  EXPECT_EQ(directory_.ListInForce(kNow + 5000)->version, 3u);
}

TEST_F(DirectoryTest, ListsAreKeptByVersion) {
  Apply(Published(3, kNow + 1, 1, kNow + 5, ListCsv("one")));
  Apply(Published(4, kNow + 2, 2, kNow + 6, ListCsv("two")));
  const auto one = directory_.ListByVersion(1);
  ASSERT_NE(one, nullptr);
  EXPECT_EQ(one->version, 1u);
  EXPECT_EQ(one->published_ms, kNow + 1);
  EXPECT_EQ(one->in_force_from_ms, kNow + 5);
  EXPECT_EQ(one->csv, ListCsv("one"));
  EXPECT_TRUE(one->list->HasProcedure("one"));
  EXPECT_EQ(directory_.ListByVersion(2), directory_.Lists()[1]);
  EXPECT_EQ(directory_.ListByVersion(0), nullptr);
  EXPECT_EQ(directory_.ListByVersion(3), nullptr);
}

// Readers see whole changes only: member n joins just before list n is published, and has the
// key that its code was given.
TEST(DirectoryConcurrencyTest, ReadersSeeWholeChanges) {
  const std::vector<std::string> kCodes = {"072028", "131016", "042021", "011002", "473821"};
  Directory directory(Key(kBrokerKey));
  ASSERT_TRUE(directory.Apply(Founded(1, kNow, Keys(kBrokerKey))).ok());
  std::atomic<bool> done{false};
  std::atomic<int> bad{0};
  const auto read = [&] {
    uint64_t last_sequence = 0;
    uint64_t last_version = 0;
    while (!done.load()) {
      const uint64_t sequence = directory.sequence();
      if (sequence < last_sequence) ++bad;
      last_sequence = sequence;
      const auto list = directory.ListInForce(kNow);
      const uint64_t version = list == nullptr ? 0 : list->version;
      if (version < last_version || directory.Members().size() < version) ++bad;
      last_version = version;
      for (size_t i = 0; i < kCodes.size(); ++i) {
        const auto keys = directory.KeysAt(Of(kCodes[i]), kNow);
        const uint32_t number = static_cast<uint32_t>(100 + 10 * i);
        if (!keys.empty() && keys[0] != Key(number)) ++bad;
        if (keys.empty() && i < version) ++bad;
        const auto member = directory.Find(Code(kCodes[i]));
        if (member.has_value() && member->name != "name of " + kCodes[i]) ++bad;
      }
    }
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) readers.emplace_back(read);
  uint64_t sequence = 1;
  bool applied = true;
  const auto apply = [&](const v1::Statement& statement) {
    applied = applied && directory.Apply(statement).ok();
  };
  for (size_t i = 0; i < kCodes.size(); ++i) {
    const uint32_t number = static_cast<uint32_t>(100 + 10 * i);
    apply(Joined(++sequence, kNow, kCodes[i], "municipality", Keys(number)));
    for (uint32_t more = 1; more < 4; ++more) {
      apply(Added(++sequence, kNow, kCodes[i], Keys(number + 2 * more)));
      apply(Revoked(++sequence, kNow, kCodes[i], number + 2 * more, kNow + 1));
    }
    apply(Published(++sequence, kNow, i + 1, kNow, ListCsv("a")));
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_TRUE(applied);
  EXPECT_EQ(bad.load(), 0);
  EXPECT_EQ(directory.sequence(), sequence);
}

}  // namespace
}  // namespace nakadachi
