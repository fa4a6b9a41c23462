// Batches: the questions and their ids, the output file, and going on after a crash.
#include "client/cli/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "client/cli/batch_input.h"
#include "client/cli/output.h"
#include "common/base/csv.h"
#include "common/base/status.h"
#include "tests/client/cli/fake_municipal.h"
#include "tests/support/temporary_folder.h"

namespace nakadachi::cli {
namespace {

using client::FakeMunicipal;

BatchSettings Settings() {
  BatchSettings settings;
  settings.municipality = "072028";
  settings.provider = "072010";
  settings.procedure = "immunization";
  settings.items = {"immunization"};
  return settings;
}

// A batch file in memory, opened.
class Input {
 public:
  static absl::StatusOr<std::unique_ptr<Input>> Open(const std::string& csv,
                                                     const BatchSettings& settings = Settings(),
                                                     BatchProblems* problems = nullptr) {
    auto input = std::make_unique<Input>();
    BatchProblems unused;
    input->in_.str(csv);
    NAKADACHI_ASSIGN_OR_RETURN(
        input->input_,
        BatchInput::Open(input->in_, settings, problems == nullptr ? &unused : problems));
    return input;
  }
  BatchInput& operator*() { return *input_; }
  BatchInput* operator->() { return input_.get(); }
  void Change(const std::string& csv) { in_.str(csv); }

