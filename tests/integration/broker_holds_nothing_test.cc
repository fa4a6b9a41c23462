// The broker holds no individual number, name or payload, and no linkage code in any file; and no
// process writes any of them to its log. DESIGN.md sections 2 and 3.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/integration/needles.h"
#include "tests/integration/town.h"

namespace nakadachi::integration {
namespace {

namespace fs = std::filesystem;
using simulator::Mode;
using testing::IsEmpty;
using testing::Not;

class BrokerHoldsNothingTest : public testing::Test {
 protected:
  static constexpr size_t kPersons = 12;

  BrokerHoldsNothingTest() : town_(Mode::kProcesses) {
    town_.AddPlatform("aizu", {kAizu});
    town_.AddPlatform("sendai", {kSendai});
    for (size_t i = 0; i < kPersons; ++i) {
      const size_t person = town_.AddPerson(kAizu);
      town_.Enroll(person, kAizu);
      town_.Enroll(person, kSendai);
      town_.Register(person, kAizu, 1 + static_cast<int>(i % 3));
    }
    for (size_t i = 0; i < kPersons; ++i) Plant(i);
  }

  void Plant(size_t index) {
    const Person& person = town_.person(index);
    const std::string number = absl::StrCat("person ", index, " ");
    needles_.Add(number + "individual number", person.individual_number.Reveal());
    needles_.Add(number + "resident code", person.resident_code.Reveal());
    needles_.Add(number + "name", person.name);
    for (const auto& record : person.registered.at(kAizu).records()) {
      needles_.Add(number + "record id", record.record_id());
      needles_.Add(number + "lot", record.vaccination().lot());
      needles_.Add(number + "physician", record.vaccination().physician());
    }
    for (const auto& [institution, addressee] : person.numbers) {
      needles_.Add(number + "addressee number", addressee.Reveal());
      needles_.Add(number + "linkage code", town_.CodeOf(index, institution).RevealBytes());
    }
  }

  // Everyone asks about everyone: provided, refused by law, after review.
  void Exchange() {
    for (size_t i = 0; i < kPersons; ++i) {
      const auto answer = town_.Ask(town_.Question(i, kSendai, kAizu));
      ASSERT_TRUE(answer.ok()) << answer.status();
      ASSERT_TRUE(town_.IsWhatWasRegistered(*answer, i, kAizu));
      v1::QueryRequest forbidden = town_.Question(i, kSendai, kAizu);
      forbidden.set_items(0, "local-tax-or-residence");
      ASSERT_EQ(town_.Ask(forbidden)->state(), v1::REFUSED_BY_BROKER);
    }
    ASSERT_TRUE(Eventually([&] {
      const auto status = town_.network().BrokerOperator().GetStatus();
      return status.ok() && status->receipts_reported() == kPersons;
    }));
  }

  std::string Data() { return town_.network().DataFolder("broker"); }
  std::vector<Stored> Opened(const std::string& data) const {
    return ReadDatabase(data, "broker", town_.KeyEncryptionKey("broker")).value();
  }
  std::vector<std::string> FindInDatabase(const std::string& data) const {
    std::vector<std::string> found;
    for (const Stored& stored : Opened(data)) {
      for (const std::string& part : {stored.key, stored.value}) {
        for (const std::string& label : needles_.FindIn(part)) {
          found.push_back(absl::StrCat(stored.family, ": ", label));
        }
      }
    }
    return found;
  }

