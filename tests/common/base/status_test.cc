#include "common/base/status.h"

#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "common/base/check.h"
#include "gtest/gtest.h"

namespace nakadachi {
namespace {

TEST(FieldErrorTest, CarriesCodeTextFieldAndRule) {
  const absl::Status status =
      FieldError(absl::StatusCode::kNotFound, "query.provider", "unknown-member", "is no member");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "query.provider: is no member [unknown-member]");
  EXPECT_EQ(GetFieldRule(status).field, "query.provider");
  EXPECT_EQ(GetFieldRule(status).rule, "unknown-member");
}

TEST(FieldErrorTest, InvalidFieldIsInvalidArgument) {
  EXPECT_EQ(InvalidField("code", "length", "is short").code(), absl::StatusCode::kInvalidArgument);
}

TEST(GetFieldRuleTest, IsEmptyWhereNothingIsAttached) {
  absl::Status garbled = absl::InternalError("x");
  garbled.SetPayload("type.googleapis.com/nakadachi.v1.ErrorDetail", absl::Cord("\xFF\xFF\xFF"));
  for (const absl::Status& status : {absl::OkStatus(), absl::InternalError("x"), garbled}) {
    EXPECT_EQ(GetFieldRule(status).field, "");
    EXPECT_EQ(GetFieldRule(status).rule, "");
  }
}

TEST(UnderFieldTest, PrefixesFieldAndText) {
  const struct {
    const char* prefix;
    const char* field;
    const char* expected;
  } kCases[] = {
      {"query", "items[0]", "query.items[0]"},
      {"items", "[0]", "items[0]"},
      {"a.b", "c", "a.b.c"},
      {"", "c", "c"},
      {"query", "", "query"},
  };
  for (const auto& c : kCases) {
    const absl::Status status = UnderField(c.prefix, InvalidField(c.field, "slug", "is wrong"));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(GetFieldRule(status).field, c.expected);
    EXPECT_EQ(GetFieldRule(status).rule, "slug");
    EXPECT_EQ(status.message(), std::string(c.expected) + ": is wrong [slug]");
  }
}

TEST(UnderFieldTest, PrefixesRepeatedly) {
  const absl::Status status = UnderField("a", UnderField("b", InvalidField("c", "hex", "is odd")));
  EXPECT_EQ(status.message(), "a.b.c: is odd [hex]");
  EXPECT_EQ(GetFieldRule(status).field, "a.b.c");
}

TEST(UnderFieldTest, KeepsOkAndOtherPayloads) {
  EXPECT_TRUE(UnderField("a", absl::OkStatus()).ok());
  absl::Status status = absl::UnavailableError("no route");
  status.SetPayload("other", absl::Cord("kept"));
  const absl::Status prefixed = UnderField("a", status);
  EXPECT_EQ(prefixed.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(prefixed.message(), "a: no route");
  EXPECT_EQ(GetFieldRule(prefixed).field, "a");
  EXPECT_EQ(prefixed.GetPayload("other"), absl::Cord("kept"));
}

absl::StatusOr<int> Half(int number) {
  if (number % 2 != 0) return InvalidField("number", "even", "is odd");
  return number / 2;
}

absl::StatusOr<int> Quarter(int number) {
  NAKADACHI_ASSIGN_OR_RETURN(const int half, Half(number));
  NAKADACHI_RETURN_IF_ERROR(Half(half).status());
  return half / 2;
}

TEST(MacrosTest, ReturnTheFirstError) {
  EXPECT_EQ(*Quarter(12), 3);
  EXPECT_EQ(GetFieldRule(Quarter(3).status()).rule, "even");
  EXPECT_EQ(GetFieldRule(Quarter(6).status()).rule, "even");
}

TEST(CheckDeathTest, EndsTheProcessAndNamesTheCondition) {
  NAKADACHI_CHECK(1 + 1 == 2);
  EXPECT_DEATH(NAKADACHI_CHECK(1 + 1 == 3), "status_test.cc:[0-9]+: .*1 \\+ 1 == 3");
}

}  // namespace
}  // namespace nakadachi
