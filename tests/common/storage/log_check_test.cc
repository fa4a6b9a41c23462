// Torn logs keep what was acknowledged; damaged ones are refused. Known answers, every byte,
// every cut, random losses of sectors.
#include "common/storage/log_check.h"

#include <random>

#include "absl/strings/str_cat.h"
#include "common/storage/wal_format.h"
#include "storage_fixture.h"

namespace nakadachi::storage {
namespace {

constexpr size_t kSector = 512;

uint32_t Crc32c(uint32_t crc, const std::string& bytes) {
  for (const char c : bytes) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78U : 0U);
  }
  return crc;
}

std::string LittleEndian(uint32_t value, size_t size) {
  std::string bytes;
  for (size_t i = 0; i < size; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
  return bytes;
}

// The four bytes that take a CRC-32C from one state to another.
std::string Patch(uint32_t from, uint32_t to) {
  for (int bit = 0; bit < 32; ++bit)
    to = (to & 0x80000000U) != 0 ? (to ^ 0x82F63B78U) << 1 | 1U : to << 1;
  return LittleEndian(from ^ to, 4);
}

// A commit of one record, as RocksDB writes it.
std::string Record(const std::string& payload) {
  const std::string covered = '\1' + payload;
  const uint32_t crc = ~Crc32c(~0U, covered);
  return LittleEndian((crc >> 15 | crc << 17) + 0xA282EAD8U, 4) +
         LittleEndian(static_cast<uint32_t>(payload.size()), 2) + covered;
}

class LogCheckTest : public StorageTest {
 protected:
  // Commits the values one by one and returns the log as a crash right afterwards leaves it;
  // ends_ are the ends of the commits in it.
  std::string LogOf(const std::vector<std::string>& values) {
    const auto database = MustOpen();
    std::string log;
    for (const std::string& value : values) {
      EXPECT_TRUE(Put(*database, kRecords, KeyU64(ends_.size()), value).ok());
      log = ReadBytes(FilesOf(path_, ".log").back());
      ends_.push_back(log.find_last_not_of('\0') + 1);
    }
    CopyFolder(path_, image_);
    name_ = std::filesystem::path(FilesOf(path_, ".log").back()).filename().string();
    std::filesystem::create_directories(alone_);
    return log;
  }

  // Checks the log in a folder where there is nothing else.
  absl::Status Check(const std::string& log) {
    WriteBytes(alone_ + "/" + name_, log);
    return CheckLogs(alone_);
  }
  std::string Checked() { return ReadBytes(alone_ + "/" + name_); }

  // Opens the database with this log and expects the first `count` values.
  void ExpectOpens(const std::string& log, const std::vector<std::string>& values, size_t count) {
    CopyFolder(image_, path_ + "-opened");
    WriteBytes(path_ + "-opened/" + name_, log);
    const auto database = MustOpen(path_ + "-opened");
    ASSERT_NE(database, nullptr);
    const auto all = All(*database, kRecords);
    ASSERT_TRUE(all.ok()) << all.status();
    ASSERT_EQ(all->size(), count);
    for (size_t i = 0; i < count; ++i) EXPECT_EQ(all->at(KeyU64(i)), values[i]);
  }

  static std::string Keep(const std::string& log, size_t end) {
    return log.substr(0, end) + std::string(log.size() - end, '\0');
  }

  const std::string image_ = path_ + "-image";
  const std::string alone_ = path_ + "-alone";
  std::string name_;
  std::vector<size_t> ends_;
};

TEST_F(LogCheckTest, WholeLogsPassUntouched) {
  const std::string log = LogOf({std::string(10, 'x'), std::string(40000, 'y'), "z"});
  EXPECT_EQ(log.size() % kWalExtent, 0u);
  EXPECT_TRUE(Check(log).ok());
  EXPECT_EQ(Checked(), log);
  for (const size_t end : ends_) {
    EXPECT_TRUE(Check(Keep(log, end)).ok()) << end;
    EXPECT_EQ(Checked(), Keep(log, end));
  }
  EXPECT_TRUE(Check(std::string(kWalExtent, '\0')).ok());
  EXPECT_EQ(Rule(Check("")), "corrupt");
  std::filesystem::remove(alone_ + "/" + name_);
  EXPECT_EQ(Rule(CheckLogs(alone_)), "corrupt");
}

TEST_F(LogCheckTest, EveryAlteredByteOfCommitsIsDamage) {
  const std::string log = LogOf({"first", std::string(700, 'x'), "third", "last"});
  for (size_t at = 0; at < ends_.back(); ++at) {
    for (const size_t bit : {at % 8, (at + 3) % 8}) {
      std::string altered = log;
      altered[at] = static_cast<char>(altered[at] ^ (1 << bit));
      const absl::Status status = Check(altered);
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << at << "/" << bit;
      EXPECT_EQ(Rule(status), "corrupt");
      EXPECT_TRUE(Checked() == altered) << "touched";
    }
  }
}

TEST_F(LogCheckTest, AlteredLengthIsDamageAtWhicheverPlaceTheCommitEnds) {
  // The values' sizes put the last commit's end at every place around a sector's border.
  for (size_t size = 380; size < 440; size += 3) {
    ends_.clear();
    std::filesystem::remove_all(path_);
    const std::string log = LogOf({"first", std::string(size, 'x')});
    for (const size_t at : {ends_[0] + 4, ends_[0] + 5}) {
      for (int bit = 0; bit < 8; ++bit) {
        std::string altered = log;
        altered[at] = static_cast<char>(altered[at] ^ (1 << bit));
        EXPECT_EQ(Rule(Check(altered)), "corrupt") << size << " " << at << " " << bit;
      }
    }
  }
}

TEST_F(LogCheckTest, EveryCutThatIsNoExtentIsDamage) {
  const std::string log = LogOf({"first", std::string(700, 'x')});
  for (size_t size = 0; size < log.size(); size += size < 2000 ? 1 : 997)
    EXPECT_EQ(Rule(Check(log.substr(0, size))), "corrupt") << size;
}

TEST_F(LogCheckTest, TornCommitIsBlankedAndTheRestKept) {
  const std::vector<std::string> values = {"first", "second", SystemRandom().String(100000)};
  const std::string log = LogOf(values);
  const size_t start = ends_[1];
  for (size_t end = (start / kSector + 1) * kSector; end < ends_[2]; end += kSector) {
    ASSERT_TRUE(Check(Keep(log, end)).ok()) << end;
    ASSERT_TRUE(Checked() == Keep(log, start)) << end;
  }
  for (const size_t end : {start / kSector + 1, size_t{64}, ends_[2] / kSector})
    ExpectOpens(Keep(log, end * kSector), values, 2);
  ExpectOpens(log, values, 3);
}

TEST_F(LogCheckTest, TornCommitMayLackAnySectors) {
  const std::vector<std::string> values = {"first", "second", SystemRandom().String(100000)};
  const std::string log = LogOf(values);
  const size_t start = ends_[1];
  std::mt19937 random(20240401);
  for (int round = 0; round < 200; ++round) {
    std::string torn = log;
    const uint32_t share = random() % 100;
    bool is_torn = false;
    for (size_t at = start; at < ends_[2];) {
      const size_t border = (at / kSector + 1) * kSector;
      if (random() % 100 <= share && border <= ends_[2]) {
        std::fill(torn.begin() + static_cast<ptrdiff_t>(at),
                  torn.begin() + static_cast<ptrdiff_t>(border), '\0');
        is_torn = true;
      }
      at = border;
    }
    if (!is_torn) continue;
    const absl::Status status = Check(torn);
    ASSERT_TRUE(status.ok()) << status << " round " << round;
    ASSERT_TRUE(Checked() == Keep(log, start)) << round;
  }
}

// A part of a torn commit may have the checksum of the whole by chance; the rare case is made here.
TEST_F(LogCheckTest, TornCommitIsNotTakenForOneOfAnotherLength) {
  name_ = "000004.log";
  std::filesystem::create_directories(alone_);
  const std::string first = Record("first");
  const std::string part = SystemRandom().String(1000);
  const uint32_t crc = Crc32c(~0U, '\1' + part);
  const std::string rest = SystemRandom().String(3000);
  const std::string last = Record(part + rest + Patch(Crc32c(crc, rest), crc));
  ASSERT_EQ(last.substr(0, 4), Record(part).substr(0, 4));

  std::string log = first + last;
  log.resize(kWalExtent, '\0');
  EXPECT_TRUE(Check(log).ok());
  EXPECT_EQ(Checked(), log);
  for (size_t missing = 2; missing < 7; ++missing) {
    std::string torn = log;
    std::fill_n(torn.begin() + static_cast<ptrdiff_t>(missing * kSector), kSector, '\0');
    EXPECT_TRUE(Check(torn).ok()) << missing;
    EXPECT_TRUE(Checked() == Keep(log, first.size())) << missing;
  }
  for (const std::string& behind : {std::string(), Record("behind")}) {
    std::string altered = absl::StrCat(first, Record(part), behind);
    altered[first.size() + 4] ^= 1;
    altered.resize(kWalExtent, '\0');
    EXPECT_EQ(Rule(Check(altered)), "corrupt") << behind.size();
  }
}

TEST_F(LogCheckTest, LossBeforeAnotherCommitIsDamage) {
  const std::string log =
      LogOf({"first", SystemRandom().String(3000), "third", SystemRandom().String(70000), "last"});
  for (const size_t commit : {size_t{1}, size_t{3}}) {
    std::string altered = log;
    const size_t at = (ends_[commit - 1] / kSector + 1) * kSector;
    std::fill_n(altered.begin() + static_cast<ptrdiff_t>(at), kSector, '\0');
    EXPECT_EQ(Rule(Check(altered)), "corrupt") << commit;
  }
}

TEST_F(LogCheckTest, OnlyTheLastLogMayBeTorn) {
  const std::string log = LogOf({"first", SystemRandom().String(3000)});
  const std::string torn = Keep(log, (ends_[0] / kSector + 1) * kSector);
  ASSERT_TRUE(Check(torn).ok());
  WriteBytes(alone_ + "/999999.log", std::string(kWalExtent, '\0'));
  EXPECT_EQ(Rule(Check(torn)), "corrupt");
  EXPECT_TRUE(Check(log).ok());
}

TEST_F(LogCheckTest, StrayBytesBehindTheCommitsAreNotTakenForOne) {
  const std::vector<std::string> values = {"first", "last"};
  const std::string log = LogOf(values);
  for (const size_t at : {ends_[1], ends_[1] + 6, ends_[1] + 7, ends_[1] + 4000, log.size() - 1}) {
    std::string altered = log;
    altered[at] = 1;
    const absl::Status status = Check(altered);
    if (status.ok())
      EXPECT_TRUE(Checked() == log) << at;
    else
      EXPECT_EQ(Rule(status), "corrupt") << at;
  }
}

}  // namespace
}  // namespace nakadachi::storage
