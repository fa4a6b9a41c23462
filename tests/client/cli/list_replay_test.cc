// Recorded decisions under an amended list.
#include "client/cli/list_replay.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace nakadachi::cli {
namespace {

constexpr char kHeader[] =
    "procedure,legal_basis,requester_category,provider_category,item,effective_from,effective_to,"
    "note\n";
// 2024-04-01 09:00 in Japan.
constexpr int64_t kApril = 1711929600000;

permission::PermissionList List(const std::string& rows) {
  return permission::PermissionList::Parse(absl::StrCat(kHeader, rows)).value();
}

class ListReplayTest : public testing::Test {
 protected:
  static v1::Statement Member(const std::string& code, const std::string& category) {
    v1::Statement statement;
    statement.mutable_directory()->mutable_member_joined()->set_code(code);
    statement.mutable_directory()->mutable_member_joined()->set_category(category);
    return statement;
  }
  static v1::Statement Permit(const std::string& provider) {
    v1::Statement statement;
    statement.set_time_ms(kApril);
    statement.mutable_permit()->set_requester("072028");
    statement.mutable_permit()->set_provider(provider);
    statement.mutable_permit()->set_procedure("immunization");
    statement.mutable_permit()->add_items("immunization");
    return statement;
  }
  static v1::Statement Refusal(const std::string& provider, v1::RefusalReason reason) {
    v1::Statement statement;
    statement.set_time_ms(kApril);
    statement.mutable_refusal()->set_requester("072028");
    statement.mutable_refusal()->set_provider(provider);
    statement.mutable_refusal()->set_procedure("immunization");
    statement.mutable_refusal()->add_items("immunization");
    statement.mutable_refusal()->set_reason(reason);
    return statement;
  }
  // Two permits to a city, one refused question to the prefecture, one for another reason.
  static void TakeAll(ListReplay& replay) {
    replay.Take(1, Member("072028", "municipality"));
    replay.Take(2, Member("072010", "municipality"));
    replay.Take(3, Member("070009", "prefecture"));
    replay.Take(4, Permit("072010"));
    replay.Take(5, Refusal("070009", v1::NOT_PERMITTED));
    replay.Take(6, Refusal("072010", v1::CLOCK_SKEW));
    replay.Take(7, Permit("072010"));
  }
};

TEST_F(ListReplayTest, TheSameListChangesNothing) {
  const auto list = List("immunization,25,municipality,municipality,immunization,2017-05-30,,\n");
  ListReplay replay(&list, std::nullopt);
  TakeAll(replay);
  EXPECT_TRUE(replay.Changes().empty());
  EXPECT_EQ(replay.permits(), 2u);
  EXPECT_EQ(replay.refusals(), 1u);
  EXPECT_EQ(replay.other_refusals(), 1u);
}

TEST_F(ListReplayTest, ShowsWhatWouldBeRefusedAndWhatPermitted) {
  const auto list = List("immunization,25,municipality,prefecture,immunization,2017-05-30,,\n");
  ListReplay replay(&list, std::nullopt);
  TakeAll(replay);
  const auto changes = replay.Changes();
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_FALSE(changes[0].was_permitted);
  EXPECT_EQ(changes[0].provider_category, "prefecture");
  EXPECT_EQ(changes[0].verdict, "permitted");
  EXPECT_EQ(changes[0].queries, 1u);
  EXPECT_EQ(changes[0].first_index, 5u);
  EXPECT_TRUE(changes[1].was_permitted);
  EXPECT_EQ(changes[1].verdict, "wrong-provider");
  EXPECT_EQ(changes[1].queries, 2u);
  EXPECT_EQ(changes[1].first_index, 4u);
}

TEST_F(ListReplayTest, DecidesOnTheDayOfEachQueryOrOnOneForAll) {
  const auto list = List(
      "immunization,25,municipality,municipality,immunization,2017-05-30,2024-04-01,\n"
      "immunization,26,municipality,prefecture,immunization,2024-04-02,,\n");
  ListReplay each(&list, std::nullopt);
  TakeAll(each);
  EXPECT_TRUE(each.Changes().empty());
  ListReplay later(&list, absl::CivilDay(2024, 4, 2));
  TakeAll(later);
  EXPECT_EQ(later.Changes().size(), 2u);
}

TEST_F(ListReplayTest, AMemberThatNeverJoinedHasNoCategory) {
  const auto list = List("immunization,25,municipality,municipality,immunization,2017-05-30,,\n");
  ListReplay replay(&list, std::nullopt);
  replay.Take(1, Member("072028", "municipality"));
  replay.Take(2, Permit("072010"));
  ASSERT_EQ(replay.Changes().size(), 1u);
  EXPECT_EQ(replay.Changes()[0].provider_category, "");
}

}  // namespace
}  // namespace nakadachi::cli
