// A directory that follows a broker: what has no proof, is another's or leaves a gap is not taken.
#include "server/intermediate/directory_follower.h"

#include <deque>

#include "tests/server/intermediate/exchange_fixture.h"

namespace nakadachi::intermediate {
namespace {

constexpr size_t kPageSize = 3;
constexpr char kFukushimaCity[] = "072010";

class FakeDirectory final : public BrokerLink {
 public:
  void RequestPermit(v1::Recorded, Answer<v1::Recorded> done) override {
    done(absl::UnimplementedError("not here"));
  }
  void Report(std::vector<v1::Recorded>, Answer<std::vector<absl::Status>> done) override {
    done(absl::UnimplementedError("not here"));
  }
  void FetchDirectory(uint64_t after, Answer<std::vector<v1::Recorded>> done) override {
    std::vector<v1::Recorded> page;
    {
      absl::MutexLock lock(&mutex);
      ++fetches;
      if (hold) {
        held.push_back(std::move(done));
        return;
      }
      if (!down.ok()) page.clear();
      for (size_t i = after; down.ok() && i < statements.size() && page.size() < kPageSize; ++i) {
        page.push_back(statements[i]);
      }
    }
    if (tamper) tamper(after, page);
    if (!down.ok()) return done(down);
    done(std::move(page));
  }

