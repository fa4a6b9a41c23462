// One municipality's damage and keys touch no other on its platform, and nothing that is served is
// wrong. DESIGN.md section 10.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"
#include "common/rpc/status_mapping.h"
#include "common/storage/database.h"
#include "common/storage/wrapped_key.h"
#include "server/intermediate/layout.h"
#include "tests/integration/town.h"

namespace nakadachi::integration {
namespace {

namespace fs = std::filesystem;
using simulator::Mode;

constexpr char kShared[] = "shared";

class IsolationTest : public testing::Test {
 protected:
  // A folder that is put back takes its ledger back too: to who watches it, that is a second
  // history, which is not what is tested here. So nobody compares histories for as long as the test
  // runs.
  IsolationTest()
      : town_(Mode::kProcesses,
              [](simulator::NetworkOptions& options) { options.witness_every = absl::Hours(1); }) {
    town_.AddPlatform(kShared, {kAizu, kKoriyama});
    town_.AddPlatform("sendai", {kSendai});
    person_ = town_.AddPerson(kAizu);
    for (const char* code : {kAizu, kKoriyama, kSendai}) town_.Enroll(person_, code);
    town_.Register(person_, kAizu, 3);
    town_.Register(person_, kKoriyama, 2);
    client::RetryPolicy policy;
    policy.deadline = absl::Seconds(10);
    patient_ = town_.Connect(kSendai, policy);
    policy.deadline = absl::Milliseconds(1500);
    policy.keep_trying = absl::ZeroDuration();
    impatient_ = town_.Connect(kSendai, policy);
    EXPECT_TRUE(patient_->Query(town_.Question(person_, kSendai, kAizu)).ok());
  }

  fs::path Victim() { return fs::path(town_.network().DataFolder(kShared)) / kAizu; }
  fs::path Pristine() const { return fs::path(town_.folder()) / "pristine"; }

  // Leaves tables and a log on the disk, and a copy of all.
  void StopAndKeep() {
    ASSERT_TRUE(town_.network().Stop(kShared).ok());
    const auto keys = storage::OpenFileKeyProvider(town_.KeyEncryptionKey(kShared));
    ASSERT_TRUE(keys.ok()) << keys.status();
    storage::OpenOptions open;
    open.path = Victim().string();
    open.owner = kAizu;
    open.families = intermediate::Families();
    open.environment = storage::Environment::Create(64 << 20);
    open.key_provider = keys->get();
    open.random = &SystemRandom();
    {
      auto database = storage::Database::Open(open);
      ASSERT_TRUE(database.ok()) << database.status();
      ASSERT_TRUE((*database)->Compact().ok());
    }
    ASSERT_TRUE(town_.network().StartAgain(kShared).ok());
    ASSERT_TRUE(patient_->Query(town_.Question(person_, kSendai, kAizu)).ok());
    // What a crash leaves: the log holds what no table does.
    ASSERT_TRUE(town_.network().Crash(kShared).ok());
    fs::copy(Victim(), Pristine(), fs::copy_options::recursive);
  }
  void Restore() {
    fs::remove_all(Victim());
    fs::copy(Pristine(), Victim(), fs::copy_options::recursive);
  }

  // The neighbour is served and right; the victim is right or says by name that it is not served.
  // True where the damage was noticed.
  bool CheckBoth() { return CheckBoth(*impatient_); }
  bool CheckBoth(client::MunicipalConnection& asking) {
    const absl::Status started = town_.network().StartAgain(kShared);
    EXPECT_TRUE(started.ok()) << started;
    if (!started.ok()) return false;
    const auto right = patient_->Query(town_.Question(person_, kSendai, kKoriyama));
    EXPECT_TRUE(right.ok()) << right.status();
    EXPECT_TRUE(right.ok() && town_.IsWhatWasRegistered(*right, person_, kKoriyama));

    bool noticed = false;
    v1::ListReviewsRequest reviews;
    reviews.set_municipality(kAizu);
    const absl::Status called =
        town_.network().Municipality(City(kAizu))->connection().ListReviews(reviews).status();
    if (!called.ok()) {
      EXPECT_EQ(called.code(), absl::StatusCode::kDataLoss) << called;
      EXPECT_FALSE(GetFieldRule(called).rule.empty()) << called;
      noticed = true;
    }
    const auto answer = asking.Query(town_.Question(person_, kSendai, kAizu));
    if (!answer.ok()) {
      noticed = true;
    } else {
      EXPECT_TRUE(answer->state() != v1::ANSWERED ||
                  town_.IsWhatWasRegistered(*answer, person_, kAizu))
          << answer->ShortDebugString();
      noticed |= answer->state() != v1::ANSWERED;
    }
    EXPECT_NE(town_.network().Pid(kShared), 0);
    EXPECT_TRUE(town_.network().Crash(kShared).ok());
    return noticed;
  }

