// Many questions over streams that break, and servers that are full.
#include "client/bulk_query.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/rpc/status_mapping.h"
#include "tests/client/unimplemented_municipal.h"

namespace nakadachi::client {
namespace {

// One stream of a fake server: answers as the script says, then ends.
struct Script {
  int answers = 1'000'000;                     // then the stream ends
  absl::Status end;                            // with this
  std::map<std::string, absl::Status> errors;  // by request id
};

class FakeConnection final : public UnimplementedMunicipal {
 public:
  explicit FakeConnection(std::vector<Script> scripts) : scripts_(std::move(scripts)) {}

  absl::Status QueryMany(const std::function<bool(v1::QueryRequest*)>& next, int in_flight,
                         const std::function<void(const v1::QueryResponse&)>& on_answer) override {
    const Script& script = scripts_[std::min(streams++, scripts_.size() - 1)];
    int answers = 0;
    std::vector<v1::QueryRequest> open;
    v1::QueryRequest request;
    while (true) {
      const bool more = next(&request);
      if (more) {
        ++asked[request.request_id()];
        open.push_back(request);
      }
      if (open.empty()) return script.end;
      if (more && open.size() < static_cast<size_t>(in_flight)) continue;
      // The newest first: answers come in any order.
      if (answers++ == script.answers) return script.end;
      v1::QueryResponse response;
      response.set_tag(open.back().tag());
      response.set_request_id(open.back().request_id());
      const auto error = script.errors.find(open.back().request_id());
      if (error != script.errors.end()) response.set_error(rpc::ToBytes(error->second));
      open.pop_back();
      on_answer(response);
    }
  }

  size_t streams = 0;
  std::map<std::string, int> asked;

