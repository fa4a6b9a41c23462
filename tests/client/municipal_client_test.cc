// One municipality's use of the connections, against fakes of them.
#include "client/municipal_client.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"
#include "common/rpc/status_mapping.h"
#include "tests/client/unimplemented_municipal.h"

namespace nakadachi::client {
namespace {

AddresseeNumber Addressee(int serial) {
  return AddresseeNumber::Parse(absl::StrCat(serial + 1)).value();
}

// Answers from memory; what a test does not use is not implemented.
class FakeMunicipal final : public UnimplementedMunicipal {
 public:
  absl::StatusOr<v1::IssueAcquisitionNumbersResponse> IssueAcquisitionNumbers(
      const v1::IssueAcquisitionNumbersRequest& request) override {
    if (!issue_error.ok()) return issue_error;
    EXPECT_EQ(request.municipality(), "072028");
    largest_issue = std::max(largest_issue, request.addressee_numbers_size());
    v1::IssueAcquisitionNumbersResponse response;
    for (const std::string& person : request.addressee_numbers()) {
      auto& entry = *response.add_entries();
      if (acquired.count(person) > 0) {
        entry.set_error(rpc::ToBytes(
            FieldError(absl::StatusCode::kAlreadyExists, "person", "already-acquired", "is held")));
      } else {
        entry.set_acquisition_number("number of " + person);
      }
    }
    if (forget_one) response.mutable_entries()->RemoveLast();
    return response;
  }
  // Answers in reverse, and not at all once `lose_after` batches are answered.
  absl::Status RegisterReplicaStream(
      const std::function<bool(v1::RegisterReplicasRequest*)>& next, int in_flight,
      const std::function<void(const v1::RegisterReplicasResponse&)>& on_answer) override {
    ++streams;
    if (is_gone) return stream_error;
    EXPECT_GT(in_flight, 0);
    std::vector<v1::RegisterReplicasResponse> answers;
    v1::RegisterReplicasRequest request;
    while (next(&request)) {
      EXPECT_EQ(request.municipality(), "072028");
      answers.push_back(Store(request));
      request.Clear();
    }
    std::reverse(answers.begin(), answers.end());
    for (const auto& answer : answers) {
      if (lose_after-- == 0) return stream_error;
      on_answer(answer);
    }
    return absl::OkStatus();
  }

  absl::Status issue_error;
  bool forget_one = false;
  std::set<std::string> acquired;
  int largest_issue = 0;
  int streams = 0;
  int lose_after = -1;
  bool is_gone = false;
  absl::Status stream_error = absl::UnavailableError("the stream broke");
  std::string fail_batch_of;  // an addressee number
  std::map<std::string, int> stored;

 private:
  v1::RegisterReplicasResponse Store(const v1::RegisterReplicasRequest& request) {
    v1::RegisterReplicasResponse response;
    response.set_tag(request.tag());
    for (int i = 0; i < request.entries_size(); ++i) {
      const v1::ReplicaEntry& entry = request.entries(i);
      if (entry.addressee_number() == fail_batch_of) {
        response.set_error(rpc::ToBytes(absl::ResourceExhaustedError("the disk is full")));
      }
      if (entry.set().source_version() == 0) {
        auto& problem = *response.add_problems();
        problem.set_position(static_cast<uint32_t>(i));
        problem.set_error(rpc::ToBytes(InvalidField("source_version", "required", "is missing")));
        continue;
      }
      ++stored[entry.addressee_number()];
    }
    return response;
  }
};

class FakeJuki final : public JukiConnection {
 public:
  absl::StatusOr<v1::RegisterResidentsResponse> RegisterResidents(
      const v1::RegisterResidentsRequest&) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<v1::SubmitAcquisitionsResponse> SubmitAcquisitions(
      const v1::SubmitAcquisitionsRequest& request) override {
    if (!error.ok()) return error;
    EXPECT_EQ(request.institution(), "072028");
    v1::SubmitAcquisitionsResponse response;
    for (const auto& entry : request.entries()) {
      submitted[entry.acquisition_number()] = entry.individual_number();
      const bool unknown = unknown_persons.count(entry.individual_number()) > 0;
      response.add_errors(unknown ? rpc::ToBytes(FieldError(absl::StatusCode::kNotFound,
                                                            "individual_number", "unknown", "none"))
                                  : std::string());
    }
    if (forget_one) response.mutable_errors()->RemoveLast();
    return response;
  }
  absl::StatusOr<v1::FindOwnCodeResponse> FindOwnCode(const v1::FindOwnCodeRequest&) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<v1::GetJukiStatusResponse> GetStatus() override {
    return absl::UnimplementedError("");
  }

