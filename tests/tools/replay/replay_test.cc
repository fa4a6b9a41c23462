#include "tools/replay/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/fiscal_year.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/replay/story.h"
#include "tools/replay/page/reasons.h"
#include "tools/replay/structure.h"

namespace nakadachi::replay {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr int64_t kDayMs = 86'400'000;

ReplayOptions OptionsFor(const std::string& folder) {
  ReplayOptions options;
  options.folders = {folder};
  return options;
}

Report ReplayOf(const std::string& folder) {
  auto report = Replay(OptionsFor(folder));
  EXPECT_TRUE(report.ok()) << report.status();
  if (!report.ok()) return Report();
  for (const Finding& finding : report->findings) {
    if (finding.kind->id == "unreadable") continue;  // the words of a file's error
    EXPECT_NE(ReasonInJapanese(finding.reason), "") << finding.reason;
  }
  return *std::move(report);
}

Report ReplayOf(TestNetwork& network) {
  const TemporaryFolder folder;
  network.Export(folder.path());
  return ReplayOf(folder.path());
}

std::vector<std::string> KindsOf(const Report& report, Severity severity) {
  std::vector<std::string> kinds;
  for (const Finding& finding : report.findings) {
    if (finding.kind->severity == severity) kinds.emplace_back(finding.kind->id);
  }
  return kinds;
}

TEST(Replay, TheTruthHasNoFindings) {
  TestNetwork network;
  Tell(network);
  const Report report = ReplayOf(network);
  EXPECT_TRUE(report.clean()) << ToText(report);
  EXPECT_THAT(KindsOf(report, Severity::kFinding), IsEmpty());
  const std::map<std::string, uint64_t> notes = {{"permit-unanswered", 1},
                                                 {"provision-unreceipted", 1},
                                                 {"query-undecided", 1},
                                                 {"receipt-unverified", 1}};
  EXPECT_EQ(report.totals, notes) << ToText(report);
  EXPECT_EQ(report.network, "test network");
  EXPECT_EQ(report.logs.size(), 5u);
  for (const LogReport& log : report.logs) {
    EXPECT_TRUE(log.sound) << log.log;
    EXPECT_NE(log.verifier_key, "") << log.log;
  }
}

TEST(Replay, CountsWhatHappened) {
  TestNetwork network;
  Tell(network);
  const Report report = ReplayOf(network);
  const Figures& figures = report.figures;
  EXPECT_EQ(figures.exchanges, 24u);
  EXPECT_EQ(figures.completed, 12u);
  EXPECT_EQ(figures.refused, 8u);
  EXPECT_EQ(figures.lapsed, 1u);
  EXPECT_EQ(figures.unreceipted, 1u);
  EXPECT_EQ(figures.undecided, 1u);
  EXPECT_EQ(figures.open, 1u);
  EXPECT_EQ(figures.not_redecidable, 2u);  // an invented code, a proof that did not hold
  EXPECT_EQ(figures.redecided, 22u);

  const Use& immunization = report.procedures.at("immunization");
  EXPECT_EQ(immunization.outcomes.at("provided"), 8u);
  EXPECT_EQ(immunization.outcomes.at("not-held"), 1u);
  EXPECT_EQ(immunization.awaited_review, 2u);
  EXPECT_EQ(immunization.refusals.at("not-permitted"), 1u);
  EXPECT_GE(immunization.answer.Quantile(0.5), 90);
  EXPECT_EQ(report.as_requester.at(kChiyoda).permits, 3u);
  EXPECT_THAT(report.procedures_never_used, Contains("immunization-benefit-illness"));
  EXPECT_THAT(report.procedures_never_used, Not(Contains("immunization")));
  ASSERT_FALSE(report.exchanges.empty());
  EXPECT_EQ(report.exchanges[0].provisions.size(), 1u);
  EXPECT_TRUE(report.exchanges[0].query.has_value());
}

// A case of a lie and what is found: of these kinds all, of others none.
struct LieCase {
  const char* name;
  std::set<std::string> kinds;
  Lie lie;
};

Plan::Hook Permit(std::function<void(v1::Permit&, v1::Statement&)> change) {
  return [change](v1::Statement& s) { change(*s.mutable_permit(), s); };
}
Plan::Hook Provision(std::function<void(v1::Provision&, v1::Statement&)> change) {
  return [change](v1::Statement& s) { change(*s.mutable_provision(), s); };
}
Plan::Hook Receipt(std::function<void(v1::Receipt&, v1::Statement&)> change) {
  return [change](v1::Statement& s) { change(*s.mutable_receipt(), s); };
}
Lie OfDecision(Plan::Hook hook) {
  Lie lie;
  lie.plan = [hook = std::move(hook)](Plan& plan) { plan.decision = hook; };
  return lie;
}
Lie OfProvision(Plan::Hook hook) {
  Lie lie;
  lie.plan = [hook = std::move(hook)](Plan& plan) { plan.provision = hook; };
  return lie;
}
Lie OfReceipt(Plan::Hook hook) {
  Lie lie;
  lie.plan = [hook = std::move(hook)](Plan& plan) { plan.receipt = hook; };
  return lie;
}
Lie OfPlan(std::function<void(Plan&)> change) {
  Lie lie;
  lie.plan = std::move(change);
  return lie;
}
Lie OfForbidden(std::function<void(Plan&)> change) {
  Lie lie;
  lie.forbidden = std::move(change);
  return lie;
}
Lie Then(std::function<void(TestNetwork&, const Told&)> then) {
  Lie lie;
  lie.then = std::move(then);
  return lie;
}
Lie Finally(std::function<void(TestNetwork&)> finally) {
  Lie lie;
  lie.finally = std::move(finally);
  return lie;
}

std::string Nobody() { return std::string(32, '\x5a'); }

std::vector<LieCase> DecisionLies() {
  return {
      {"PermitAgainstList",
       {"permit-against-list", "provision-against-list"},
       OfForbidden([](Plan& plan) { plan.refused = v1::REFUSAL_REASON_UNSPECIFIED; })},
      {"RefusalOfThePermitted", {"refusal-against-list"}, OfPlan([](Plan& plan) {
         plan.refused = v1::NOT_PERMITTED;
       })},
      {"RefusalForAnotherReason", {"refusal-against-list"}, OfForbidden([](Plan& plan) {
         plan.refused = v1::UNKNOWN_ITEM;
       })},
      {"RefusalOfAMemberAsUnknown", {"refusal-against-list"}, OfPlan([](Plan& plan) {
         plan.refused = v1::UNKNOWN_PROVIDER;
       })},
      {"RefusalOfTheWellFormedAsMalformed", {"refusal-against-list"}, OfPlan([](Plan& plan) {
         plan.refused = v1::MALFORMED;
       })},
      {"RefusalAsSelfQueryOfTwo", {"refusal-against-list"}, OfPlan([](Plan& plan) {
         plan.refused = v1::SELF_QUERY;
       })},
      {"DecisionByAListToCome",
       {"wrong-list"},
       OfDecision(Permit([](v1::Permit& p, v1::Statement&) { p.set_list_version(2); }))},
      {"DecisionByAFormerList", {"wrong-list"}, Finally([](TestNetwork& network) {
         Plan plan;
         plan.list_version = 1;
         network.Ask(plan);
       })},
      {"RefusalByAFormerList", {"wrong-list"}, Finally([](TestNetwork& network) {
         Plan plan;
         plan.items = {"medical-benefit"};
         plan.refused = v1::NOT_PERMITTED;
         plan.decision = [](v1::Statement& s) { s.mutable_refusal()->set_list_version(1); };
         network.Ask(plan);
       })},
      {"AnotherLegalBasis",
       {"legal-basis-differs"},
       OfDecision(Permit([](v1::Permit& p, v1::Statement&) { p.set_legal_basis(0, "none"); }))},
      {"PermitForTheFuture",
       {"permit-against-rule"},
       OfDecision(Permit(
           [](v1::Permit& p, v1::Statement&) { p.set_valid_from_ms(p.valid_from_ms() + 1000); }))},
      {"PermitOfADirectoryToCome",
       {"permit-against-rule"},
       OfDecision(Permit([](v1::Permit& p, v1::Statement&) { p.set_directory_size(99); }))},
      {"PermitToAStranger",
       {"permit-against-rule", "permit-against-list", "provision-against-list",
        "provision-redirected", "permit-differs", "receipt-redirected"},
       OfDecision(Permit([](v1::Permit& p, v1::Statement&) { p.set_provider("012025"); }))},
      {"RetroactiveList",
       {"list-retroactive"},
       [] {
         Lie lie;
         lie.amendment = [](v1::Statement& s) {
           v1::ListPublished* list = s.mutable_directory()->mutable_list_published();
           list->set_in_force_from_ms(s.time_ms() - kDayMs);
         };
         return lie;
       }()},
      {"RetroactiveRevocation",
       {"revocation-retroactive", "revoked-key"},
       Finally([](TestNetwork& network) {
         network.RevokeKey(kChiyoda, [](v1::Statement& s) {
           v1::KeyRevoked* revoked = s.mutable_directory()->mutable_key_revoked();
           revoked->set_revoked_from_ms(s.time_ms() - kDayMs);
         });
       })},
      {"DirectoryWithAGap", {"directory-broken"}, Finally([](TestNetwork& network) {
         network.PublishList(AmendedList(), [](v1::Statement& s) {
           s.mutable_directory()->set_sequence(s.directory().sequence() + 1);
         });
       })},
  };
}

std::vector<LieCase> ExchangeLies() {
  return {
      {"QueryNeverRecorded", {"permit-without-query"}, OfPlan([](Plan& plan) {
         plan.omit = {"query"};
       })},
      {"RefusedQueryNeverRecorded", {"refusal-without-query"}, OfForbidden([](Plan& plan) {
         plan.omit = {"query"};
       })},
      {"PermitOfAnotherDepartment",
       {"permit-differs"},
       OfDecision(Permit([](v1::Permit& p, v1::Statement&) { p.set_department("other"); }))},
      {"PermitWithoutTheFlag",
       {"permit-differs"},
       OfDecision(Permit([](v1::Permit& p, v1::Statement&) { p.set_non_disclosure(true); }))},
      {"RefusalOfAnotherQuery", {"refusal-differs"}, OfForbidden([](Plan& plan) {
         plan.decision = [](v1::Statement& s) { s.mutable_refusal()->set_department("other"); };
       })},
      {"TwoPermits", {"decision-doubled"}, Then([](TestNetwork& network, const Told& told) {
         v1::Statement again = told.decision_statement;
         again.set_time_ms(network.now_ms());
         again.mutable_permit()->set_permit_number(std::string(16, 'n'));
         again.mutable_permit()->set_valid_from_ms(network.now_ms());
         network.Record("broker", again);
       })},
      {"PermitAndRefusal",
       {"decision-doubled", "refusal-against-list"},
       Then([](TestNetwork& network, const Told& told) {
         const v1::Permit& permit = told.decision_statement.permit();
         v1::Statement refusal = network.NewStatement("broker");
         refusal.mutable_refusal()->set_query_commitment(permit.query_commitment());
         refusal.mutable_refusal()->set_requester(permit.requester());
         refusal.mutable_refusal()->set_provider(permit.provider());
         refusal.mutable_refusal()->set_procedure(permit.procedure());
         *refusal.mutable_refusal()->mutable_items() = permit.items();
         refusal.mutable_refusal()->set_department(permit.department());
         refusal.mutable_refusal()->set_reason(v1::NOT_PERMITTED);
         refusal.mutable_refusal()->set_list_version(1);
         network.Record("broker", refusal);
       })},
      {"PermitForAnOldQuery", {"permit-late"}, Finally([](TestNetwork& network) {
         Plan plan;
         plan.query = [&network](v1::Statement&) { network.Advance(2 * kDayMs); };
         network.Ask(plan);
       })},
      {"TwoPermitsWithOneNumber",
       {"permit-number-doubled"},
       Then([](TestNetwork& network, const Told& told) {
         Plan plan;
         const std::string number = told.decision_statement.permit().permit_number();
         plan.decision =
             Permit([number](v1::Permit& p, v1::Statement&) { p.set_permit_number(number); });
         network.Ask(plan);
       })},
      {"PermitThatTheBrokerNeverRecorded",
       {"permit-forged", "query-undecided"},
       Then([](TestNetwork& network, const Told&) {
         Plan plan;
         plan.provision =
             Provision([](v1::Provision& p, v1::Statement&) { p.set_permit_commitment(Nobody()); });
         plan.receipt =
             Receipt([](v1::Receipt& r, v1::Statement&) { r.set_permit_commitment(Nobody()); });
         plan.omit = {};
         plan.decision = Permit([](v1::Permit&, v1::Statement&) {});
         network.Ask(plan);
       })},
      {"PermitWithTheNumberOfARealOne",
       {"permit-forged"},
       Then([](TestNetwork& network, const Told& told) {
         v1::Statement forged = told.provision_statement;
         forged.set_time_ms(network.now_ms());
         forged.mutable_provision()->set_permit_commitment(Nobody());
         network.Record(kSendai, forged);
       })},
      {"PermitInAMembersLog",
       {"statement-misplaced"},
       Then([](TestNetwork& network, const Told& told) {
         v1::Statement forged = told.decision_statement;
         forged.set_author(kSendai);
         forged.set_time_ms(network.now_ms());
         network.Record(kSendai, forged);
       })},
      {"AnswerWithoutPermit",
       {"provision-without-permit"},
       Then([](TestNetwork& network, const Told& told) {
         v1::Statement alone = told.provision_statement;
         alone.set_time_ms(network.now_ms());
         alone.mutable_provision()->set_permit_commitment(Nobody());
         alone.mutable_provision()->set_permit_number(std::string(16, 'n'));
         network.Record(kSendai, alone);
       })},
      {"AnsweredByAnother",
       {"provision-redirected", "receipt-without-provision"},
       Then([](TestNetwork& network, const Told& told) {
         Plan plan;
         plan.omit = {"provision"};
         const Told asked = network.Ask(plan);
         v1::Statement other = told.provision_statement;
         other.set_author(kChiyoda);
         other.set_time_ms(network.now_ms());
         other.mutable_provision()->set_permit_commitment(std::string(AsView(asked.decision)));
         other.mutable_provision()->set_permit_number(
             asked.decision_statement.permit().permit_number());
         network.Record(kChiyoda, other);
         v1::Statement receipt = told.receipt_statement;
         receipt.set_time_ms(network.now_ms());
         receipt.mutable_receipt()->set_permit_commitment(std::string(AsView(asked.decision)));
         receipt.mutable_receipt()->set_permit_number(
             asked.decision_statement.permit().permit_number());
         receipt.mutable_receipt()->set_provision_commitment(Nobody());
         network.Record(kAizuwakamatsu, receipt);
       })},
      {"PermitUsedTwice", {"provision-doubled"}, Then([](TestNetwork& network, const Told& told) {
         v1::Statement again = told.provision_statement;
         again.set_time_ms(network.now_ms());
         network.Record(kSendai, again);
       })},
      {"AnsweredTooLate", {"provision-late"}, Finally([](TestNetwork& network) {
         Plan plan;
         plan.pause_ms = kDayMs + 1;
         network.Ask(plan);
       })},
      {"AnsweredBeyondItsItems",
       {"provision-beyond-items"},
       OfProvision(Provision(
           [](v1::Provision& p, v1::Statement&) { p.add_items("disability-certificate"); }))},
      {"VersionBeyondItsItems",
       {"provision-beyond-items"},
       OfProvision(Provision([](v1::Provision& p, v1::Statement&) {
         p.add_versions()->set_item("disability-certificate");
       }))},
      {"AnotherProcedure",
       {"provision-differs"},
       OfProvision(Provision(
           [](v1::Provision& p, v1::Statement&) { p.set_procedure("special-measures"); }))},
      {"AnotherNumber",
       {"provision-differs"},
       OfProvision(Provision(
           [](v1::Provision& p, v1::Statement&) { p.set_permit_number(std::string(16, 'n')); }))},
      {"ProvidedWithoutDigest",
       {"provision-differs"},
       OfProvision(Provision([](v1::Provision& p, v1::Statement&) { p.clear_payload_digest(); }))},
      {"ReviewThatNobodyAwaited",
       {"provision-differs"},
       OfProvision(Provision([](v1::Provision& p, v1::Statement&) { p.set_after_review(true); }))},
      {"RefusedByProviderAsForbidden", {"provision-refusal-unfounded"}, OfPlan([](Plan& plan) {
         plan.outcome = v1::REFUSED;
         plan.provision =
             Provision([](v1::Provision& p, v1::Statement&) { p.set_reason(v1::NOT_PERMITTED); });
       })},
      {"RefusedByProviderForANewerList", {"provision-refusal-unfounded"}, OfPlan([](Plan& plan) {
         plan.outcome = v1::REFUSED;
         plan.provision = Provision(
             [](v1::Provision& p, v1::Statement&) { p.set_reason(v1::LIST_NEWER_FORBIDS); });
       })},
      {"RefusedByProviderAsExpired", {"provision-refusal-unfounded"}, OfPlan([](Plan& plan) {
         plan.outcome = v1::REFUSED;
         plan.provision =
             Provision([](v1::Provision& p, v1::Statement&) { p.set_reason(v1::PERMIT_EXPIRED); });
       })},
      {"ReviewAfterTheAnswer",
       {"review-after-answer"},
       Then([](TestNetwork& network, const Told& told) {
         v1::Statement interim = told.provision_statement;
         interim.set_time_ms(network.now_ms());
         interim.mutable_provision()->set_outcome(v1::AWAITING_REVIEW);
         interim.mutable_provision()->clear_payload_digest();
         interim.mutable_provision()->clear_versions();
         network.Record(kSendai, interim);
       })},
      {"ReceiptOfNothing", {"receipt-without-provision"}, OfPlan([](Plan& plan) {
         plan.receipt =
             Receipt([](v1::Receipt& r, v1::Statement&) { r.set_provision_commitment(Nobody()); });
       })},
      {"ReceivedByAnother",
       {"receipt-redirected"},
       OfReceipt(Receipt([](v1::Receipt& r, v1::Statement&) { r.set_requester(kChiyoda); }))},
      {"TwoReceipts", {"receipt-doubled"}, Then([](TestNetwork& network, const Told& told) {
         v1::Statement again = told.receipt_statement;
         again.set_time_ms(network.now_ms());
         network.Record(kAizuwakamatsu, again);
       })},
      {"ReceiptWithAnotherNumber",
       {"receipt-differs"},
       OfReceipt(Receipt(
           [](v1::Receipt& r, v1::Statement&) { r.set_permit_number(std::string(16, 'n')); }))},
      {"VerifiedAndNot", {"receipt-differs"}, OfReceipt(Receipt([](v1::Receipt& r, v1::Statement&) {
         r.set_reason("digest");
       }))},
      {"ClockMovedBack", {"clock-back"}, Then([](TestNetwork& network, const Told&) {
         v1::Statement stop = network.NewStatement(kSendai);
         stop.set_time_ms(stop.time_ms() - 3'600'000);
         stop.mutable_operation()->set_kind("stop");
         network.Record(kSendai, stop);
       })},
      {"QueryLaterThanItsPermit", {"out-of-order", "clock-back"}, Finally([](TestNetwork& network) {
         Plan plan;
         plan.query = [](v1::Statement& s) { s.set_time_ms(s.time_ms() + 45'000); };
         network.Ask(plan);
         network.Advance(60'000);
       })},
      {"ReceiptEarlierThanTheProvision", {"out-of-order"}, Finally([](TestNetwork& network) {
         Plan plan;
         plan.provision = [](v1::Statement& s) { s.set_time_ms(s.time_ms() + 90'000); };
         network.Ask(plan);
         network.Advance(120'000);
       })},
      {"RecordedAfterItsCheckpoint",
       {"time-ahead", "clock-back"},
       Finally([](TestNetwork& network) {
         v1::Statement stop = network.NewStatement(kChiyoda);
         stop.set_time_ms(stop.time_ms() + 30 * kDayMs);
         stop.mutable_operation()->set_kind("stop");
         network.Record(kChiyoda, stop);
       })},
  };
}

std::vector<LieCase> SignatureLies() {
  return {
      {"RevokedKey", {"revoked-key"}, Finally([](TestNetwork& network) {
         network.RevokeKey(kChiyoda);
       })},
      {"ForeignKey", {"foreign-key"}, Finally([](TestNetwork& network) {
         network.UseForeignKey(kChiyoda);
       })},
      {"TwoHistories", {"two-histories"}, Finally([](TestNetwork& network) {
         network.KeepSecondHistory(kSendai);
       })},
  };
}

std::map<std::string, uint64_t> TotalsOfTheTruth() {
  TestNetwork truth;
  Tell(truth);
  return ReplayOf(truth).totals;
}

class LieTest : public ::testing::TestWithParam<LieCase> {};

TEST_P(LieTest, IsFound) {
  static const auto& before = *new std::map<std::string, uint64_t>(TotalsOfTheTruth());
  TestNetwork network;
  Tell(network, GetParam().lie);
  const Report report = ReplayOf(network);
  std::set<std::string> found;
  for (const auto& [kind, count] : report.totals) {
    const auto known = before.find(kind);
    if (known == before.end() || known->second != count) found.insert(kind);
  }
  found.erase("not-judged");  // for what was erased
  found.erase("query-undecided");
  found.erase("permit-unanswered");
  found.erase("provision-unreceipted");
  std::set<std::string> expected = GetParam().kinds;
  expected.erase("query-undecided");
  EXPECT_EQ(found, expected) << ToText(report);
  EXPECT_FALSE(report.clean());
  for (const Finding& finding : report.findings) {
    EXPECT_NE(finding.reason, "");
    if (finding.kind->area != Area::kStructure) {
      EXPECT_TRUE(finding.index.has_value()) << finding.kind->id;
    }
  }
}

std::string NameOf(const ::testing::TestParamInfo<LieCase>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Decisions, LieTest, ::testing::ValuesIn(DecisionLies()), NameOf);
INSTANTIATE_TEST_SUITE_P(Exchanges, LieTest, ::testing::ValuesIn(ExchangeLies()), NameOf);
INSTANTIATE_TEST_SUITE_P(Signatures, LieTest, ::testing::ValuesIn(SignatureLies()), NameOf);

// ---- Retention

v1::Statement Erasure(const TestNetwork& network, const char* kind, int year, uint64_t first,
                      uint64_t end) {
  v1::Statement statement = network.NewStatement(kSendai);
  statement.mutable_operation()->set_kind(kind);
  v1::Erasure& erasure = *statement.mutable_operation()->mutable_erasure();
  erasure.set_fiscal_year(year);
  erasure.set_first_index(first);
  erasure.set_end_index(end);
  erasure.set_erased(end - first);
  return statement;
}

v1::Statement HoldOn(const TestNetwork& network, const char* kind, uint64_t entry) {
  v1::Statement statement = network.NewStatement(kSendai);
  statement.mutable_operation()->set_kind(kind);
  statement.mutable_operation()->mutable_hold()->set_hold_id(std::string(16, 'h'));
  statement.mutable_operation()->mutable_hold()->add_entries(entry);
  return statement;
}

// Sendai's last record is erased; eight years later and a little, its log says so.
struct OldRecord {
  explicit OldRecord(TestNetwork& network) {
    network.Ask(Plan());
    year = FiscalYearOf(network.now_ms());
    size = network.SizeOf(kSendai);
    network.SetLastBody(kSendai, evidence::BodyState::kErased);
    network.Advance(RetentionEndMs(year, kMinRetentionYears) - network.now_ms());
  }
  int year = 0;
  uint64_t size = 0;
};

std::vector<LieCase> RetentionLies() {
  return {
      {"erased_and_never_said",
       {"erased-without-record"},
       {nullptr, nullptr, nullptr, nullptr, nullptr,
        [](TestNetwork& network) { OldRecord old(network); }}},
      {"erased_and_said_of_others",
       {"erased-without-record"},
       {nullptr, nullptr, nullptr, nullptr, nullptr,
        [](TestNetwork& network) {
          const OldRecord old(network);
          network.Record(kSendai, Erasure(network, "erasure", old.year, 0, old.size - 1));
        }}},
      {"done_and_never_announced",
       {"erased-without-record"},
       {nullptr, nullptr, nullptr, nullptr, nullptr,
        [](TestNetwork& network) {
          network.Advance(8 * 366 * kDayMs);
          network.Record(kSendai, Erasure(network, "erased", 1999, 0, 0));
        }}},
      {"erased_a_day_early",
       {"erased-early"},
       {nullptr, nullptr, nullptr, nullptr, nullptr,
        [](TestNetwork& network) {
          const OldRecord old(network);
          network.Advance(-kDayMs);
          network.Record(kSendai, Erasure(network, "erasure", old.year, 0, old.size));
        }}},
      {"erased_the_next_year_too",
       {"erasure-range"},
       {nullptr, nullptr, nullptr, nullptr, nullptr,
        [](TestNetwork& network) {
          const OldRecord old(network);
          network.Record(kSendai, HoldOn(network, "hold", 0));
          network.Record(kSendai, Erasure(network, "erasure", old.year, 0, old.size + 1));
        }}},
      {"erased_what_was_held",
       {"held-erased"},
       {nullptr, nullptr, nullptr, nullptr, nullptr,
        [](TestNetwork& network) {
          const OldRecord old(network);
          network.Record(kSendai, HoldOn(network, "hold", old.size - 1));
          network.Record(kSendai, Erasure(network, "erasure", old.year, 0, old.size));
          network.Record(kSendai, HoldOn(network, "hold-released", old.size - 1));
        }}},
  };
}

INSTANTIATE_TEST_SUITE_P(Retention, LieTest, ::testing::ValuesIn(RetentionLies()), NameOf);

TEST(Replay, AnErasureInItsTimeIsNoFinding) {
  TestNetwork network;
  const OldRecord old(network);
  network.Record(kSendai, HoldOn(network, "hold", old.size - 1));
  network.Record(kSendai, HoldOn(network, "hold-released", old.size - 1));
  network.Record(kSendai, Erasure(network, "erasure", old.year, 0, old.size));
  network.Record(kSendai, Erasure(network, "erased", old.year, 0, old.size));
  const Report report = ReplayOf(network);
  EXPECT_TRUE(report.clean()) << ToText(report);
  const auto sendai = std::find_if(report.logs.begin(), report.logs.end(),
                                   [](const LogReport& log) { return log.log == kSendai; });
  ASSERT_NE(sendai, report.logs.end());
  EXPECT_EQ(sendai->erased, 1u);
  ASSERT_EQ(sendai->erasures.size(), 1u);
  EXPECT_EQ(sendai->erasures[0].fiscal_year, old.year);
  EXPECT_EQ(sendai->erasures[0].end_index, old.size);
  EXPECT_TRUE(sendai->erasures[0].done);
  EXPECT_THAT(ToText(report), HasSubstr(absl::StrCat("fiscal year ", old.year)));
}

// ---- Times that no clock shows

struct EdgeCase {
  const char* name;
  std::function<void(TestNetwork&, int64_t edge_ms)> tell;
  std::set<std::string> least, greatest;  // found where it is the least or the greatest time
};

std::function<void(TestNetwork&, int64_t)> AskAt(Plan::Hook Plan::*step) {
  return [step](TestNetwork& network, int64_t edge_ms) {
    Plan plan;
    plan.review = true;
    plan.*step = [edge_ms](v1::Statement& s) { s.set_time_ms(edge_ms); };
    network.Ask(plan);
  };
}

std::function<void(TestNetwork&, int64_t)> AskWith(
    const std::set<std::string>& omit, const std::function<void(v1::Permit&, int64_t)>& change) {
  return [omit, change](TestNetwork& network, int64_t edge_ms) {
    Plan plan;
    plan.omit = omit;
    plan.decision = Permit([&](v1::Permit& p, v1::Statement&) { change(p, edge_ms); });
    network.Ask(plan);
  };
}

TEST(Replay, TimesAtTheEndsOfTheirRange) {
  const auto until = [](v1::Permit& p, int64_t edge_ms) { p.set_valid_until_ms(edge_ms); };
  const auto from = [](v1::Permit& p, int64_t edge_ms) { p.set_valid_from_ms(edge_ms); };
  const EdgeCase cases[] = {
      {"query", AskAt(&Plan::query), {"permit-late"}, {"clock-back", "out-of-order", "time-ahead"}},
      {"decision",
       AskAt(&Plan::decision),
       {"clock-back", "out-of-order", "permit-against-list", "permit-against-rule",
        "provision-against-list", "wrong-list"},
       {"clock-back", "legal-basis-differs", "out-of-order", "permit-against-rule", "permit-late",
        "time-ahead"}},
      {"interim",
       AskAt(&Plan::interim),
       {"out-of-order"},
       {"clock-back", "provision-late", "time-ahead"}},
      {"provision",
       AskAt(&Plan::provision),
       {"clock-back", "out-of-order"},
       {"clock-back", "out-of-order", "provision-late", "time-ahead"}},
      {"receipt",
       AskAt(&Plan::receipt),
       {"clock-back", "out-of-order"},
       {"clock-back", "time-ahead"}},
      {"validity until", AskWith({}, until), {"permit-against-rule", "provision-late"}, {}},
      {"validity until, no receipt",
       AskWith({"receipt"}, until),
       {"permit-against-rule", "provision-late", "provision-unreceipted"},
       {}},
      {"validity until, no answer",
       AskWith({"provision", "receipt"}, until),
       {"permit-against-rule", "permit-unanswered"},
       {}},
      {"validity from", AskWith({}, from), {"permit-against-rule"}, {"permit-against-rule"}},
      {"undecided",
       [](TestNetwork& network, int64_t edge_ms) {
         Plan plan;
         plan.omit = {"decision"};
         plan.query = [edge_ms](v1::Statement& s) { s.set_time_ms(edge_ms); };
         network.Ask(plan);
       },
       {"query-undecided"},
       {"clock-back", "time-ahead"}},
      {"checkpoint",
       [](TestNetwork& network, int64_t edge_ms) {
         network.Ask({});
         network.SetCheckpointTime(kSendai, std::max(int64_t{0}, edge_ms));  // none is negative
       },
       {"revoked-key", "time-ahead"},
       {}},
      {"list",
       [](TestNetwork& network, int64_t edge_ms) {
         network.PublishList(AmendedList(), [edge_ms](v1::Statement& s) {
           s.mutable_directory()->mutable_list_published()->set_in_force_from_ms(edge_ms);
         });
       },
       {"list-retroactive"},
       {}},
      {"list's statement",
       [](TestNetwork& network, int64_t edge_ms) {
         network.PublishList(AmendedList(),
                             [edge_ms](v1::Statement& s) { s.set_time_ms(edge_ms); });
         network.Ask({});
       },
       {"clock-back"},
       {"clock-back", "list-retroactive", "time-ahead", "wrong-list"}},
      {"revocation",
       [](TestNetwork& network, int64_t edge_ms) {
         network.RevokeKey(kChiyoda, [edge_ms](v1::Statement& s) {
           s.mutable_directory()->mutable_key_revoked()->set_revoked_from_ms(edge_ms);
         });
       },
       {"revocation-retroactive", "revoked-key"},
       {}},
      {"erasure",
       [](TestNetwork& network, int64_t edge_ms) {
         const int year = edge_ms < 0 ? INT32_MIN : INT32_MAX;
         network.Record(kSendai, Erasure(network, "erasure", year, 0, 0));
       },
       {},
       {"erased-early"}},
  };
  for (const EdgeCase& c : cases) {
    for (const int64_t edge_ms : {INT64_MIN, INT64_MAX}) {
      SCOPED_TRACE(absl::StrCat(c.name, " ", edge_ms));
      TestNetwork network;
      c.tell(network, edge_ms);
      network.Advance(3 * kDayMs);
      const Report report = ReplayOf(network);
      std::set<std::string> found;
      for (const auto& [kind, count] : report.totals) found.insert(kind);
      EXPECT_EQ(found, edge_ms < 0 ? c.least : c.greatest) << ToText(report);
    }
  }
}

TEST(Replay, EveryKindOfDecisionAndExchangeHasALie) {
  std::set<std::string> told = {"permit-unanswered", "provision-unreceipted", "receipt-unverified",
                                "query-undecided"};  // in the truth
  for (const auto& lies : {DecisionLies(), ExchangeLies(), SignatureLies(), RetentionLies()}) {
    for (const LieCase& lie : lies) told.insert(lie.kinds.begin(), lie.kinds.end());
  }
  for (const Kind& kind : Kinds()) {
    if (kind.area == Area::kStructure) continue;  // structure_test tells those
    EXPECT_EQ(told.count(std::string(kind.id)), 1u) << kind.id;
  }
}

TEST(Replay, EveryKindOfStructureIsExplained) {
  for (int kind = 0; kind <= static_cast<int>(StructureKind::kNewerCheckpoint); ++kind) {
    const absl::string_view word = ToWord(static_cast<StructureKind>(kind));
    ASSERT_NE(FindKind(word), nullptr) << word;
    EXPECT_EQ(FindKind(word)->area, Area::kStructure) << word;
  }
}

TEST(Replay, AProviderThatIgnoresANewListIsFound) {
  TestNetwork network;
  Plan plan;
  plan.procedure = "special-measures-immunization";
  plan.items = {"special-measures-immunization"};
  plan.interim = nullptr;
  plan.pause_ms = 3 * 3'600'000;
  plan.decision = [](v1::Statement&) {};
  plan.omit = {"provision"};
  const Told told = network.Ask(plan);
  network.PublishList(AmendedList());
  network.Advance(2 * 3'600'000);
  v1::Statement provision = network.NewStatement(kSendai);
  v1::Provision* answer = provision.mutable_provision();
  answer->set_permit_commitment(std::string(AsView(told.decision)));
  answer->set_permit_number(told.decision_statement.permit().permit_number());
  answer->set_requester(kAizuwakamatsu);
  answer->set_provider(kSendai);
  answer->set_procedure(plan.procedure);
  answer->add_items(plan.items[0]);
  answer->set_outcome(v1::NOT_HELD);
  network.Record(kSendai, provision);
  EXPECT_THAT(KindsOf(ReplayOf(network), Severity::kFinding),
              ::testing::ElementsAre("provision-against-list"));
}

TEST(Replay, WhatCannotBeSeenIsNotHeldAgainstAnybody) {
  for (const evidence::BodyState state :
       {evidence::BodyState::kErased, evidence::BodyState::kWithheld}) {
    TestNetwork network;
    Plan plan;
    plan.decision = [](v1::Statement&) {};
    plan.omit = {"provision"};
    const Told told = network.Ask(plan);
    network.SetLastBody("broker", state);        // the permit
    network.SetLastBody(kAizuwakamatsu, state);  // the query
    Plan answered;
    v1::Statement provision = network.NewStatement(kSendai);
    provision.mutable_provision()->set_permit_commitment(std::string(AsView(told.decision)));
    provision.mutable_provision()->set_permit_number(
        told.decision_statement.permit().permit_number());
    provision.mutable_provision()->set_requester(kAizuwakamatsu);
    provision.mutable_provision()->set_provider(kSendai);
    provision.mutable_provision()->set_procedure("immunization");
    provision.mutable_provision()->add_items("immunization");
    provision.mutable_provision()->set_outcome(v1::NOT_HELD);
    network.Record(kSendai, provision);
    if (state == evidence::BodyState::kErased) {
      const int year = FiscalYearOf(network.now_ms());
      network.Advance(RetentionEndMs(year, kMinRetentionYears) - network.now_ms());
      for (const char* log : {"broker", kAizuwakamatsu}) {
        v1::Statement erasure = Erasure(network, "erasure", year, 0, network.SizeOf(log));
        erasure.set_author(log);
        network.Record(log, erasure);
      }
    }
    network.Advance(kDayMs);
    const Report report = ReplayOf(network);
    EXPECT_TRUE(report.clean()) << ToText(report);
    EXPECT_EQ(report.figures.not_judged, 1u);
    const bool erased = state == evidence::BodyState::kErased;
    EXPECT_EQ(report.logs[0].erased, erased ? 1u : 0u);
    EXPECT_EQ(report.logs[0].out_of_scope, erased ? 0u : 1u);
  }
}

TEST(Replay, ALogThatIsNotThereIsNoted) {
  TestNetwork network;
  Tell(network);
  network.LeaveOut(kSendai);
  const Report report = ReplayOf(network);
  EXPECT_TRUE(report.clean()) << ToText(report);
  EXPECT_THAT(KindsOf(report, Severity::kNote), Contains("log-missing"));
  EXPECT_GT(report.figures.not_judged, 0u);
}

TEST(Replay, WhatTheOtherLogDoesNotReachIsNoFinding) {
  TestNetwork network;
  Tell(network);
  // The broker's log ends before the last exchange, as if it had been exported first.
  Plan later;
  later.omit = {"decision"};
  network.Ask(later);
  network.SetCheckpointTime("broker", network.now_ms() - 500);
  v1::Statement provision = network.NewStatement(kSendai);
  provision.mutable_provision()->set_permit_commitment(Nobody());
  provision.mutable_provision()->set_permit_number(std::string(16, 'n'));
  provision.mutable_provision()->set_requester(kAizuwakamatsu);
  provision.mutable_provision()->set_provider(kSendai);
  provision.mutable_provision()->set_procedure("immunization");
  provision.mutable_provision()->add_items("immunization");
  provision.mutable_provision()->set_outcome(v1::NOT_HELD);
  network.Record(kSendai, provision);
  const Report report = ReplayOf(network);
  EXPECT_TRUE(report.clean()) << ToText(report);
}

TEST(Replay, TheKeyThatIsGivenCounts) {
  TestNetwork network;
  network.Ask({});
  const TemporaryFolder folder;
  network.Export(folder.path());
  ReplayOptions options = OptionsFor(folder.path());
  options.verifier_key = network.VerifierKey();
  auto report = Replay(options);
  ASSERT_TRUE(report.ok());
  EXPECT_TRUE(report->clean()) << ToText(*report);
  EXPECT_TRUE(report->anchor_given);
  EXPECT_EQ(report->trust_anchor, network.VerifierKey());

  TestNetwork another(2);
  options.verifier_key = another.VerifierKey();
  report = Replay(options);
  ASSERT_TRUE(report.ok());
  // Nobody is accused of anything by a key that is not the network's.
  EXPECT_THAT(KindsOf(*report, Severity::kFinding),
              ::testing::UnorderedElementsAre("directory-broken", "foreign-key", "foreign-key",
                                              "foreign-key", "foreign-key", "foreign-key"));
  EXPECT_FALSE(report->whole());
  options.verifier_key = absl::StrCat(network.VerifierKey(), "\r\n");  // as from a file
  EXPECT_TRUE(Replay(options)->clean());
  options.verifier_key = "nonsense";
  EXPECT_FALSE(Replay(options).ok());
}

// A refusal for its key is decided again where the directory leaves no other answer.
TEST(Replay, ARefusalForAKeyThatWasRevokedIsConfirmed) {
  Plan plan;
  plan.refused = v1::KEY_NOT_VALID;
  TestNetwork valid;
  valid.Ask(plan);
  const Report rests = ReplayOf(valid);
  EXPECT_EQ(rests.figures.not_redecidable, 1u);
  EXPECT_EQ(rests.verdict(), "no-findings") << ToText(rests);

  TestNetwork revoked;
  revoked.RevokeKey(kAizuwakamatsu);
  revoked.Ask(plan);
  const Report confirmed = ReplayOf(revoked);
  EXPECT_EQ(confirmed.figures.not_redecidable, 0u);
  EXPECT_EQ(confirmed.figures.redecided, 1u);
}

// Who sees a part cannot say what was never used.
TEST(Replay, WhatWasNeverUsedIsToldOnlyOfTheWhole) {
  TestNetwork network;
  network.Ask({});
  network.SetLastBody("broker", evidence::BodyState::kWithheld);
  const Report report = ReplayOf(network);
  EXPECT_FALSE(report.all_use_seen());
  EXPECT_THAT(report.procedures_never_used, IsEmpty());
  EXPECT_THAT(ToText(report), HasSubstr("Never used: cannot be told"));
  EXPECT_THAT(ToJson(report), HasSubstr("\"procedures_never_used\": null"));
  EXPECT_EQ(report.figures.open, 0u);
  EXPECT_GT(report.figures.not_judged, 0u);
}

TEST(Replay, AKeyFileThatCannotBeReadIsAFindingWhereTheKeyIsGiven) {
  TestNetwork network;
  network.Ask({});
  const TemporaryFolder folder;
  network.Export(folder.path());
  std::ofstream(folder.path() + "/broker/vkey") << "nonsense\n";
  ReplayOptions options = OptionsFor(folder.path());
  const auto without = Replay(options);
  ASSERT_FALSE(without.ok());
  EXPECT_THAT(std::string(without.status().message()), HasSubstr("broker/vkey"));
  options.verifier_key = network.VerifierKey();
  const auto report = Replay(options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(KindsOf(*report, Severity::kFinding), ::testing::ElementsAre("unreadable"));
  std::ofstream(folder.path() + "/broker/checkpoint") << "nonsense\n";
  const auto unreadable = Replay(options);
  ASSERT_FALSE(unreadable.ok());
  EXPECT_THAT(std::string(unreadable.status().message()), HasSubstr("broker/checkpoint"));
}

TEST(Replay, AChangedByteIsTheFirstFinding) {
  TestNetwork network;
  Tell(network);
  const TemporaryFolder folder;
  network.Export(folder.path());
  fs::path changed;
  for (const auto& entry : fs::recursive_directory_iterator(folder.path() + "/" + kSendai)) {
    if (entry.is_regular_file() && entry.path().string().find("/statements/") != std::string::npos)
      changed = entry.path();
  }
  ASSERT_NE(changed, fs::path());
  std::fstream file(changed, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(-3, std::ios::end);
  const char byte = static_cast<char>(file.get());
  file.seekp(-3, std::ios::end);
  file.put(static_cast<char>(byte ^ 1));
  file.close();
  const Report report = ReplayOf(folder.path());
  ASSERT_FALSE(report.findings.empty());
  EXPECT_EQ(report.findings[0].kind->id, "changed-body");
  EXPECT_EQ(report.findings[0].log, kSendai);
}

TEST(Replay, WithoutEvidenceThereIsNoJudgement) {
  const TemporaryFolder folder;
  EXPECT_FALSE(Replay(OptionsFor(folder.path())).ok());
  TestNetwork network;
  network.LeaveOut("broker");
  network.Export(folder.path());
  const auto report = Replay(OptionsFor(folder.path()));
  ASSERT_FALSE(report.ok());
  EXPECT_THAT(std::string(report.status().message()), HasSubstr("no-broker"));
}

// Nor does how little is joined at once.
void ExpectSameByAnyThreads(const std::string& folder, size_t kept_findings) {
  std::string first;
  for (const int threads : {1, 2, 4}) {
    for (const size_t joined_bytes : {size_t{12} << 20, size_t{2'000}}) {
      ReplayOptions options = OptionsFor(folder);
      options.threads = threads;
      options.kept_findings = kept_findings;
      options.joined_bytes = joined_bytes;
      auto report = Replay(options);
      ASSERT_TRUE(report.ok());
      report->elapsed_s = 0;
      const std::string json = ToJson(*report);
      if (first.empty()) first = json;
      EXPECT_EQ(json, first) << threads << " threads, " << joined_bytes << " bytes";
    }
  }
}

TEST(Replay, ThreadsDoNotChangeTheReport) {
  TestNetwork network;
  Lie lie;
  lie.plan = [](Plan& plan) { plan.omit = {"query"}; };
  Tell(network, lie);
  const TemporaryFolder folder;
  network.Export(folder.path());
  ExpectSameByAnyThreads(folder.path(), 1000);
}

// Logs of several pieces each, with more findings than are kept.
TEST(Replay, ThreadsDoNotChangeALongReport) {
  TestNetwork network;
  std::vector<Plan> plans(7);
  plans[1].omit = {"query"};
  plans[2].omit = {"decision"};
  plans[3].provider = kChiyoda;
  plans[4].review = true;
  plans[5].provision = [](v1::Statement& s) { s.mutable_provision()->add_items("residence"); };
  plans[6].outcome = v1::NOT_HELD;
  plans[6].omit = {"receipt"};
  for (int i = 0; i < 3'000; ++i) network.Ask(plans[static_cast<size_t>(i) % plans.size()]);
  const TemporaryFolder folder;
  network.Export(folder.path());
  ExpectSameByAnyThreads(folder.path(), 50);
  const Report report = ReplayOf(folder.path());
  EXPECT_GT(report.totals.at("permit-without-query"), 400u);
  EXPECT_GT(report.totals.at("provision-beyond-items"), 400u);
}

}  // namespace
}  // namespace nakadachi::replay
