#include "common/inspection/scope.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace nakadachi::inspection {
namespace {

constexpr int64_t kBegin = 1'711'897'200'000;  // 2024-04-01 in Japan
constexpr int64_t kEnd = 1'719'759'600'000;    // 2024-07-01 in Japan

v1::OpenInspectionRequest Request(const std::string& institution, bool statements = false,
                                  int64_t from_ms = 0, int64_t until_ms = 0, bool persons = false) {
  v1::OpenInspectionRequest request;
  request.set_inspection_id(std::string(16, 'i'));
  request.set_institution(institution);
  request.set_statements(statements);
  request.set_from_ms(from_ms);
  request.set_until_ms(until_ms);
  request.set_persons(persons);
  return request;
}

rpc::Peer Inspector(const rpc::InspectionScope& scope, const std::string& institution = "") {
  rpc::Peer peer;
  peer.role = rpc::Role::kInspector;
  peer.staff_pseudonym = "i-3";
  peer.inspection = scope;
  if (!institution.empty()) {
    peer.institutions.insert(LocalGovernmentCode::Parse(institution).value());
  }
  return peer;
}

rpc::InspectionScope Scope(bool all, bool broker, bool statements, bool persons, int64_t from_ms,
                           int64_t until_ms) {
  rpc::InspectionScope scope;
  scope.all = all;
  scope.broker = broker;
  scope.statements = statements;
  scope.persons = persons;
  scope.from_ms = from_ms;
  scope.until_ms = until_ms;
  return scope;
}

TEST(Scope, WhatACertificateAllows) {
  struct Case {
    const char* name;
    rpc::Peer inspector;
    v1::OpenInspectionRequest request;
    const char* rule;  // empty: allowed
  };
  const auto city = Inspector(Scope(false, false, true, false, kBegin, kEnd), "072028");
  const auto all = Inspector(Scope(true, false, true, true, 0, 0));
  const auto bare = Inspector(Scope(true, false, false, false, 0, 0));
  const auto broker = Inspector(Scope(false, true, true, false, kBegin, 0));
  rpc::Peer nobody = all;
  nobody.staff_pseudonym.clear();
  const std::vector<Case> cases = {
      {"its city, its period", city, Request("072028", true, kBegin, kEnd), ""},
      {"a shorter period", city, Request("072028", true, kBegin + 1, kEnd - 1), ""},
      {"commitments of all times", city, Request("072028"), ""},
      {"another city", city, Request("041009", true, kBegin, kEnd), "scope-institution"},
      {"another city's commitments", city, Request("041009"), "scope-institution"},
      {"no code at all", city, Request("x"), "scope-institution"},
      {"too early", city, Request("072028", true, kBegin - 1, kEnd), "scope-period"},
      {"too late", city, Request("072028", true, kBegin, kEnd + 1), "scope-period"},
      {"no begin", city, Request("072028", true, 0, kEnd), "scope-period"},
      {"no end", city, Request("072028", true, kBegin, 0), "scope-period"},
      {"the broker's commitments", city, Request("broker"), ""},
      {"the broker's bodies", city, Request("broker", true, kBegin, kEnd), "scope-institution"},
      {"everything", all, Request("041009", true), ""},
      {"everything of the broker", all, Request("broker", true, 0, 0, true), ""},
      {"bodies without right", bare, Request("072028", true), "scope-statements"},
      {"commitments", bare, Request("072028"), ""},
      {"broker, open end", broker, Request("broker", true, kBegin, 0), ""},
      {"broker, no persons", broker, Request("broker", true, kBegin, 0, true), "scope-persons"},
      {"broker, a city", broker, Request("072028"), "scope-institution"},
      {"no name", nobody, Request("072028"), "pseudonym"},
  };
  for (const Case& c : cases) {
    const absl::Status status = CheckScope(c.inspector, c.request);
    EXPECT_EQ(GetFieldRule(status).rule, c.rule) << c.name;
    EXPECT_TRUE(status.ok() || absl::IsPermissionDenied(status)) << c.name;
  }
}

TEST(Scope, MalformedRequests) {
  EXPECT_TRUE(CheckRequest(Request("072028", true, kBegin, kEnd)).ok());
  EXPECT_TRUE(CheckRequest(Request("broker", true, kBegin, 0, true)).ok());
  v1::OpenInspectionRequest request = Request("072028");
  request.set_inspection_id("short");
  EXPECT_EQ(GetFieldRule(CheckRequest(request)).rule, "length");
  for (const auto& [from_ms, until_ms] : std::vector<std::pair<int64_t, int64_t>>{
           {-1, 0}, {0, -1}, {kEnd, kBegin}, {kBegin, kBegin}, {INT64_MIN, INT64_MIN}}) {
    EXPECT_EQ(GetFieldRule(CheckRequest(Request("072028", true, from_ms, until_ms))).rule, "period")
        << from_ms << " " << until_ms;
  }
  EXPECT_EQ(GetFieldRule(CheckRequest(Request("072028", true, 0, 0, true))).rule, "persons");
  EXPECT_EQ(GetFieldRule(CheckRequest(Request("broker", false, 0, 0, true))).rule, "persons");
}

TEST(Scope, ThePeriodIsTheStatementsOwn) {
  v1::Statement statement;
  statement.mutable_query();
  const auto request = Request("072028", true, kBegin, kEnd);
  for (const auto& [time_ms, given] : std::vector<std::pair<int64_t, bool>>{
           {kBegin - 1, false}, {kBegin, true}, {kEnd - 1, true}, {kEnd, false}}) {
    statement.set_time_ms(time_ms);
    EXPECT_EQ(IsGiven(request, statement), given) << time_ms;
  }
  EXPECT_FALSE(IsGiven(Request("072028"), statement)) << "bodies were not asked for";
  EXPECT_TRUE(IsGiven(Request("072028", true, kBegin, 0), statement));
  statement.mutable_directory();
  statement.set_time_ms(1);
  EXPECT_TRUE(IsGiven(request, statement)) << "keys and lists are for all";
  EXPECT_TRUE(IsGiven(Request("broker"), statement));
}

TEST(Scope, TheOperationSaysWhatWasAskedFor) {
  const std::string id(32, '6');
  v1::OpenInspectionRequest request = Request("broker", true, kBegin, kEnd, true);
  request.set_inspection_id(std::string(16, 'f'));
  request.set_first(7);
  EXPECT_EQ(Describe(request),
            absl::StrCat("inspection ", id,
                         ": entries from 7, statements from 2024-03-31T15:00:00+00:00 to "
                         "2024-06-30T15:00:00+00:00, persons"));
  EXPECT_EQ(Describe(Request("072028")),
            "inspection 69696969696969696969696969696969: entries from 0, no statements");
  EXPECT_EQ(Describe(Request("072028", true)),
            "inspection 69696969696969696969696969696969: entries from 0, statements from the "
            "beginning to the end");
}

}  // namespace
}  // namespace nakadachi::inspection