  Town town_;
  Needles needles_;
};

// The writable mappings of files, as the process has them now.
std::string MappedFiles(int pid) {
  std::ifstream maps(absl::StrCat("/proc/", pid, "/maps"));
  std::ifstream memory(absl::StrCat("/proc/", pid, "/mem"), std::ios::binary);
  std::string bytes;
  for (std::string line; std::getline(maps, line);) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (words.size() < 6 || !absl::StartsWith(words[5], "/")) continue;
    const std::vector<std::string> range = absl::StrSplit(words[0], '-');
    const uint64_t begin = std::stoull(range[0], nullptr, 16);
    std::string mapped(std::stoull(range[1], nullptr, 16) - begin, '\0');
    memory.clear();
    memory.seekg(static_cast<std::streamoff>(begin));
    memory.read(mapped.data(), static_cast<std::streamsize>(mapped.size()));
    bytes.append(mapped, 0, static_cast<size_t>(memory.gcount()));
  }
  return bytes;
}

TEST_F(BrokerHoldsNothingTest, NeitherInFilesNorInStoresNorInLogs) {
  ASSERT_NO_FATAL_FAILURE(Exchange());
  const std::string mapped = MappedFiles(town_.network().Pid("broker"));
  EXPECT_FALSE(mapped.empty());
  EXPECT_THAT(needles_.FindIn(mapped), IsEmpty());
  // As it is while it serves, and once it has stopped.
  EXPECT_THAT(FindInFiles(needles_, Data()), IsEmpty());
  ASSERT_TRUE(town_.network().VerifyLedgers(/*leave_stopped=*/true).ok());
  EXPECT_THAT(FindInFiles(needles_, absl::StrCat(town_.folder(), "/network/broker")), IsEmpty());
  EXPECT_THAT(FindInDatabase(Data()), IsEmpty());

  // Nobody writes them to a log, and nothing of a person lies readable on anyone's disk.
  EXPECT_THAT(FindInFiles(needles_, absl::StrCat(town_.folder(), "/network")), IsEmpty());
}

// The search sees what it looks for: the requester's store has its own codes, and what is planted
// in a copy is found.
TEST_F(BrokerHoldsNothingTest, TheSearchFindsWhatIsThere) {
  ASSERT_NO_FATAL_FAILURE(Exchange());
  ASSERT_TRUE(town_.network().VerifyLedgers(/*leave_stopped=*/true).ok());
  std::set<std::string> at_sendai;
  const std::vector<Stored> database =
      ReadDatabase(absl::StrCat(town_.network().DataFolder("sendai"), "/", kSendai), kSendai,
                   town_.KeyEncryptionKey("sendai"))
          .value();
  for (const Stored& stored : database) {
    at_sendai.merge(needles_.FindIn(stored.value));
  }
  for (size_t i = 0; i < kPersons; ++i) {
    EXPECT_EQ(at_sendai.count(absl::StrCat("person ", i, " linkage code")), 1u);
    EXPECT_EQ(at_sendai.count(absl::StrCat("person ", i, " lot")), 1u);
  }

  std::set<std::string> families;
  for (const Stored& stored : Opened(Data())) families.insert(stored.family);
  for (const char* family : {"statements", "commitments", "permits", "halves", "persons"}) {
    EXPECT_EQ(families.count(family), 1u) << family;
  }

  const std::string copy = absl::StrCat(town_.folder(), "/copy");
  fs::copy(Data(), copy, fs::copy_options::recursive);
  ASSERT_THAT(FindInFiles(needles_, copy), IsEmpty());
  const Person& person = town_.person(3);
  std::ofstream(absl::StrCat(copy, "/LOG"), std::ios::app) << "for " << person.name << "\n";
  std::ofstream(absl::StrCat(copy, "/other"), std::ios::binary)
      << "\x01\x02" << town_.CodeOf(5, kAizu).RevealBytes() << "\x03";
  EXPECT_EQ(FindInFiles(needles_, copy).size(), 2u);
}

TEST(NeedlesTest, EveryForm) {
  Needles needles;
  const std::string secret = "983205673214";
  needles.Add("number", secret);
  for (const std::string& haystack :
       {absl::StrCat("x", secret, "y"), std::string("393833323035363733323134"),
        std::string("OTgzMjA1NjczMjE0"), std::string("eDk4MzIwNTY3MzIxNA=="),
        std::string("eHg5ODMyMDU2NzMyMTR4")}) {
    EXPECT_THAT(needles.FindIn(haystack), Not(IsEmpty())) << haystack;
  }
  for (const char* haystack : {"", "98320567321", "983205673215", "393833323035363733323135"}) {
    EXPECT_THAT(needles.FindIn(haystack), IsEmpty()) << haystack;
  }
}

}  // namespace
}  // namespace nakadachi::integration