  absl::Status error;
  bool forget_one = false;
  std::set<std::string> unknown_persons;
  std::map<std::string, std::string> submitted;
};

class MunicipalClientTest : public testing::Test {
 protected:
  MunicipalClientTest()
      : fake_(std::make_shared<FakeMunicipal>()),
        client_(LocalGovernmentCode::Parse("072028").value(), fake_, &SystemRandom()) {}

  static std::vector<MunicipalClient::Person> Persons(int count) {
    std::vector<MunicipalClient::Person> persons;
    for (int i = 0; i < count; ++i) {
      persons.push_back({Addressee(i), IndividualNumber::FromSerial(static_cast<uint64_t>(i))});
    }
    return persons;
  }
  static std::vector<v1::ReplicaEntry> Entries(int count) {
    std::vector<v1::ReplicaEntry> entries(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) {
      v1::ReplicaEntry& entry = entries[static_cast<size_t>(i)];
      entry.set_addressee_number(Addressee(i).Reveal());
      entry.mutable_set()->set_source_version(1);
    }
    return entries;
  }

  std::shared_ptr<FakeMunicipal> fake_;
  FakeJuki juki_;
  MunicipalClient client_;
};

TEST_F(MunicipalClientTest, HandsEachNumberOnWithItsPerson) {
  const auto persons = Persons(1'203);  // more than a request may hold
  const auto results = client_.AcquireCodes(juki_, persons);
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_EQ(results->size(), persons.size());
  for (const absl::Status& status : *results) EXPECT_TRUE(status.ok()) << status;
  EXPECT_LE(fake_->largest_issue, 1'000);
  ASSERT_EQ(juki_.submitted.size(), persons.size());
  for (const auto& person : persons) {
    EXPECT_EQ(juki_.submitted["number of " + person.addressee_number.Reveal()],
              person.individual_number.Reveal());
  }
}

TEST_F(MunicipalClientTest, SaysOfEachPersonHowItWent) {
  const auto persons = Persons(600);
  for (const int held : {0, 7, 599}) fake_->acquired.insert(Addressee(held).Reveal());
  juki_.unknown_persons.insert(persons[8].individual_number.Reveal());
  juki_.unknown_persons.insert(persons[598].individual_number.Reveal());
  const auto results = client_.AcquireCodes(juki_, persons);
  ASSERT_TRUE(results.ok()) << results.status();
  for (size_t i = 0; i < persons.size(); ++i) {
    const absl::Status& status = (*results)[i];
    if (i == 0 || i == 7 || i == 599) {
      EXPECT_EQ(GetFieldRule(status).rule, "already-acquired") << i;
    } else if (i == 8 || i == 598) {
      EXPECT_TRUE(absl::IsNotFound(status)) << i;
    } else {
      EXPECT_TRUE(status.ok()) << i << status;
    }
  }
  EXPECT_EQ(juki_.submitted.size(), 597u);
}

TEST_F(MunicipalClientTest, AsksJukiNetForNobodyWhereAllAreHeld) {
  fake_->acquired.insert(Addressee(0).Reveal());
  juki_.error = absl::UnavailableError("down");
  const auto results = client_.AcquireCodes(juki_, Persons(1));
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_TRUE(absl::IsAlreadyExists((*results)[0]));
  EXPECT_TRUE(client_.AcquireCodes(juki_, {})->empty());
}

TEST_F(MunicipalClientTest, AServerThatIsNotReachedIsAnErrorOfTheWhole) {
  juki_.error = absl::UnavailableError("down");
  EXPECT_TRUE(absl::IsUnavailable(client_.AcquireCodes(juki_, Persons(3)).status()));
  juki_.error = absl::OkStatus();
  juki_.forget_one = true;
  EXPECT_TRUE(absl::IsInternal(client_.AcquireCodes(juki_, Persons(3)).status()));
  fake_->forget_one = true;
  EXPECT_TRUE(absl::IsInternal(client_.AcquireCodes(juki_, Persons(3)).status()));
  fake_->issue_error = absl::UnavailableError("down");
  EXPECT_TRUE(absl::IsUnavailable(client_.AcquireCodes(juki_, Persons(3)).status()));
}

TEST_F(MunicipalClientTest, RegistersInBatchesAndPairsTheAnswers) {
  auto entries = Entries(1'111);
  for (const size_t bad : {size_t{0}, size_t{199}, size_t{200}, size_t{1'110}}) {
    entries[bad].mutable_set()->set_source_version(0);
  }
  size_t last = 0;
  const auto results = client_.RegisterReplicas(entries, [&](size_t done) {
    EXPECT_GT(done, last);
    last = done;
  });
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ(last, entries.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    const bool bad = entries[i].set().source_version() == 0;
    EXPECT_EQ((*results)[i].ok(), !bad) << i;
    EXPECT_EQ(GetFieldRule((*results)[i]).rule, bad ? "required" : "") << i;
  }
  EXPECT_EQ(fake_->stored.size(), entries.size() - 4);
  EXPECT_TRUE(client_.RegisterReplicas({})->empty());
}

TEST_F(MunicipalClientTest, ABatchThatFailsAsAWholeFailsItsEntries) {
  fake_->fail_batch_of = Addressee(250).Reveal();
  const auto results = client_.RegisterReplicas(Entries(600));
  ASSERT_TRUE(results.ok()) << results.status();
  for (size_t i = 0; i < results->size(); ++i) {
    EXPECT_EQ(absl::IsResourceExhausted((*results)[i]), i >= 200 && i < 400) << i;
  }
}

TEST_F(MunicipalClientTest, GoesOnWhereAReplicaStreamBreaks) {
  fake_->lose_after = 2;
  std::vector<size_t> progress;
  const auto results =
      client_.RegisterReplicas(Entries(1'000), [&](size_t done) { progress.push_back(done); });
  ASSERT_TRUE(results.ok()) << results.status();
  for (const absl::Status& status : *results) EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(fake_->streams, 2);
  EXPECT_EQ(progress, (std::vector<size_t>{200, 400, 600, 800, 1'000}));
  // What was answered is not sent again, what was not is.
  int twice = 0;
  for (const auto& [person, times] : fake_->stored) twice += times == 2 ? 1 : 0;
  EXPECT_EQ(twice, 600);
}

TEST_F(MunicipalClientTest, ARefusedReplicaStreamIsAnErrorOfTheWhole) {
  fake_->lose_after = 0;
  fake_->stream_error = absl::PermissionDeniedError("another municipality's");
  EXPECT_TRUE(absl::IsPermissionDenied(client_.RegisterReplicas(Entries(10)).status()));
  EXPECT_EQ(fake_->streams, 1);
}

TEST_F(MunicipalClientTest, AReplicaStreamThatDoesNotComeBackIsTriedForThePatience) {
  fake_->is_gone = true;
  for (const absl::Status& lost :
       {absl::UnavailableError("gone"), absl::DeadlineExceededError("hangs")}) {
    fake_->stream_error = lost;
    fake_->streams = 0;
    EXPECT_EQ(client_.RegisterReplicas(Entries(10), nullptr, absl::ZeroDuration()).status(), lost);
    EXPECT_EQ(fake_->streams, 1);
    fake_->streams = 0;
    EXPECT_EQ(client_.RegisterReplicas(Entries(10), nullptr, absl::Milliseconds(300)).status(),
              lost);
    EXPECT_GT(fake_->streams, 1);
  }
}

TEST_F(MunicipalClientTest, OnlyWhoseQuestionsAreRecordedHasThemUnderWay) {
  for (const char* field : {"broker", "provider"}) {
    EXPECT_TRUE(IsUnderWay(
        FieldError(absl::StatusCode::kUnavailable, field, "not-reached", "gives no answer")));
  }
  EXPECT_FALSE(
      IsUnderWay(FieldError(absl::StatusCode::kUnavailable, "intermediate server at 10.1.2.3:7002",
                            "not-reached", "was not reached")));
}

TEST_F(MunicipalClientTest, EveryQuestionHasItsOwnId) {
  const auto provider = LocalGovernmentCode::Parse("041009").value();
  std::set<std::string> ids;
  for (int i = 0; i < 100; ++i) {
    const v1::QueryRequest query = client_.NewQuery(Addressee(3), provider, "immunization", {"a"});
    EXPECT_EQ(query.request_id().size(), 16u);
    EXPECT_EQ(query.municipality(), "072028");
    EXPECT_EQ(query.addressee_number(), "4");
    EXPECT_EQ(query.provider(), "041009");
    EXPECT_EQ(query.procedure(), "immunization");
    ASSERT_EQ(query.items_size(), 1);
    ids.insert(query.request_id());
  }
  EXPECT_EQ(ids.size(), 100u);
}

}  // namespace
}  // namespace nakadachi::client