 private:
  std::istringstream in_;
  std::unique_ptr<BatchInput> input_;
};

absl::StatusOr<std::vector<v1::QueryRequest>> Read(const std::string& csv,
                                                   const BatchSettings& settings = Settings()) {
  NAKADACHI_ASSIGN_OR_RETURN(const auto input, Input::Open(csv, settings));
  std::vector<v1::QueryRequest> questions;
  v1::QueryRequest question;
  while (true) {
    NAKADACHI_ASSIGN_OR_RETURN(const bool more, (*input)->Next(&question));
    if (!more) return questions;
    questions.push_back(question);
  }
}

// ---- input

TEST(BatchInputTest, RowsSayWhatTheSettingsDoNot) {
  const auto questions = Read(
      "addressee_number,provider,procedure,items,non_disclosure\n"
      "1,,,,\n"
      "2,041009,child-allowance,a; b,1\n");
  ASSERT_TRUE(questions.ok()) << questions.status();
  ASSERT_EQ(questions->size(), 2u);
  EXPECT_EQ((*questions)[0].municipality(), "072028");
  EXPECT_EQ((*questions)[0].addressee_number(), "1");
  EXPECT_EQ((*questions)[0].provider(), "072010");
  EXPECT_EQ((*questions)[0].procedure(), "immunization");
  EXPECT_THAT((*questions)[0].items(), testing::ElementsAre("immunization"));
  EXPECT_FALSE((*questions)[0].non_disclosure());
  EXPECT_EQ((*questions)[1].provider(), "041009");
  EXPECT_EQ((*questions)[1].procedure(), "child-allowance");
  EXPECT_EQ((*questions)[1].items_size(), 2);
  EXPECT_TRUE((*questions)[1].non_disclosure());
}

TEST(BatchInputTest, ProblemsAreNamedByLineAndColumn) {
  BatchSettings settings = Settings();
  settings.provider.clear();
  struct Case {
    const char* csv;
    const char* field;
    const char* rule;
  };
  const Case cases[] = {
      {"addressee_number,provider\nx,072010\n", "line 2, column 1 (addressee_number)", "digits"},
      {"addressee_number,provider\n1,072011\n", "line 2, column 2 (provider)", "check-digit"},
      {"addressee_number\n1\n2\n", "provider", "missing"},
      {"addressee_number,provider\n1,\n", "line 2, column 2 (provider)", "missing"},
      {"addressee_number,provider,non_disclosure\n1,072010,yes\n",
       "line 2, column 3 (non_disclosure)", "flag"},
      {"provider\n072010\n", "line 1", "header"},
  };
  for (const Case& c : cases) {
    const auto questions = Read(c.csv, settings);
    ASSERT_FALSE(questions.ok()) << c.csv;
    EXPECT_THAT(GetFieldRule(questions.status()).field, testing::StartsWith(c.field)) << c.csv;
    EXPECT_EQ(GetFieldRule(questions.status()).rule, c.rule) << c.csv;
  }
}

// What no row says is said once.
TEST(BatchInputTest, WhomToAskIsMissedOnce) {
  BatchSettings settings = Settings();
  for (const char* provider : {"", "072011"}) {
    settings.provider = provider;
    BatchProblems problems;
    const auto input = Input::Open("addressee_number\n1\n2\n3\n", settings, &problems);
    EXPECT_EQ(GetFieldRule(input.status()).field, "provider") << provider;
    EXPECT_EQ(problems.count, 1u) << provider;
  }
}

TEST(BatchInputTest, IdsDependOnFileSettingsAndRowAndNothingElse) {
  const std::string csv = "addressee_number\n1\n1\n2\n";
  const auto first = Read(csv);
  const auto again = Read(csv);
  std::set<std::string> ids;
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ((*first)[i].request_id(), (*again)[i].request_id());
    EXPECT_EQ((*first)[i].request_id().size(), 16u);
    ids.insert((*first)[i].request_id());
  }
  EXPECT_EQ(ids.size(), 3u) << "the same person twice is asked twice";
  ids.insert((*Read(csv + "\n"))[0].request_id());
  BatchSettings settings = Settings();
  settings.procedure = "other";
  ids.insert((*Read(csv, settings))[0].request_id());
  settings = Settings();
  settings.staff_pseudonym = "s";
  ids.insert((*Read(csv, settings))[0].request_id());
  EXPECT_EQ(ids.size(), 6u);
}

// The derivation as README.md has it; a change would ask a half-done batch's questions again.
TEST(BatchInputTest, IdsAreDerivedAsDocumented) {
  const Hash input = Sha256("input");
  const Hash settings = Sha256("settings");
  std::string bytes("nakadachi/query-batch/v1\0", 25);
  absl::StrAppend(&bytes, AsView(input), AsView(settings));
  bytes += std::string("\0\0\0\0\0\0\x01\x02", 8);
  EXPECT_EQ(BatchRequestId(input, settings, 258), AsView(Sha256(bytes)).substr(0, 16));
}

TEST(BatchInputTest, OfManyProblemsTheFirstAreTold) {
  std::string csv = "addressee_number\n";
  for (int i = 0; i < 1000; ++i) absl::StrAppend(&csv, i % 2 == 0 ? "1\n" : "x\n");
  BatchProblems problems;
  const auto input = Input::Open(csv, Settings(), &problems);
  EXPECT_EQ(GetFieldRule(input.status()).field, "line 3, column 1 (addressee_number)");
  EXPECT_EQ(problems.count, 500u);
  ASSERT_EQ(problems.first.size(), BatchProblems::kKept);
  EXPECT_EQ(problems.first[0], input.status());
}

TEST(BatchInputTest, CanBeReadAgain) {
  const auto input = Input::Open("addressee_number\n7\n8\n");
  ASSERT_TRUE(input.ok()) << input.status();
  EXPECT_EQ((**input)->size(), 2u);
  for (int round = 0; round < 3; ++round) {
    v1::QueryRequest question;
    for (uint64_t row = 1; row <= 2; ++row) {
      ASSERT_TRUE((**input)->Next(&question).value());
      EXPECT_EQ((**input)->row(), row);
      EXPECT_EQ(question.addressee_number(), row == 1 ? "7" : "8");
      EXPECT_EQ(question.request_id(), (**input)->RequestId(row));
    }
    EXPECT_FALSE((**input)->Next(&question).value());
    (**input)->Rewind();
  }
  EXPECT_EQ((**input)->RequestId(0), "");
  EXPECT_EQ((**input)->RequestId(3), "");
}

TEST(BatchInputTest, AChangeMeanwhileIsNoticed) {
  for (const char* changed :
       {"addressee_number\n1\n3\n", "addressee_number\n1\n2\n3\n", "addressee_number\n1\n",
        "addressee_number\n1\nx\n", "provider\n1\n2\n", ""}) {
    const auto input = Input::Open("addressee_number\n1\n2\n");
    (*input)->Change(changed);
    v1::QueryRequest question;
    absl::StatusOr<bool> more = true;
    while (more.ok() && *more) more = (**input)->Next(&question);
    EXPECT_EQ(GetFieldRule(more.status()).rule, "changed") << changed;
  }
}

// ---- output

class BatchTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    path_ = absl::StrCat(folder_ / "out.", GetParam());
    std::string csv = "addressee_number\n";
    for (int i = 1; i <= kQuestions; ++i) absl::StrAppend(&csv, i, "\n");
    input_ = Input::Open(csv).value();
    questions_ = Read(csv).value();
    fake_.reply = [](const v1::QueryRequest& request, int) {
      return FakeMunicipal::Reply{AnswerTo(request), false, {}};
    };
  }

  // By the person's number: every fifth is not held, others have one to four records.
  static v1::QueryResponse AnswerTo(const v1::QueryRequest& request) {
    const int number = std::stoi(request.addressee_number());
    v1::QueryResponse response;
    response.set_state(v1::ANSWERED);
    response.set_verified(true);
    response.set_outcome(number % 5 == 0 ? v1::NOT_HELD : v1::PROVIDED);
    if (number % 5 == 0) return response;
    v1::ReplicaSet& set = *response.add_sets();
    set.set_item("immunization");
    set.set_source_version(1);
    set.set_source_time_ms(1711929600000);
    for (int i = 0; i < number % 5; ++i) {
      v1::ReplicaRecord& record = *set.add_records();
      record.set_record_id(absl::StrCat("r", i));
      record.mutable_vaccination()->set_place("市,\"保健\"\nセンター");
    }
    return response;
  }

  absl::StatusOr<std::unique_ptr<BatchOutput>> Open() {
    return BatchOutput::Open(path_, [this](uint64_t row) { return (*input_)->RequestId(row); });
  }
  absl::Status Run(BatchAccount* account) {
    NAKADACHI_ASSIGN_OR_RETURN(const auto output, Open());
    client::BulkOptions options;
    options.pause = absl::ZeroDuration();
    options.patience = absl::ZeroDuration();
    options.question_patience = absl::Seconds(7);
    return RunBatch(fake_, **input_, *output, options, nullptr, account);
  }
  std::string Content() const {
    std::ifstream file(path_, std::ios::binary);
    std::ostringstream content;
    content << file.rdbuf();
    return content.str();
  }
  void Overwrite(const std::string& content) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << content;
  }

  // Row -> records in the file; every row's group is whole and stands once.
  std::map<uint64_t, int> Rows() const {
    std::map<uint64_t, int> rows;
    if (std::string(GetParam()) == "json") {
      const Json json = Json::parse(Content());
      for (const Json& one : json) {
        int records = 0;
        for (const Json& set : one.value("sets", Json::array())) {
          records += static_cast<int>(set["records"].size());
        }
        EXPECT_TRUE(rows.emplace(one["row"].get<uint64_t>(), records).second);
      }
      return rows;
    }
    std::istringstream in(Content());
    auto reader = CsvReader::Create(in, {"row", "line", "lines", "record_id"});
    CsvRow row;
    std::map<uint64_t, int> lines;
    while (*reader->Next(&row)) {
      const uint64_t number = std::stoull(reader->Cell(row, "row"));
      rows[number] += reader->Cell(row, "record_id").empty() ? 0 : 1;
      EXPECT_EQ(std::to_string(++lines[number]), reader->Cell(row, "line"));
    }
    return rows;
  }
  void ExpectWhole() {
    const auto rows = Rows();
    ASSERT_EQ(rows.size(), static_cast<size_t>(kQuestions));
    for (const auto& [row, records] : rows) EXPECT_EQ(records, static_cast<int>(row % 5)) << row;
  }

  static constexpr int kQuestions = 150;
  TemporaryFolder folder_;
  std::string path_;
  std::unique_ptr<Input> input_;
  std::vector<v1::QueryRequest> questions_;
  FakeMunicipal fake_;
};