  Town town_;
  size_t person_ = 0;
  std::unique_ptr<client::MunicipalConnection> patient_, impatient_;
};

void FlipBit(const fs::path& path, uint64_t bit) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(bit / 8));
  const int byte = file.get();
  file.seekp(static_cast<std::streamoff>(bit / 8));
  file.put(static_cast<char>(byte ^ (1 << (bit % 8))));
}

TEST_F(IsolationTest, AFlippedBitIsNeverServed) {
  ASSERT_NO_FATAL_FAILURE(StopAndKeep());
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(Pristine())) {
    const std::string name = entry.path().filename().string();
    const bool holds_data = absl::EndsWith(name, ".sst") || absl::EndsWith(name, ".log") ||
                            absl::StartsWith(name, "MANIFEST-") || name == "CURRENT" ||
                            name == "data-key";
    if (holds_data && entry.file_size() > 0) files.push_back(name);
  }
  std::sort(files.begin(), files.end());
  ASSERT_GE(files.size(), 5u);
  std::mt19937_64 random(7);
  size_t noticed = 0;
  size_t flips = 0;
  for (const fs::path& file : files) {
    // Logs and tables are long; where the bit lies decides what it spoils.
    const bool table = file.extension() == ".sst";
    for (int i = 0; i < (table ? 1 : 2); ++i, ++flips) {
      Restore();
      // A log's file is longer than what was written to it.
      const uint64_t bytes = file.extension() == ".log"
                                 ? std::min<uint64_t>(fs::file_size(Victim() / file), 2048)
                                 : fs::file_size(Victim() / file);
      const uint64_t bit = random() % (bytes * 8);
      SCOPED_TRACE(absl::StrCat("bit ", bit, " of ", file.string()));
      FlipBit(Victim() / file, bit);
      noticed += CheckBoth() ? 1 : 0;
    }
  }
  // Some bits carry nothing that a query reads; most do.
  EXPECT_GT(noticed, flips / 2) << "of " << flips;
  Restore();
  // The requester knows it as away by now, and says so until it is reached again.
  EXPECT_FALSE(CheckBoth(*patient_));
}

TEST_F(IsolationTest, AnotherKeyEncryptionKeyOpensNothing) {
  ASSERT_NO_FATAL_FAILURE(StopAndKeep());
  const std::string other = absl::StrCat(town_.folder(), "/other");
  fs::create_directories(other);
  const auto keys = storage::MakeMemoryKeyProvider(Secret(std::string(32, 'k')));
  ASSERT_TRUE(
      storage::CreateWrappedKey(storage::WrappedKeyFile::Data(other, kAizu), *keys, SystemRandom())
          .ok());
  fs::copy_file(fs::path(other) / "data-key", Victim() / "data-key",
                fs::copy_options::overwrite_existing);
  EXPECT_TRUE(CheckBoth());

  ASSERT_TRUE(town_.network().StartAgain(kShared).ok());
  const auto status = town_.network().Municipality(City(kKoriyama))->connection().GetStatus();
  ASSERT_TRUE(status.ok()) << status.status();
  v1::ListReviewsRequest reviews;
  reviews.set_municipality(kAizu);
  const absl::Status called =
      town_.network().Municipality(City(kAizu))->connection().ListReviews(reviews).status();
  EXPECT_EQ(GetFieldRule(called).rule, "not-served") << called;
  // With its own key again, it is as it was.
  ASSERT_TRUE(town_.network().Stop(kShared).ok());
  Restore();
  EXPECT_FALSE(CheckBoth());
}

}  // namespace
}  // namespace nakadachi::integration
