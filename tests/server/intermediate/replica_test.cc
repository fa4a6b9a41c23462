#include "server/intermediate/replica.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/rpc/channel.h"
#include "server/intermediate/exchange_rules.h"
#include "server/intermediate/layout.h"
#include "tests/server/intermediate/institution_fixture.h"
#include "tests/server/intermediate/replica_sets.h"

namespace nakadachi::intermediate {
namespace {

struct RuleCase {
  std::string name;
  std::function<void(v1::ReplicaSet&)> change;
  std::string field;  // empty: in order
  std::string rule;
};

v1::Vaccination& First(v1::ReplicaSet& set) {
  return *set.mutable_records(0)->mutable_vaccination();
}
std::function<void(v1::ReplicaSet&)> Date(const std::string& date) {
  return [date](v1::ReplicaSet& set) { First(set).mutable_date()->set_yyyymmdd(date); };
}
std::string Repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

TEST(CheckReplicaSetTest, Rules) {
  const std::string date = "records[0].vaccination.date";
  const std::vector<RuleCase> cases = {
      {"as is", [](v1::ReplicaSet&) {}, "", ""},
      {"no records", [](v1::ReplicaSet& s) { s.clear_records(); }, "", ""},
      {"no item", [](v1::ReplicaSet& s) { s.clear_item(); }, "item", "slug"},
      {"capital", [](v1::ReplicaSet& s) { s.set_item("Immunization"); }, "item", "slug"},
      {"hyphen last", [](v1::ReplicaSet& s) { s.set_item("immunization-"); }, "item", "slug"},
      {"version 0", [](v1::ReplicaSet& s) { s.set_source_version(0); }, "source_version", "range"},
      {"time 0", [](v1::ReplicaSet& s) { s.set_source_time_ms(0); }, "source_time_ms", "range"},
      {"time before 1970", [](v1::ReplicaSet& s) { s.set_source_time_ms(-1); }, "source_time_ms",
       "range"},
      {"other item", [](v1::ReplicaSet& s) { s.mutable_records(1)->set_item("benefits"); },
       "records[1].item", "item"},
      {"no id", [](v1::ReplicaSet& s) { s.mutable_records(1)->clear_record_id(); },
       "records[1].record_id", "empty"},
      {"same id",
       [](v1::ReplicaSet& s) { s.mutable_records(1)->set_record_id(s.records(0).record_id()); },
       "records[1].record_id", "duplicate"},
      {"no content", [](v1::ReplicaSet& s) { s.mutable_records(0)->clear_content(); },
       "records[0].content", "empty"},
      {"kind", [](v1::ReplicaSet& s) { First(s).set_vaccine_kind("3000"); },
       "records[0].vaccination.vaccine_kind", "digits"},
      {"dose 0", [](v1::ReplicaSet& s) { First(s).set_dose(0); }, "records[0].vaccination.dose",
       "range"},
      {"dose 7", [](v1::ReplicaSet& s) { First(s).set_dose(7); }, "", ""},
      {"dose 8", [](v1::ReplicaSet& s) { First(s).set_dose(8); }, "records[0].vaccination.dose",
       "range"},
      {"20 characters", [](v1::ReplicaSet& s) { First(s).set_physician(Repeated("髙", 20)); }, "",
       ""},
      {"21 characters", [](v1::ReplicaSet& s) { First(s).set_physician(Repeated("髙", 21)); },
       "records[0].vaccination.physician", "length"},
      {"place", [](v1::ReplicaSet& s) { First(s).set_place(Repeated("仙", 31)); },
       "records[0].vaccination.place", "length"},
      {"lot", [](v1::ReplicaSet& s) { First(s).set_lot(Repeated("A", 21)); },
       "records[0].vaccination.lot", "length"},
      {"volume", [](v1::ReplicaSet& s) { First(s).set_volume_ml("0.3.0"); },
       "records[0].vaccination.volume_ml", "decimal"},
      {"volume sign", [](v1::ReplicaSet& s) { First(s).set_volume_ml("-0.3"); },
       "records[0].vaccination.volume_ml", "decimal"},
      {"ticket", [](v1::ReplicaSet& s) { First(s).set_ticket_number("123"); },
       "records[0].vaccination.ticket_number", "length"},
      {"municipality", [](v1::ReplicaSet& s) { First(s).set_municipality("072029"); },
       "records[0].vaccination.municipality", "check-digit"},
      {"leap day", Date("20240229"), "", ""},
      {"no leap day", Date("20230229"), date, "date"},
      {"month 13", Date("20241301"), date, "date"},
      {"day 32", Date("20240132"), date, "date"},
      {"unknown", Date("00000000"), "", ""},
      {"season", Date("2024A100"), "", ""},
      {"no such season", Date("2024A500"), date, "date"},
      {"third of a month", Date("202404A3"), "", ""},
      {"no such third", Date("202404A4"), date, "date"},
      {"third of month 13", Date("202413A1"), date, "date"},
      {"leap day of some year", Date("00000229"), "", ""},
      {"letters", Date("2024ab01"), date, "date"},
      {"short", Date("2024040"), date, "date"},
      {"no date", Date(""), date, "date"},
      {"not done, no date",
       [](v1::ReplicaSet& s) {
         First(s).set_done(false);
         First(s).clear_date();
       },
       "", ""},
      {"other without name",
       [](v1::ReplicaSet& s) { s.mutable_records(0)->mutable_other()->add_entries(); },
       "records[0].other.entries[0]", "empty"},
  };
  for (const RuleCase& c : cases) {
    v1::ReplicaSet set = ImmunizationSet(1, 1);
    c.change(set);
    const absl::Status status = CheckReplicaSet(set);
    const FieldRule found = GetFieldRule(status);
    EXPECT_EQ(status.ok(), c.field.empty()) << c.name << ": " << status;
    EXPECT_EQ(found.field, c.field) << c.name;
    EXPECT_EQ(found.rule, c.rule) << c.name;
  }
}

// Whatever a permit names, the answer fits one message.
TEST(CheckReplicaSetTest, TheLargestSetsOfAllItemsFitAMessage) {
  // As full as a register fills them.
  EXPECT_TRUE(CheckReplicaSet(ImmunizationSet(1, 1, 500)).ok());
  // As many records as may be, short ones.
  v1::ReplicaSet many = OtherSet("local-tax", 1);
  while (many.records_size() < 1'000) {
    v1::ReplicaRecord record = many.records(0);
    record.set_record_id(std::to_string(many.records_size() + 1));
    *many.add_records() = record;
  }
  EXPECT_TRUE(CheckReplicaSet(many).ok());

  // Records of both kinds, grown until one more is refused.
  for (v1::ReplicaSet set : {ImmunizationSet(1, 1, 1), OtherSet("local-tax", 1)}) {
    absl::Status status;
    while (status.ok()) {
      ASSERT_LT(set.records_size(), 1'000);
      v1::ReplicaRecord record = set.records(0);
      record.set_record_id(std::to_string(set.records_size() + 1));
      if (record.has_other()) {
        record.mutable_other()->mutable_entries(0)->set_value(Repeated("税", 500));
      }
      *set.add_records() = record;
      status = CheckReplicaSet(set);
    }
    EXPECT_TRUE(absl::IsInvalidArgument(status));
    EXPECT_EQ(GetFieldRule(status).field, "records");
    EXPECT_EQ(GetFieldRule(status).rule, "too-large");
    set.mutable_records()->RemoveLast();
    // As they leave: all ids of one length.
    for (v1::ReplicaRecord& record : *set.mutable_records()) {
      record.set_record_id(std::string(32, '0'));
    }
    v1::Payload payload;
    for (size_t i = 0; i < kMaxItems; ++i) *payload.add_sets() = set;
    EXPECT_LT(payload.ByteSizeLong(), static_cast<size_t>(rpc::kMaxMessageBytes - (192 << 10)));
  }
}

TEST(CheckNotLaterTest, TheEarliestDayThatADateMayMeanCounts) {
  const absl::CivilDay last(2024, 4, 2);
  const struct {
    const char* date;
    bool in_order;
  } kCases[] = {
      {"20240401", true},  {"20240402", true},  {"20240403", false}, {"20240501", false},
      {"20250101", false}, {"99991231", false}, {"20231231", true},  {"20240400", true},
      {"20240500", false}, {"202404A1", true},  {"202404A2", false}, {"202403A3", true},
      {"20240000", true},  {"2024A400", true},  {"2024A4A3", true},  {"20250000", false},
      {"2025A100", false}, {"00000000", true},  {"00001231", true},  {"", true},
  };
  for (const auto& c : kCases) {
    v1::ReplicaSet set = ImmunizationSet(1, 1);
    set.mutable_records(2)->mutable_vaccination()->mutable_date()->set_yyyymmdd(c.date);
    const absl::Status status = CheckNotLater(set, last);
    EXPECT_EQ(status.ok(), c.in_order) << c.date;
    if (c.in_order) continue;
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << c.date;
    EXPECT_EQ(GetFieldRule(status).field, "records[2].vaccination.date") << c.date;
    EXPECT_EQ(GetFieldRule(status).rule, "future") << c.date;
  }
  EXPECT_TRUE(CheckNotLater(OtherSet("local-tax", 1), last).ok());
  EXPECT_TRUE(CheckNotLater(v1::ReplicaSet(), last).ok());
}

class ReplicaTest : public InstitutionTest {
 protected:
  ReplicaTest() : replica_(std::make_unique<Replica>(institution_)) {}

  absl::Status Register(int person, const v1::ReplicaSet& set) {
    return replica_->Register({{Person(person), &set}})[0];
  }
  std::vector<v1::ReplicaSet> Read(int person, const std::vector<std::string>& items) {
    return replica_->Read(Person(person), items).value();
  }
  uint64_t Version(int person) {
    const auto sets = Read(person, {"immunization"});
    return sets.empty() ? 0 : sets[0].source_version();
  }

  std::unique_ptr<Replica> replica_;
};

TEST_F(ReplicaTest, VersionsOnlyRise) {
  struct Step {
    std::string name;
    uint64_t version;
    int seed;
    bool stored;
    uint64_t held;
  };
  const std::vector<Step> steps = {
      {"first", 5, 1, true, 5},
      {"same again", 5, 1, true, 5},
      {"same version, other", 5, 2, false, 5},
      {"older", 4, 1, false, 5},
      {"older, other", 4, 2, false, 5},
      {"newer", 6, 2, true, 6},
      {"the first again", 5, 1, false, 6},
      {"far newer", uint64_t{1} << 40, 1, true, uint64_t{1} << 40},
  };
  for (const Step& step : steps) {
    const absl::Status status = Register(1, ImmunizationSet(step.version, step.seed));
    EXPECT_EQ(status.ok(), step.stored) << step.name << ": " << status;
    EXPECT_EQ(GetFieldRule(status).rule, step.stored ? "" : "stale-version") << step.name;
    EXPECT_EQ(Version(1), step.held) << step.name;
  }
  EXPECT_EQ(ReadCount(institution_->database(), kCountReplicaSets).value(), 1u);
}

TEST_F(ReplicaTest, WhatIsReadIsWhatWasRegistered) {
  const v1::ReplicaSet set = ImmunizationSet(3, 7);
  const v1::ReplicaSet tax = OtherSet("local-tax", 1);
  ASSERT_TRUE(Register(1, set).ok());
  ASSERT_TRUE(Register(1, tax).ok());
  replica_.reset();
  CloseInstitution();
  OpenInstitution("sendai");
  replica_ = std::make_unique<Replica>(institution_);
  const auto both = Read(1, {"local-tax", "benefits", "immunization"});
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0].SerializeAsString(), tax.SerializeAsString());
  EXPECT_EQ(both[1].SerializeAsString(), set.SerializeAsString());
  EXPECT_TRUE(Read(2, {"immunization"}).empty());
}

// The clock says 2024-04-01 09:00 in Japan.
TEST_F(ReplicaTest, AVaccinationOfTheDayAfterTomorrowIsRefused) {
  v1::ReplicaSet set = ImmunizationSet(1, 1);
  const auto on = [&](const std::string& date) {
    First(set).mutable_date()->set_yyyymmdd(date);
    return Register(1, set);
  };
  const absl::Status late = on("20240403");
  EXPECT_EQ(GetFieldRule(late).field, "records[0].vaccination.date");
  EXPECT_EQ(GetFieldRule(late).rule, "future");
  EXPECT_EQ(Version(1), 0u);
  EXPECT_TRUE(on("20240402").ok());
  set.set_source_version(2);
  clock_.Advance(absl::Hours(15) - absl::Milliseconds(1));
  EXPECT_FALSE(on("20240403").ok());
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_TRUE(on("20240403").ok());
}

TEST_F(ReplicaTest, AnItemThatNoListNamesIsRefused) {
  v1::ReplicaSet nonsense = OtherSet("nonsense", 1);
  const v1::ReplicaSet held = OtherSet("benefits", 1);
  const auto results = replica_->Register({{Person(1), &nonsense}, {Person(1), &held}});
  EXPECT_TRUE(absl::IsInvalidArgument(results[0]));
  EXPECT_EQ(GetFieldRule(results[0]).field, "item");
  EXPECT_EQ(GetFieldRule(results[0]).rule, "unknown-item");
  EXPECT_TRUE(results[1].ok()) << results[1];
  EXPECT_TRUE(Read(1, {"nonsense"}).empty());
  // A list that is announced counts already; one that was replaced does not any more.
  Apply(List(2, Now() + 60'000, ListOf({"immunization", "nonsense"})));
  EXPECT_TRUE(Register(1, nonsense).ok());
  EXPECT_TRUE(Register(2, held).ok());
  clock_.Advance(absl::Minutes(1));
  EXPECT_TRUE(Register(2, nonsense).ok());
  EXPECT_EQ(GetFieldRule(Register(3, held)).rule, "unknown-item");
}

TEST_F(ReplicaTest, WithoutAListEveryItemIsTaken) {
  Directory none(broker_.key.public_key());
  EXPECT_TRUE(ListedItems(none, Now()).Check("nonsense", "item").ok());
}

TEST_F(ReplicaTest, EachEntryOfACallIsDecidedByItself) {
  const v1::ReplicaSet one = ImmunizationSet(1, 1);
  const v1::ReplicaSet two = ImmunizationSet(2, 2);
  v1::ReplicaSet wrong = ImmunizationSet(1, 1);
  wrong.mutable_records(0)->mutable_vaccination()->set_dose(9);
  const auto results = replica_->Register({{Person(1), &one},
                                           {Person(2), &wrong},
                                           {Person(1), &two},
                                           {Person(1), &one},
                                           {Person(3), &one}});
  ASSERT_EQ(results.size(), 5u);
  EXPECT_TRUE(results[0].ok());
  EXPECT_EQ(GetFieldRule(results[1]).rule, "range");
  EXPECT_TRUE(results[2].ok());
  EXPECT_EQ(GetFieldRule(results[3]).rule, "stale-version");
  EXPECT_TRUE(results[4].ok());
  EXPECT_EQ(Version(1), 2u);
  EXPECT_EQ(Version(2), 0u);
  EXPECT_EQ(Version(3), 1u);
  EXPECT_EQ(ReadCount(institution_->database(), kCountReplicaSets).value(), 2u);
}

// Random registrations against a map.
TEST_F(ReplicaTest, AgreesWithAModel) {
  std::map<std::pair<int, std::string>, v1::ReplicaSet> model;
  uint32_t state = 12345;
  const auto next = [&state](uint32_t below) {
    state = state * 1664525u + 1013904223u;
    return (state >> 16) % below;
  };
  for (int round = 0; round < 200; ++round) {
    std::vector<v1::ReplicaSet> sets(1 + next(8));
    std::vector<int> persons;
    for (v1::ReplicaSet& set : sets) {
      set = next(2) == 0 ? ImmunizationSet(1 + next(6), static_cast<int>(next(2)))
                         : OtherSet("local-tax", 1 + next(6));
      persons.push_back(static_cast<int>(next(5)) + 1);
    }
    std::vector<Replica::Entry> entries;
    for (size_t i = 0; i < sets.size(); ++i) entries.push_back({Person(persons[i]), &sets[i]});
    const auto results = replica_->Register(entries);
    for (size_t i = 0; i < sets.size(); ++i) {
      v1::ReplicaSet& held = model[{persons[i], sets[i].item()}];
      const bool newer = sets[i].source_version() > held.source_version() ||
                         sets[i].SerializeAsString() == held.SerializeAsString();
      ASSERT_EQ(results[i].ok(), newer) << results[i];
      if (newer) held = sets[i];
    }
  }
  for (const auto& [key, set] : model) {
    if (set.source_version() == 0) continue;
    const auto read = Read(key.first, {key.second});
    ASSERT_EQ(read.size(), 1u);
    EXPECT_EQ(read[0].SerializeAsString(), set.SerializeAsString());
  }
}

}  // namespace
}  // namespace nakadachi::intermediate
