#include "server/juki/model/registration.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "common/base/status.h"

namespace nakadachi::juki {
namespace {

TEST(DecideRegistrationTest, ByTable) {
  const auto city = *LocalGovernmentCode::Parse("072028");
  const auto other_city = *LocalGovernmentCode::Parse("041009");
  const ResidentCode code = ResidentCode::FromSerial(1);
  const ResidentCode other_code = ResidentCode::FromSerial(2);
  const Holding here{code, city};
  const Holding elsewhere{code, other_city};
  const Holding another{other_code, city};
  struct Row {
    const char* name;
    std::optional<ResidentCode> asked;
    std::optional<Holding> under_number;
    std::optional<Holding> under_code;
    std::optional<RegistrationStep> step;
    const char* rule;
  };
  const std::vector<Row> rows = {
      {"new, code assigned", {}, {}, {}, RegistrationStep::kCreate, ""},
      {"new, code given", code, {}, {}, RegistrationStep::kCreate, ""},
      {"again without code", {}, here, {}, RegistrationStep::kNothing, ""},
      {"again with code", code, here, here, RegistrationStep::kNothing, ""},
      {"moved", {}, elsewhere, {}, RegistrationStep::kMove, ""},
      {"moved, with code", code, elsewhere, elsewhere, RegistrationStep::kMove, ""},
      {"number corrected", code, {}, here, RegistrationStep::kCorrectNumber, ""},
      {"corrected by another", code, {}, elsewhere, {}, "other-municipality"},
      {"another code", other_code, here, {}, {}, "resident-code-differs"},
      {"another person's code", other_code, here, another, {}, "resident-code-taken"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const auto step = DecideRegistration(city, row.asked, row.under_number, row.under_code);
    ASSERT_EQ(step.ok(), row.step.has_value());
    if (row.step) {
      EXPECT_EQ(*step, *row.step);
    }
    EXPECT_EQ(GetFieldRule(step.status()).rule, row.rule);
  }
}

}  // namespace
}  // namespace nakadachi::juki