 private:
  const std::vector<Script> scripts_;
};

struct Outcome {
  absl::Status status;
  std::map<std::string, std::vector<absl::Status>> answers;  // by request id
};

Outcome AskCounted(FakeConnection& connection, int count,
                   size_t max_unanswered = BulkOptions().max_unanswered) {
  BulkOptions options;
  options.max_unanswered = max_unanswered;
  options.in_flight = 5;
  options.patience = absl::Milliseconds(60);
  options.pause = absl::Milliseconds(1);
  Outcome outcome;
  int drawn = 0;
  outcome.status = AskAll(
      connection,
      [&](v1::QueryRequest* request) {
        request->Clear();
        if (drawn == count) return false;
        request->set_request_id(absl::StrCat("id ", drawn++));
        return true;
      },
      [&](const v1::QueryRequest& question, const absl::StatusOr<v1::QueryResponse>& answer) {
        EXPECT_TRUE(!answer.ok() || answer->request_id() == question.request_id());
        outcome.answers[question.request_id()].push_back(answer.status());
      },
      options);
  return outcome;
}

void ExpectEachOnce(const Outcome& outcome, size_t count) {
  EXPECT_EQ(outcome.answers.size(), count);
  for (const auto& [id, answers] : outcome.answers) EXPECT_EQ(answers.size(), 1u) << id;
}

TEST(BulkQuery, AnswersEachQuestionOnce) {
  FakeConnection connection({Script()});
  const Outcome outcome = AskCounted(connection, 103);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  ExpectEachOnce(outcome, 103);
  EXPECT_EQ(connection.streams, 1u);
}

TEST(BulkQuery, NothingToAskIsDone) {
  FakeConnection connection({Script()});
  EXPECT_TRUE(AskCounted(connection, 0).status.ok());
}

TEST(BulkQuery, AsksAgainWhatABrokenStreamLeft) {
  Script broken;
  broken.answers = 7;
  broken.end = absl::UnavailableError("broken");
  Script ended_early;
  ended_early.answers = 3;
  FakeConnection connection({broken, ended_early, broken, Script()});
  const Outcome outcome = AskCounted(connection, 50);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  ExpectEachOnce(outcome, 50);
  EXPECT_EQ(connection.streams, 4u);
  for (const auto& [id, answers] : outcome.answers) EXPECT_TRUE(answers[0].ok()) << id;
}

TEST(BulkQuery, AsksAgainWhatAFullServerDidNotTake) {
  Script full;
  full.errors["id 3"] = absl::ResourceExhaustedError("full");
  full.errors["id 4"] = absl::UnavailableError("shutting down");
  FakeConnection connection({full, Script()});
  const Outcome outcome = AskCounted(connection, 10);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  ExpectEachOnce(outcome, 10);
  EXPECT_EQ(connection.asked["id 3"], 2);
  EXPECT_EQ(connection.asked["id 5"], 1);
}

absl::Status NotReached(const char* field) {
  return FieldError(absl::StatusCode::kUnavailable, field, "not-reached", "gives no answer");
}

TEST(BulkQuery, WhatIsUnderWayHoldsUpNoOther) {
  Script script;
  script.errors["id 2"] = NotReached("provider");
  script.errors["id 3"] = FieldError(absl::StatusCode::kResourceExhausted, "provider", "disk-full",
                                     "recorded, goes on");
  FakeConnection connection({script});
  const Outcome outcome = AskCounted(connection, 10);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  ExpectEachOnce(outcome, 10);
  EXPECT_EQ(connection.streams, 1u);
  for (const char* id : {"id 2", "id 3"}) {
    EXPECT_TRUE(IsUnderWay(outcome.answers.at(id)[0])) << id;
  }
}

TEST(BulkQuery, UnderWayIsWhatIsRecorded) {
  v1::QueryRequest question;
  question.set_provider("072028");
  EXPECT_TRUE(IsUnderWay(NotReached("provider")));
  EXPECT_EQ(WaitsFor(question, NotReached("provider")), "072028");
  EXPECT_EQ(WaitsFor(question, NotReached("broker")), "broker");
  const auto full = [](const char* field) {
    return FieldError(absl::StatusCode::kResourceExhausted, field, "disk-full", "");
  };
  EXPECT_TRUE(IsUnderWay(full("broker")));
  EXPECT_TRUE(IsUnderWay(full("receipt")));
  EXPECT_EQ(WaitsFor(question, full("receipt")), "");
  EXPECT_FALSE(IsUnderWay(full("storage")));
  EXPECT_FALSE(IsUnderWay(absl::UnavailableError("shutting down")));
  EXPECT_FALSE(IsUnderWay(absl::OkStatus()));
}

TEST(BulkQuery, APatienceIsNeverTheServersOwn) {
  EXPECT_EQ(PatienceMs(absl::ZeroDuration()), 1u);
  EXPECT_EQ(PatienceMs(absl::Seconds(3)), 3'000u);
  EXPECT_EQ(PatienceMs(absl::InfiniteDuration()), 4'294'967'295u);
}

// A server that takes none does not make the client hold all there is to ask.
TEST(BulkQuery, DrawsNoMoreThanItMayHold) {
  Script full;
  for (int i = 0; i < 1000; ++i) full.errors[absl::StrCat("id ", i)] = absl::UnavailableError("");
  FakeConnection connection({full, full, Script()});
  const Outcome outcome = AskCounted(connection, 1000, /*max_unanswered=*/20);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  ExpectEachOnce(outcome, 1000);
  size_t again = 0;
  for (const auto& [id, times] : connection.asked) again += times > 1 ? 1 : 0;
  EXPECT_EQ(again, 20u);
}

TEST(BulkQuery, AnErrorOfOneQuestionIsItsAnswer) {
  Script script;
  script.errors["id 2"] =
      FieldError(absl::StatusCode::kNotFound, "addressee_number", "no-linkage-code", "none");
  FakeConnection connection({script});
  const Outcome outcome = AskCounted(connection, 6);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  ExpectEachOnce(outcome, 6);
  EXPECT_EQ(GetFieldRule(outcome.answers.at("id 2")[0]).rule, "no-linkage-code");
  EXPECT_TRUE(outcome.answers.at("id 3")[0].ok());
}

TEST(BulkQuery, ARefusedStreamIsTheEnd) {
  Script refused;
  refused.answers = 0;
  refused.end = absl::PermissionDeniedError("not for you");
  FakeConnection connection({refused});
  const Outcome outcome = AskCounted(connection, 6);
  EXPECT_TRUE(absl::IsPermissionDenied(outcome.status));
  EXPECT_TRUE(outcome.answers.empty());
  EXPECT_EQ(connection.streams, 1u);
}

TEST(BulkQuery, AServerThatTakesNoneSaysWhy) {
  Script full;
  for (int i = 0; i < 6; ++i) {
    full.errors[absl::StrCat("id ", i)] =
        FieldError(absl::StatusCode::kResourceExhausted, "exchanges", "too-many", "too many");
  }
  FakeConnection connection({full});
  EXPECT_EQ(GetFieldRule(AskCounted(connection, 6).status).rule, "too-many");
}

TEST(BulkQuery, PatienceEnds) {
  Script down;
  down.answers = 0;
  down.end = absl::UnavailableError("down");
  FakeConnection connection({down});
  const Outcome outcome = AskCounted(connection, 6);
  EXPECT_TRUE(absl::IsUnavailable(outcome.status));
  EXPECT_GT(connection.streams, 1u);

  Script silent;
  silent.answers = 0;
  FakeConnection ends_in_order({silent});
  EXPECT_TRUE(absl::IsUnavailable(AskCounted(ends_in_order, 6).status));
}

}  // namespace
}  // namespace nakadachi::client