TEST_P(BatchTest, WritesEveryAnswerOnce) {
  BatchAccount account;
  ASSERT_TRUE(Run(&account).ok());
  ExpectWhole();
  EXPECT_EQ(account.questions, 150u);
  EXPECT_EQ(account.kept, 0u);
  EXPECT_EQ(account.answered, 150u);
  EXPECT_EQ(account.results["provided"], 120u);
  EXPECT_EQ(account.results["not-held"], 30u);
}

TEST_P(BatchTest, TheFileIsItsOwnersAlone) {
  BatchAccount account;
  ASSERT_TRUE(Run(&account).ok());
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
}

TEST_P(BatchTest, ARunThatIsOverAsksNothingAgain) {
  BatchAccount account;
  ASSERT_TRUE(Run(&account).ok());
  const std::string before = Content();
  BatchAccount again;
  ASSERT_TRUE(Run(&again).ok());
  EXPECT_EQ(again.kept, 150u);
  EXPECT_EQ(again.answered, 0u);
  EXPECT_EQ(again.results["not-held"], 30u);
  EXPECT_EQ(Content(), before);
  for (const auto& [id, times] : fake_.asked) EXPECT_EQ(times, 1);
}

TEST_P(BatchTest, GoesOnAfterACutAnywhere) {
  BatchAccount account;
  ASSERT_TRUE(Run(&account).ok());
  const std::string whole = Content();
  // A write may be cut at any byte; a file cut within its first line is none of ours yet.
  const size_t begin = whole.find('\n') + 1;
  for (size_t cut = begin; cut < whole.size(); cut += cut < begin + 2000 ? 17 : 401) {
    Overwrite(whole.substr(0, cut));
    fake_.asked.clear();
    BatchAccount again;
    ASSERT_TRUE(Run(&again).ok()) << cut;
    ExpectWhole();
    EXPECT_EQ(again.kept + again.answered, 150u) << cut;
    EXPECT_EQ(fake_.asked.size(), again.answered) << cut;
  }
}

