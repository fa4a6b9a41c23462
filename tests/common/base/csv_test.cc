#include "common/base/csv.h"

#include <fstream>
#include <random>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nakadachi {
namespace {

using testing::ElementsAre;
using Rows = std::vector<std::vector<std::string>>;

struct Result {
  Rows rows;
  std::vector<int> lines;
  std::string field;  // of the first error
  std::string rule;   // of the first error, "ok" where there is none
  std::string text;   // of the first error
  absl::StatusCode code = absl::StatusCode::kOk;
};

Result Read(const std::string& text, const std::vector<std::string>& required = {}) {
  Result result;
  const auto fail = [&result](const absl::Status& status) {
    result.field = GetFieldRule(status).field;
    result.rule = GetFieldRule(status).rule;
    result.code = status.code();
    result.text = std::string(status.message());
    return result;
  };
  std::istringstream in(text);
  absl::StatusOr<CsvReader> reader = CsvReader::Create(in, required);
  if (!reader.ok()) return fail(reader.status());
  result.rows.push_back(reader->header());
  CsvRow row;
  while (true) {
    const absl::StatusOr<bool> more = reader->Next(&row);
    if (!more.ok()) return fail(more.status());
    if (!*more) break;
    result.rows.push_back(row.cells);
    result.lines.push_back(row.line);
  }
  result.rule = "ok";
  return result;
}

TEST(CsvReaderTest, ReadsWhatSpreadsheetsWrite) {
  const struct {
    const char* what;
    std::string text;
    Rows rows;
    std::vector<int> lines;
  } kCases[] = {
      {"plain", "a,b\n1,2\n3,4\n", {{"a", "b"}, {"1", "2"}, {"3", "4"}}, {2, 3}},
      {"no newline at the end", "a,b\n1,2", {{"a", "b"}, {"1", "2"}}, {2}},
      {"CRLF", "a,b\r\n1,2\r\n", {{"a", "b"}, {"1", "2"}}, {2}},
      {"CR", "a,b\r1,2\r", {{"a", "b"}, {"1", "2"}}, {2}},
      {"byte-order mark",
       "\xEF\xBB\xBF"
       "a,b\n1,2\n",
       {{"a", "b"}, {"1", "2"}},
       {2}},
      {"mark before a quote", "\xEF\xBB\xBF\"a\",b\n", {{"a", "b"}}, {}},
      {"header only", "a,b", {{"a", "b"}}, {}},
      {"empty cells", "a,b\n,\n\"\",\n", {{"a", "b"}, {"", ""}, {"", ""}}, {2, 3}},
      {"quoted",
       "a,b\n\"x, y\",\"he said \"\"no\"\"\"\n",
       {{"a", "b"}, {"x, y", "he said \"no\""}},
       {2}},
      {"quoted newlines",
       "a,b\n\"x\ny\r\nz\",2\n3,4\n",
       {{"a", "b"}, {"x\ny\r\nz", "2"}, {"3", "4"}},
       {2, 5}},
      {"blank lines", "\n\na,b\r\n\r\n1,2\n\n\n", {{"a", "b"}, {"1", "2"}}, {5}},
      {"Japanese", "名,年\n会津若松市,令和\n", {{"名", "年"}, {"会津若松市", "令和"}}, {2}},
      {"variation selector", "a\n䶒藤󠄃\n", {{"a"}, {"䶒藤󠄃"}}, {2}},
      {"spaces are kept", "a,b\n 1 , 2\n", {{"a", "b"}, {" 1 ", " 2"}}, {2}},
  };
  for (const auto& c : kCases) {
    const Result result = Read(c.text);
    EXPECT_EQ(result.rule, "ok") << c.what << ": " << result.field;
    EXPECT_EQ(result.rows, c.rows) << c.what;
    EXPECT_EQ(result.lines, c.lines) << c.what;
  }
}

TEST(CsvReaderTest, NamesLineColumnAndRule) {
  const struct {
    const char* what;
    std::string text;
    const char* field;
    const char* rule;
  } kCases[] = {
      {"empty file", "", "line 1, column 1", "header"},
      {"only a mark", "\xEF\xBB\xBF", "line 1, column 1", "header"},
      {"only blank lines", "\n\r\n", "line 3, column 1", "header"},
      {"column missing", "a,c\n1,2\n", "line 1, column \"b\"", "header"},
      {"column doubled", "a,b,b\n1,2,3\n", "line 1, column \"b\"", "header"},
      {"header in another case", "a,B\n", "line 1, column \"b\"", "header"},
      {"header cut short", "a", "line 1, column \"b\"", "header"},
      {"too few cells", "a,b\n1,2\n1\n", "line 3, column 2 (b)", "columns"},
      {"too many cells", "a,b\n1,2,\n", "line 2, column 3", "columns"},
      {"far too many cells", "a,b\n1,2,3,4,5\n", "line 2, column 3", "columns"},
      {"row cut short", "a,b\n1,2\n3", "line 3, column 2 (b)", "columns"},
      {"row cut further on", "a,x,b\n1,2,3\n4,5", "line 3, column 3 (b)", "columns"},
      {"row cut after a quoted newline", "a,x,b\n\"1\n\",2", "line 2, column 3 (b)", "columns"},
      {"ends in a quoted cell", "a,b\n1,2\n3,\"4", "line 3, column 2 (b)", "truncated"},
      {"quote never closed", "a,b\n1,\"2\n3,4\n5,6\n", "line 2, column 2 (b)", "truncated"},
      {"ends after an opening quote", "a,b\n\"", "line 2, column 1 (a)", "truncated"},
      {"quote inside a cell", "a,b\n1,2\"3\n", "line 2, column 2 (b)", "quote"},
      {"text after a closing quote", "a,b\n\"1\"x,2\n", "line 2, column 1 (a)", "quote"},
      {"space before a quote", "a,b\n1, \"2\"\n", "line 2, column 2 (b)", "quote"},
      {"Shift_JIS", "a,b\n1,\x89\xEF\x92\xC3\n", "line 2, column 2 (b)", "utf-8"},
      {"Latin-1", "a,b\n1,2\nMu\xF1oz,2\n", "line 3, column 1 (a)", "utf-8"},
      {"cut inside a character", "a,b\n1,\xE4\xBC", "line 2, column 2 (b)", "utf-8"},
      {"UTF-16",
       std::string("\xFF\xFE"
                   "a\0,\0b\0",
                   8),
       "line 1, column 1", "utf-8"},
      {"beyond the header", "a,b\n1,2,\xFF\n", "line 2, column 3", "utf-8"},
      {"after quoted newlines", "a,b\n\"x\ny\nz\",2\n3,\xFF\n", "line 5, column 2 (b)", "utf-8"},
      {"long cell", "a,b\n1," + std::string((1 << 20) + 1, 'x') + "\n", "line 2, column 2 (b)",
       "too-long"},
      {"long quoted cell", "a,b\n1,\"" + std::string((1 << 20) + 1, '\n') + "\"\n",
       "line 2, column 2 (b)", "too-long"},
  };
  for (const auto& c : kCases) {
    const Result result = Read(c.text, {"a", "b"});
    EXPECT_EQ(result.field, c.field) << c.what;
    EXPECT_EQ(result.rule, c.rule) << c.what;
    EXPECT_EQ(result.code, absl::StatusCode::kInvalidArgument) << c.what;
  }
}

TEST(CsvReaderTest, SaysHowARowEndsThatIsTooShort) {
  EXPECT_EQ(Read("a,b,c\n1,2").text,
            "line 2, column 3 (c): is missing: the file ends after 2 cells, the header has 3 "
            "[columns]");
  EXPECT_EQ(Read("a,b,c\n1\n").text,
            "line 2, column 2 (b): is missing: the row ends after 1 cell, the header has 3 "
            "[columns]");
  EXPECT_EQ(Read("a,b\n1,2,3\n").text, "line 2, column 3: has 3 cells, the header has 2 [columns]");
}

TEST(CsvReaderTest, LongestRowIsRead) {
  const std::string cell((1 << 20) - 3, 'x');  // and "1", comma, newline
  const Result result = Read("a,b\n1," + cell + "\n2,3\n");
  ASSERT_EQ(result.rule, "ok");
  EXPECT_EQ(result.rows[1][1], cell);
}

TEST(CsvReaderTest, ManyEmptyCellsAreTooLongToo) {
  EXPECT_EQ(Read("a\n" + std::string((1 << 20) + 1, ',')).rule, "too-long");
}

TEST(CsvReaderTest, RowsBeforeAnErrorAreRead) {
  const Result result = Read("a,b\n1,2\n3,\xFF\n");
  EXPECT_THAT(result.rows, ElementsAre(ElementsAre("a", "b"), ElementsAre("1", "2")));
}

TEST(CsvReaderTest, ReadsOnAfterARowThatDoesNotFit) {
  std::istringstream in("a,b\n1\n2,\xFF\n\xFF,\xFF,\xFF\n3,4\n");
  auto reader = CsvReader::Create(in, {});
  ASSERT_TRUE(reader.ok());
  CsvRow row;
  EXPECT_EQ(GetFieldRule(reader->Next(&row).status()).rule, "columns");
  EXPECT_EQ(GetFieldRule(reader->Next(&row).status()).field, "line 3, column 2 (b)");
  EXPECT_EQ(GetFieldRule(reader->Next(&row).status()).field, "line 4, column 1 (a)");
  ASSERT_TRUE(*reader->Next(&row));
  EXPECT_THAT(row.cells, ElementsAre("3", "4"));
}

TEST(CsvReaderTest, FindsCellsByColumn) {
  std::istringstream in("code,other,name\n072028,x,会津若松市\n");
  auto reader = CsvReader::Create(in, {"name", "code"});
  ASSERT_TRUE(reader.ok()) << reader.status();
  CsvRow row;
  ASSERT_TRUE(*reader->Next(&row));
  EXPECT_EQ(reader->Cell(row, "code"), "072028");
  EXPECT_EQ(reader->Cell(row, "name"), "会津若松市");
  EXPECT_EQ(reader->Cell(row, "absent"), "");
  EXPECT_EQ(reader->Where(row, "name"), "line 2, column 3 (name)");
  EXPECT_EQ(reader->Where(row, "absent"), "line 2 (absent)");
  EXPECT_FALSE(*reader->Next(&row));
  EXPECT_FALSE(*reader->Next(&row));
}

TEST(CsvReaderTest, UnreadableFileIsDataLoss) {
  std::ifstream folder("/");
  const auto reader = CsvReader::Create(folder, {});
  EXPECT_EQ(reader.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(GetFieldRule(reader.status()).rule, "read");
}

TEST(CsvWriterTest, QuotesOnlyWhereNeeded) {
  EXPECT_EQ(CsvCell("plain"), "plain");
  EXPECT_EQ(CsvCell(""), "");
  EXPECT_EQ(CsvCell("a,b"), "\"a,b\"");
  EXPECT_EQ(CsvCell("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(CsvCell("a\nb"), "\"a\nb\"");
  EXPECT_EQ(CsvCell("a\rb"), "\"a\rb\"");
  EXPECT_EQ(CsvCell("\xEF\xBB\xBFname"), "\"\xEF\xBB\xBFname\"");
  EXPECT_EQ(CsvCell("a\xEF\xBB\xBF"), "a\xEF\xBB\xBF");
  EXPECT_EQ(CsvLine({"1", "a,b", ""}), "1,\"a,b\",\n");
  EXPECT_EQ(CsvLine({""}), "\"\"\n");
}

TEST(CsvTest, AByteOrderMarkAndALoneEmptyCellAreReadAgain) {
  for (const Rows& rows : {Rows{{"\xEF\xBB\xBFname"}, {"\xEF\xBB\xBF"}, {"a"}},
                           Rows{{"name"}, {""}, {"b"}, {""}}, Rows{{""}, {""}}}) {
    std::string text;
    for (const auto& cells : rows) text += CsvLine(cells);
    const Result result = Read(text);
    ASSERT_EQ(result.rule, "ok") << result.field << "\n" << text;
    EXPECT_EQ(result.rows, rows) << text;
  }
}

TEST(CsvTest, WhatIsWrittenIsReadAgain) {
  const std::vector<std::string> kPieces = {"a",    ",",  "\"", "\n",   "\r",
                                            "\r\n", "会", " ",  "󠄃", ""};
  std::mt19937 random(7);
  std::uniform_int_distribution<size_t> piece(0, kPieces.size() - 1);
  std::uniform_int_distribution<int> count(0, 6);
  for (int round = 0; round < 500; ++round) {
    Rows rows = {{"one", "two", "three"}};
    std::string text = CsvLine(rows[0]);
    for (int i = count(random); i > 0; --i) {
      std::vector<std::string> cells(3);
      for (std::string& cell : cells) {
        for (int n = count(random); n > 0; --n) cell += kPieces[piece(random)];
      }
      text += CsvLine(cells);
      rows.push_back(cells);
    }
    const Result result = Read(text);
    ASSERT_EQ(result.rule, "ok") << result.field << "\n" << text;
    ASSERT_EQ(result.rows, rows) << text;
  }
}

TEST(CsvTest, BlocksDoNotShowInLongFiles) {
  std::string text = "\xEF\xBB\xBFnumber,\"the\nname\"\r\n";
  const std::string name = "会津\n\"若松\"";
  constexpr int kRows = 30000;
  for (int i = 0; i < kRows; ++i) text += CsvLine({std::to_string(i), name});
  std::istringstream in(text);
  auto reader = CsvReader::Create(in, {"number"});
  ASSERT_TRUE(reader.ok());
  CsvRow row;
  for (int i = 0; i < kRows; ++i) {
    const absl::StatusOr<bool> more = reader->Next(&row);
    ASSERT_TRUE(more.ok() && *more) << more.status();
    ASSERT_EQ(row.line, 3 + 2 * i);
    ASSERT_THAT(row.cells, ElementsAre(std::to_string(i), name));
  }
  EXPECT_FALSE(*reader->Next(&row));
}

TEST(CsvTest, ArbitraryBytesNeverCrash) {
  std::mt19937 random(8);
  const std::string kAlphabet = "a,\"\n\r\xEF\xBB\xBF\xE4\xBC\x9A\xFF";
  std::uniform_int_distribution<size_t> letter(0, kAlphabet.size() - 1);
  std::uniform_int_distribution<int> length(0, 30);
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (int n = length(random); n > 0; --n) text += kAlphabet[letter(random)];
    const Result result = Read(text);
    for (const auto& row : result.rows) {
      for (const std::string& cell : row) ASSERT_TRUE(IsUtf8(cell));
    }
  }
}

TEST(IsUtf8Test, TellsWellFormedSequences) {
  for (const absl::string_view text :
       {"", "abc", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
        "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "藤󠄃"}) {
    EXPECT_TRUE(IsUtf8(text)) << text;
  }
  EXPECT_TRUE(IsUtf8(absl::string_view("\0", 1)));
  for (const absl::string_view text :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x80\x80", "\xE0\x9F\xBF",
        "\xE4\xBC", "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x80\x80\x80", "\xF0\x8F\xBF\xBF",
        "\xF0\x90\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "a\xFE"}) {
    EXPECT_FALSE(IsUtf8(text)) << absl::StrCat(absl::Hex(static_cast<uint8_t>(text[0])));
  }
}

// Every code point, encoded by hand, and no surrogate.
TEST(IsUtf8Test, EveryCodePoint) {
  for (uint32_t c = 0x80; c <= 0x110000; ++c) {
    std::string text;
    const auto tail = [c](int shift) { return static_cast<char>(0x80 | ((c >> shift) & 0x3F)); };
    if (c < 0x800) {
      text = {static_cast<char>(0xC0 | (c >> 6)), tail(0)};
    } else if (c < 0x10000) {
      text = {static_cast<char>(0xE0 | (c >> 12)), tail(6), tail(0)};
    } else {
      text = {static_cast<char>(0xF0 | (c >> 18)), tail(12), tail(6), tail(0)};
    }
    const bool surrogate = c >= 0xD800 && c < 0xE000;
    ASSERT_EQ(IsUtf8(text), !surrogate && c < 0x110000) << c;
  }
}

}  // namespace
}  // namespace nakadachi
