// A disk without space: what cannot be recorded is refused, nothing is claimed that is not so, and
// work goes on once there is space again.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/rpc/status_mapping.h"
#include "tests/integration/ledgers.h"
#include "tests/integration/town.h"
#include "tests/support/small_disk.h"
#include "tools/simulator/population.h"

namespace nakadachi::integration {
namespace {

namespace fs = std::filesystem;
using simulator::Mode;

bool IsOf(const v1::QueryResponse& answer, const v1::ReplicaSet& set) {
  return answer.sets_size() == 1 && simulator::IsWhatWasRegistered(answer.sets(0), set);
}

// Registers newer and newer versions until one is refused for want of space; `held` is the last
// that was acknowledged. False where another error comes first, or none.
bool RegisterUntilFull(client::MunicipalConnection& office, const Town& town, size_t person,
                       const std::string& institution, const SmallDisk& disk,
                       v1::ReplicaSet* held) {
  v1::ReplicaSet next = town.person(person).registered.at(kAizu);
  for (int i = 0; i < 30'000; ++i) {
    if (i % 64 == 0) disk.Fill();
    next.set_source_version(next.source_version() + 1);
    v1::RegisterReplicasRequest request;
    request.set_municipality(institution);
    auto& entry = *request.add_entries();
    entry.set_addressee_number(town.person(person).numbers.at(institution).Reveal());
    *entry.mutable_set() = next;
    const auto response = office.RegisterReplicas(request);
    const absl::Status status = !response.ok() ? response.status()
                                : response->problems_size() == 0
                                    ? absl::OkStatus()
                                    : rpc::FromBytes(response->problems(0).error());
    if (!status.ok()) return GetFieldRule(status).rule == "disk-full";
    *held = next;
  }
  return false;
}

TEST(FullDiskTest, RefusesNeverLiesRecovers) {
  const SmallDisk disk(192);
  if (!disk.mounted()) {
    GTEST_SKIP() << disk.problem();
  }
  Town town(Mode::kProcesses, nullptr, disk.path());
  town.AddPlatform("aizu", {kAizu});
  town.AddPlatform("sendai", {kSendai});
  const size_t person = town.AddPerson(kAizu);
  town.Enroll(person, kAizu);
  town.Enroll(person, kSendai);
  town.Register(person, kAizu, 2);
  const v1::QueryRequest before = town.Question(person, kSendai, kAizu);
  ASSERT_TRUE(town.Ask(before).ok());
  std::vector<v1::QueryRequest> recorded = {before};

  // Space that was held ready serves a few more; then each is refused by name.
  client::RetryPolicy impatient;
  impatient.deadline = absl::Seconds(2);
  impatient.keep_trying = absl::ZeroDuration();
  const auto provider = town.Connect(kAizu, impatient);
  const auto requester = town.Connect(kSendai, impatient);
  v1::ReplicaSet held = town.person(person).registered.at(kAizu);
  disk.Fill();
  EXPECT_TRUE(RegisterUntilFull(*provider, town, person, kAizu, disk, &held));
  v1::ReplicaSet of_no_interest;
  EXPECT_TRUE(RegisterUntilFull(*requester, town, person, kSendai, disk, &of_no_interest));
  for (int i = 0; i < 5; ++i) {
    const v1::QueryRequest question = town.Question(person, kSendai, kAizu);
    const auto answer = requester->Query(question);
    v1::GetExchangeRequest look;
    look.set_municipality(kSendai);
    look.set_request_id(question.request_id());
    const bool is_there = requester->GetExchange(look).ok();
    if (is_there) recorded.push_back(question);
    if (answer.ok()) {
      EXPECT_TRUE(answer->state() != v1::ANSWERED || IsOf(*answer, held));
      continue;
    }
    const FieldRule refused = GetFieldRule(answer.status());
    EXPECT_EQ(refused.rule, "disk-full") << answer.status();
    // Where only another has no space, the query is recorded and goes on.
    EXPECT_EQ(is_there, refused.field != "storage") << answer.status();
  }

  disk.MakeRoom();
  for (const char* process : {"broker", "aizu", "sendai"}) {
    EXPECT_NE(town.network().Pid(process), 0) << process << " ended";
  }
  const v1::QueryRequest after = town.Question(person, kSendai, kAizu);
  client::MunicipalConnection& office = town.network().Municipality(City(kSendai))->connection();
  ASSERT_TRUE(Eventually([&] { return office.Query(after).ok(); }));
  recorded.push_back(after);

  // What was recorded is finished; what was refused is not there.
  std::vector<v1::QueryResponse> answers;
  for (const v1::QueryRequest& question : recorded) {
    v1::QueryResponse answer;
    ASSERT_TRUE(Eventually([&] {
      answer = office.Query(question).value_or(v1::QueryResponse());
      return answer.state() == v1::ANSWERED;
    }));
    answers.push_back(answer);
  }
  // What was acknowledged last is what is held.
  EXPECT_TRUE(IsOf(answers.back(), held));
  ASSERT_TRUE(Eventually([&] {
    const auto status = town.network().BrokerOperator().GetStatus();
    return status.ok() && status->open_permits() == 0;
  }));
  const absl::Status books = CheckBooks(town, {kSendai, "sendai", kAizu, "aizu"}, answers);
  EXPECT_TRUE(books.ok()) << books;
}

// Puts what a process keeps onto the disk.
absl::Status MoveData(Town& town, const std::string& process, const SmallDisk& disk) {
  const absl::Status stopped = town.network().Stop(process);
  if (!stopped.ok()) return stopped;
  const std::string data = town.network().DataFolder(process);
  const std::string there = absl::StrCat(disk.path(), "/data");
  std::error_code error;
  fs::copy(data, there, fs::copy_options::recursive, error);
  if (!error) fs::remove_all(data, error);
  if (!error) fs::create_directory_symlink(there, data, error);
  if (error) return absl::UnavailableError(error.message());
  return town.network().StartAgain(process);
}

struct OneFullDisk {
  const char* process;
  const char* field;  // whom the error names
};

class OneFullDiskTest : public testing::TestWithParam<OneFullDisk> {};

// The requester has space, who is asked has not.
TEST_P(OneFullDiskTest, IsToldAtOnceAndFinishesLater) {
  const SmallDisk disk(192);
  if (!disk.mounted()) {
    GTEST_SKIP() << disk.problem();
  }
  Town town(Mode::kProcesses);
  town.AddPlatform("aizu", {kAizu});
  town.AddPlatform("sendai", {kSendai});
  const size_t person = town.AddPerson(kAizu);
  town.Enroll(person, kAizu);
  town.Enroll(person, kSendai);
  town.Register(person, kAizu, 2);
  const absl::Status moved = MoveData(town, GetParam().process, disk);
  ASSERT_TRUE(moved.ok()) << moved;

  client::RetryPolicy patient;
  patient.deadline = absl::Seconds(60);
  const auto office = town.Connect(kSendai, patient);
  std::vector<v1::QueryRequest> asked;
  absl::Status refused;
  absl::Duration took;
  for (int i = 0; i < 5'000 && refused.ok(); ++i) {
    if (i % 16 == 0) disk.Fill();
    asked.push_back(town.Question(person, kSendai, kAizu));
    const absl::Time start = absl::Now();
    refused = office->Query(asked.back()).status();
    took = absl::Now() - start;
  }
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_EQ(GetFieldRule(refused).field, GetParam().field);
  EXPECT_EQ(GetFieldRule(refused).rule, "disk-full");
  EXPECT_LT(took, absl::Seconds(5));
  // Asked again it says so again, within the pause between two attempts.
  EXPECT_EQ(GetFieldRule(office->Query(asked.back()).status()).rule, "disk-full");
  v1::GetExchangeRequest look;
  look.set_municipality(kSendai);
  look.set_request_id(asked.back().request_id());
  const auto open = office->GetExchange(look);
  ASSERT_TRUE(open.ok()) << open.status();
  EXPECT_TRUE(open->state() == v1::RECORDED || open->state() == v1::PERMITTED);

  disk.MakeRoom();
  // Nobody asks: it finishes of itself.
  ASSERT_TRUE(Eventually([&] {
    const auto now = office->GetExchange(look);
    return now.ok() && now->state() == v1::ANSWERED;
  }));
  std::vector<v1::QueryResponse> answers;
  for (const v1::QueryRequest& question : asked) {
    const auto answer = office->Query(question);
    ASSERT_TRUE(answer.ok()) << answer.status();
    answers.push_back(*answer);
  }
  ASSERT_TRUE(Eventually([&] {
    const auto status = town.network().BrokerOperator().GetStatus();
    return status.ok() && status->open_permits() == 0;
  }));
  const absl::Status books = CheckBooks(town, {kSendai, "sendai", kAizu, "aizu"}, answers);
  EXPECT_TRUE(books.ok()) << books;
}

INSTANTIATE_TEST_SUITE_P(Of, OneFullDiskTest,
                         testing::Values(OneFullDisk{"broker", "broker"},
                                         OneFullDisk{"aizu", "provider"}),
                         [](const auto& info) { return std::string(info.param.process); });

}  // namespace
}  // namespace nakadachi::integration