TEST_P(BatchTest, ATailOfZerosIsDropped) {
  BatchAccount account;
  ASSERT_TRUE(Run(&account).ok());
  const std::string whole = Content();
  Overwrite(whole.substr(0, whole.size() / 2) + std::string(4096, '\0'));
  BatchAccount again;
  ASSERT_TRUE(Run(&again).ok());
  ExpectWhole();
}

TEST_P(BatchTest, WhatIsNotFinalIsAskedAgainUnderItsId) {
  fake_.reply = [](const v1::QueryRequest& request, int time) {
    FakeMunicipal::Reply reply;
    const int number = std::stoi(request.addressee_number());
    reply.answer = AnswerTo(request);
    if (time == 1 && number == 3) reply.answer->set_state(v1::AWAITING);
    if (time == 1 && number == 4) {
      reply.answer = FieldError(absl::StatusCode::kNotFound, "person", "no-linkage-code", "none");
    }
    return reply;
  };
  BatchAccount account;
  ASSERT_TRUE(Run(&account).ok());
  EXPECT_EQ(account.results["awaiting-review"], 1u);
  EXPECT_EQ(account.results["error"], 1u);
  EXPECT_EQ(account.answered, 149u);
  EXPECT_THAT(Content(), testing::HasSubstr("no-linkage-code"));
  if (GetParam() == std::string("json")) {
    const Json rows = Json::parse(Content());
    const Json& error = *std::find_if(rows.begin(), rows.end(),
                                      [](const Json& row) { return row["result"] == "error"; });
    for (const Json& row : rows) {
      for (const auto& [name, value] : row.items()) {
        EXPECT_TRUE(error.contains(name)) << name << ": the fields of every row are the same";
      }
    }
    EXPECT_EQ(error["refused_by"], "");
    EXPECT_EQ(error["reason"], "no-linkage-code");
    EXPECT_EQ(error["detail"], "person: none [no-linkage-code]");
    EXPECT_EQ(error["error"]["field"], "person");
    EXPECT_EQ(error["request_id"].get<std::string>().size(), 32u);
  }
  BatchAccount again;
  ASSERT_TRUE(Run(&again).ok());
  EXPECT_EQ(again.kept, 148u);
  EXPECT_EQ(again.answered, 2u);
  ExpectWhole();
  for (const auto& question : questions_) {
    const bool twice = question.addressee_number() == "3" || question.addressee_number() == "4";
    EXPECT_EQ(fake_.asked[question.request_id()], twice ? 2 : 1);
  }
}

