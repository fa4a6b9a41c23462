#include "common/evidence/statement_kind.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace nakadachi::evidence {
namespace {

v1::Statement StatementOf(int kind, size_t text) {
  v1::Statement statement;
  statement.set_author("072028");
  statement.set_time_ms(1'711'929'600'000);
  const std::string words(text, 'x');
  switch (kind) {
    case v1::Statement::kQuery:
      statement.mutable_query()->set_department(words);
      break;
    case v1::Statement::kPermit:
      statement.mutable_permit()->set_department(words);
      break;
    case v1::Statement::kRefusal:
      statement.mutable_refusal()->set_department(words);
      break;
    case v1::Statement::kProvision:
      statement.mutable_provision()->set_procedure(words);
      break;
    case v1::Statement::kReceipt:
      statement.mutable_receipt()->set_reason(words);
      break;
    case v1::Statement::kOperation:
      statement.mutable_operation()->set_kind(words);
      break;
    default:
      statement.mutable_directory()->mutable_list_published()->set_csv(words);
  }
  return statement;
}

TEST(KindOf, OfEveryKindAndLength) {
  EXPECT_EQ(KindOf(""), v1::Statement::KIND_NOT_SET);
  v1::Statement none;
  none.set_author("broker");
  EXPECT_EQ(KindOf(none.SerializeAsString()), v1::Statement::KIND_NOT_SET);
  for (int kind = v1::Statement::kQuery; kind <= v1::Statement::kDirectory; ++kind) {
    for (const size_t text : {0, 1, 100, 127, 128, 16'383, 16'384, 3'000'000}) {
      const v1::Statement statement = StatementOf(kind, text);
      EXPECT_EQ(KindOf(statement.SerializeAsString()), statement.kind_case()) << text;
    }
  }
}

TEST(KindOf, TheLastOfSeveralCounts) {
  const std::string bytes = StatementOf(v1::Statement::kPermit, 5).SerializeAsString() +
                            StatementOf(v1::Statement::kQuery, 5).SerializeAsString();
  EXPECT_EQ(KindOf(bytes), v1::Statement::kQuery);
}

TEST(KindOf, FormsThatNoLedgerWrites) {
  const std::string query = StatementOf(v1::Statement::kQuery, 5).SerializeAsString();
  const std::vector<std::string> before = {
      std::string("\xa2\x01\x03zzz", 6),                       // field 20, a text
      std::string("\x7d\x01\x02\x03\x04", 5),                  // field 15, 4 bytes
      std::string("\x79\x01\x02\x03\x04\x05\x06\x07\x08", 9),  // field 15, 8 bytes
      std::string("\x7b\x08\x01\x7c", 4),                      // field 15, a group
      std::string("\x8a\x00\x02zz", 5),                        // field 1, its tag in two bytes
      std::string("\x0a\x82\x80\x00zz", 6),                    // its length in three bytes
      std::string("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11),
      std::string("\x48\x05", 2),  // field 9, but a number
  };
  for (const std::string& bytes : before) {
    v1::Statement statement;
    ASSERT_TRUE(statement.ParseFromString(bytes + query)) << bytes[0];
    EXPECT_EQ(KindOf(bytes + query), statement.kind_case()) << bytes[0];
    ASSERT_TRUE(statement.ParseFromString(query + bytes)) << bytes[0];
    EXPECT_EQ(KindOf(query + bytes), statement.kind_case()) << bytes[0];
  }
}

// Whatever still parses after a byte was changed.
TEST(KindOf, AgreesWithTheParserOnChangedBytes) {
  std::mt19937 random(7);
  int parsed = 0;
  for (int round = 0; round < 20'000; ++round) {
    const int kinds = v1::Statement::kDirectory - v1::Statement::kQuery + 1;
    const int kind = v1::Statement::kQuery + static_cast<int>(random() % kinds);
    std::string bytes = StatementOf(kind, random() % 20).SerializeAsString();
    bytes[random() % bytes.size()] = static_cast<char>(random());
    if (round % 3 == 0) bytes.resize(random() % (bytes.size() + 1));
    v1::Statement statement;
    if (!statement.ParseFromString(bytes)) {
      KindOf(bytes);  // only must not crash
      continue;
    }
    ++parsed;
    EXPECT_EQ(KindOf(bytes), statement.kind_case());
  }
  EXPECT_GT(parsed, 1'000);
}

}  // namespace
}  // namespace nakadachi::evidence