  absl::Mutex mutex;
  std::vector<v1::Recorded> statements;
  absl::Status down;
  bool hold = false;
  std::vector<Answer<std::vector<v1::Recorded>>> held;
  std::function<void(uint64_t, std::vector<v1::Recorded>&)> tamper;
  std::atomic<int> fetches{0};
};

class FollowerTest : public testing::Test {
 protected:
  FollowerTest()
      : clock_(absl::FromUnixSeconds(1'711'929'600)),
        broker_(Author::Broker(), Ed25519PrivateKey::Generate(SystemRandom()), &clock_),
        member_(Author::Of(City(kAizu)), Ed25519PrivateKey::Generate(SystemRandom()), &clock_),
        foreign_(Author::Broker(), Ed25519PrivateKey::Generate(SystemRandom()), &clock_),
        key_provider_(storage::MakeMemoryKeyProvider(Secret::Generate(SystemRandom(), 32))) {
    platform_.clock = &clock_;
    platform_.random = &SystemRandom();
    platform_.environment = storage::Environment::Create(32u << 20);
    NewDirectory();
    Publish(Founded());
    Publish(Joined(kAizu, &member_.key.public_key()));
    Publish(Joined(kSendai, nullptr));
    Publish(Joined(kKoriyama, nullptr));
    Publish(Joined(kFukushimaCity, nullptr));
  }

  // As a new process has it.
  void NewDirectory() {
    directory_ = std::make_unique<Directory>(broker_.key.public_key());
    verifier_ = ledger::Verifier::Create(directory_.get());
    platform_.directory = directory_.get();
    platform_.verifier = verifier_.get();
  }
  absl::Status Open() {
    auto opened = DirectoryFollower::Open(folder_ / "directory", key_provider_.get(), platform_,
                                          &link_, absl::Milliseconds(20));
    if (opened.ok()) follower_ = *std::move(opened);
    return opened.status();
  }
  void Restart() {
    follower_.reset();
    NewDirectory();
    ASSERT_TRUE(Open().ok());
  }
  absl::Status Reach(uint64_t sequence) {
    Call<bool> call;
    auto done = std::make_shared<Answer<bool>>(call.Take());
    follower_->Reach(sequence, [done](absl::Status status) {
      if (status.ok()) return (*done)(true);
      (*done)(status);
    });
    return call.Wait().status();
  }

  v1::Statement Change() {
    v1::Statement statement;
    statement.set_author("broker");
    statement.set_time_ms(clock_.NowMs());
    statement.mutable_directory()->set_sequence(link_.statements.size() + 1);
    return statement;
  }
  v1::Statement Founded() {
    v1::Statement statement = Change();
    v1::NetworkFounded& founded = *statement.mutable_directory()->mutable_network_founded();
    founded.set_network_name("test");
    *founded.mutable_broker_keys() = Keys(&broker_.key.public_key());
    return statement;
  }
  v1::Statement Joined(const std::string& code, const Ed25519PublicKey* key) {
    v1::Statement statement = Change();
    v1::MemberJoined& joined = *statement.mutable_directory()->mutable_member_joined();
    joined.set_code(code);
    joined.set_name("name of " + code);
    joined.set_category("municipality");
    *joined.mutable_keys() = Keys(key);
    joined.mutable_route()->set_address("127.0.0.1:1");
    joined.mutable_route()->set_tls_name("platform.example");
    return statement;
  }
  void Publish(const v1::Statement& statement) {
    absl::MutexLock lock(&link_.mutex);
    link_.statements.push_back(broker_.Record(statement));
  }
  static v1::PublicKeys Keys(const Ed25519PublicKey* key) {
    const Ed25519PublicKey signing =
        key != nullptr ? *key : Ed25519PrivateKey::Generate(SystemRandom()).public_key();
    const X25519PublicKey sealing = X25519PrivateKey::Generate(SystemRandom()).public_key();
    v1::PublicKeys keys;
    keys.set_signing_key(std::string(signing.begin(), signing.end()));
    keys.set_sealing_key(std::string(sealing.begin(), sealing.end()));
    return keys;
  }

  TemporaryFolder folder_;
  ManualClock clock_;
  TestLedger broker_;
  TestLedger member_;
  TestLedger foreign_;  // says that it is the broker
  const std::unique_ptr<storage::KeyProvider> key_provider_;
  std::unique_ptr<Directory> directory_;
  std::unique_ptr<ledger::Verifier> verifier_;
  Platform platform_;
  FakeDirectory link_;
  std::unique_ptr<DirectoryFollower> follower_;
};

TEST_F(FollowerTest, FetchesAllPages) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(Reach(5).ok());
  EXPECT_EQ(directory_->sequence(), 5u);
  EXPECT_TRUE(directory_->Find(City(kFukushimaCity)).has_value());
}

TEST_F(FollowerTest, StartsWithoutTheBroker) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(Reach(5).ok());
  link_.down = absl::UnavailableError("down");
  Restart();
  EXPECT_EQ(directory_->sequence(), 5u);
  EXPECT_TRUE(Reach(5).ok());
  EXPECT_TRUE(absl::IsUnavailable(Reach(6)));
  {
    absl::MutexLock lock(&link_.mutex);
    link_.down = absl::OkStatus();
  }
  Publish(Joined("072044", nullptr));
  EXPECT_TRUE(Reach(6).ok());
}

TEST_F(FollowerTest, SaysWhatTheBrokerDoesNotHave) {
  ASSERT_TRUE(Open().ok());
  const absl::Status status = Reach(6);
  EXPECT_TRUE(absl::IsOutOfRange(status)) << status;
  EXPECT_EQ(GetFieldRule(status).rule, "sequence");
}

TEST_F(FollowerTest, PollsByItself) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(Reach(5).ok());
  Publish(Joined("072044", nullptr));
  EXPECT_TRUE(Eventually([&] { return directory_->sequence() == 6; }));
}

TEST_F(FollowerTest, TakesNothingForged) {
  using Tamper = std::function<void(uint64_t, std::vector<v1::Recorded>&)>;
  const std::vector<std::pair<std::string, Tamper>> cases = {
      {"an altered statement",
       [](uint64_t, auto& page) { page.back().mutable_statement()->back() ^= 1; }},
      {"another salt", [](uint64_t, auto& page) { (*page.back().mutable_salt())[0] ^= 1; }},
      {"a foreign key",
       [&](uint64_t, auto& page) {
         v1::Statement statement = StatementOf(page.back());
         page.back() = foreign_.Record(statement);
       }},
      {"a member's word",
       [&](uint64_t, auto& page) {
         v1::Statement statement = StatementOf(page.back());
         statement.set_author(kAizu);
         page.back() = member_.Record(statement);
       }},
      {"a gap", [](uint64_t, auto& page) { page.erase(page.begin()); }},
      {"another order", [](uint64_t, auto& page) { std::swap(page[0], page[1]); }},
      {"another kind",
       [&](uint64_t, auto& page) {
         v1::Statement statement = StatementOf(page.back());
         statement.mutable_operation()->set_kind("start");
         page.back() = broker_.Record(statement);
       }},
      {"nothing in it", [](uint64_t, auto& page) { page.back() = v1::Recorded(); }},
  };
  for (const auto& [what, tamper] : cases) {
    // The first page comes as it is, so that the member's key is known.
    link_.tamper = [&tamper = tamper](uint64_t after, std::vector<v1::Recorded>& page) {
      if (after >= kPageSize && !page.empty()) tamper(after, page);
    };
    ASSERT_TRUE(Open().ok());
    const absl::Status status = Reach(5);
    EXPECT_FALSE(status.ok()) << what;
    EXPECT_FALSE(absl::IsUnavailable(status)) << what << ": " << status;
    EXPECT_LT(directory_->sequence(), 5u) << what;
    EXPECT_FALSE(directory_->Find(City(kFukushimaCity)).has_value()) << what;
    // What was in order before it stays, and the rest is fetched once it is in order.
    EXPECT_GE(directory_->sequence(), kPageSize) << what;
    follower_.reset();
    link_.tamper = nullptr;
    NewDirectory();
    ASSERT_TRUE(Open().ok()) << what;
    EXPECT_TRUE(Reach(5).ok()) << what;
    follower_.reset();
    std::filesystem::remove_all(folder_ / "directory");
    NewDirectory();
  }
}

TEST_F(FollowerTest, AnotherNetworksBrokerIsNobody) {
  for (v1::Recorded& recorded : link_.statements) {
    recorded = foreign_.Record(StatementOf(recorded));
  }
  ASSERT_TRUE(Open().ok());
  const absl::Status status = Reach(1);
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(directory_->sequence(), 0u);
}

TEST_F(FollowerTest, ManyWaitForOneFetch) {
  link_.hold = true;
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(Eventually([&] { return link_.fetches == 1; }));
  std::atomic<int> reached{0};
  for (int i = 0; i < 50; ++i) {
    follower_->Reach(5, [&](const absl::Status& status) { reached += status.ok() ? 1 : 0; });
  }
  EXPECT_EQ(reached, 0);
  Answer<std::vector<v1::Recorded>> first;
  {
    absl::MutexLock lock(&link_.mutex);
    link_.hold = false;
    first = std::move(link_.held[0]);
  }
  first(std::vector<v1::Recorded>());
  EXPECT_TRUE(Eventually([&] { return reached == 50; }));
  // The one that was held, two pages and the empty one behind them.
  EXPECT_LE(link_.fetches, 5);
}

TEST_F(FollowerTest, ShutdownLeavesNobodyWaiting) {
  link_.hold = true;
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(Eventually([&] { return link_.fetches == 1; }));
  std::atomic<int> told{0};
  for (int i = 0; i < 10; ++i) {
    follower_->Reach(
        5, [&](const absl::Status& status) { told += absl::IsUnavailable(status) ? 1 : 0; });
  }
  follower_->Shutdown();
  EXPECT_EQ(told, 10);
  follower_->Reach(
      5, [&](const absl::Status& status) { told += absl::IsUnavailable(status) ? 1 : 0; });
  EXPECT_EQ(told, 11);
  // An answer that comes late finds nobody.
  absl::MutexLock lock(&link_.mutex);
  for (auto& held : link_.held) held(std::vector<v1::Recorded>());
}

}  // namespace
}  // namespace nakadachi::intermediate