TEST_P(BatchTest, WhatWaitsForSomebodyIsUnderWay) {
  fake_.reply = [](const v1::QueryRequest& request, int time) {
    FakeMunicipal::Reply reply;
    const int number = std::stoi(request.addressee_number());
    EXPECT_EQ(request.patience_ms(), 7'000u);
    reply.answer = AnswerTo(request);
    const char* const field = number <= 40 ? "provider" : number <= 45 ? "broker" : nullptr;
    if (time == 1 && field != nullptr) {
      reply.answer = FieldError(absl::StatusCode::kUnavailable, field, "not-reached", "no answer");
    }
    return reply;
  };
  BatchAccount account;
  ASSERT_TRUE(Run(&account).ok());
  EXPECT_EQ(account.answered, 105u);
  EXPECT_EQ(account.results["under-way"], 45u);
  EXPECT_EQ(account.not_reached["072010"], 40u);
  EXPECT_EQ(account.not_reached["broker"], 5u);
  EXPECT_THAT(Content(), testing::HasSubstr("not-reached"));
  EXPECT_EQ(fake_.streams, 1);
  BatchAccount again;
  ASSERT_TRUE(Run(&again).ok());
  EXPECT_EQ(again.kept, 105u);
  EXPECT_EQ(again.answered, 45u);
  EXPECT_TRUE(again.not_reached.empty());
  ExpectWhole();
}

TEST_P(BatchTest, AStreamThatDoesNotComeBackLeavesWhatWasAnswered) {
  fake_.reply = [](const v1::QueryRequest& request, int) {
    const bool gone = std::stoi(request.addressee_number()) > 100;
    return FakeMunicipal::Reply{AnswerTo(request), gone, absl::UnavailableError("gone")};
  };
  BatchAccount account;
  EXPECT_TRUE(absl::IsUnavailable(Run(&account)));
  EXPECT_EQ(account.answered, 100u);
  fake_.reply = [](const v1::QueryRequest& request, int) {
    return FakeMunicipal::Reply{AnswerTo(request), false, {}};
  };
  BatchAccount again;
  ASSERT_TRUE(Run(&again).ok());
  EXPECT_EQ(again.kept, 100u);
  EXPECT_EQ(again.answered, 50u);
  ExpectWhole();
}

// What was answered is in the file; a file that is another now is another batch.
TEST_P(BatchTest, AnInputThatChangesMeanwhileEndsTheRun) {
  fake_.reply = [&](const v1::QueryRequest& request, int) {
    if (request.addressee_number() == "100") input_->Change("addressee_number\n1\n");
    return FakeMunicipal::Reply{AnswerTo(request), false, {}};
  };
  BatchAccount account;
  EXPECT_EQ(GetFieldRule(Run(&account)).rule, "changed");
  EXPECT_EQ(account.answered, static_cast<uint64_t>(kQuestions)) << "they were read ahead";
  BatchAccount again;
  input_ = Input::Open("addressee_number\n1\n").value();
  EXPECT_EQ(GetFieldRule(Run(&again)).rule, "other-batch");
}

TEST_P(BatchTest, NeverOverwritesWhatIsNotItsOwn) {
  for (const char* content : {"something else\n", "row,line\n1,1\n", "{}\n"}) {
    Overwrite(content);
    BatchAccount account;
    const absl::Status status = Run(&account);
    EXPECT_EQ(GetFieldRule(status).rule, "other-batch") << content;
    EXPECT_EQ(Content(), content);
  }
}

TEST_P(BatchTest, TheOutputOfAnotherInputIsLeftAlone) {
  BatchAccount account;
  ASSERT_TRUE(Run(&account).ok());
  const std::string before = Content();
  input_ = Input::Open("addressee_number\n1\n2\n").value();
  EXPECT_EQ(GetFieldRule(Run(&account)).rule, "other-batch");
  EXPECT_EQ(Content(), before);
}

TEST_P(BatchTest, OneRunAtATime) {
  const auto first = Open();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(GetFieldRule(Open().status()).rule, "in-use");
}

TEST_P(BatchTest, AFolderThatIsNotThereIsSaidToBeMissing) {
  path_ = absl::StrCat(folder_ / "none/out.", GetParam());
  BatchAccount account;
  EXPECT_EQ(GetFieldRule(Run(&account)).rule, "io");
}

INSTANTIATE_TEST_SUITE_P(Formats, BatchTest, testing::Values("csv", "json"),
                         [](const auto& info) { return std::string(info.param); });

TEST(BatchOutputTest, OtherFormatsAreRefused) {
  const auto output = BatchOutput::Open("out.xlsx", [](uint64_t) { return ""; });
  EXPECT_EQ(GetFieldRule(output.status()).rule, "format");
}

}  // namespace
}  // namespace nakadachi::cli
