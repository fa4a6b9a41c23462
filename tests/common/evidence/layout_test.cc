#include "common/evidence/layout.h"

#include <gmock/gmock.h>

#include "tests/common/evidence/evidence_fixture.h"

namespace nakadachi::evidence {
namespace {

using ::testing::ElementsAre;

TEST(Names, AreThoseOfTlogTiles) {
  const struct {
    FileName name;
    const char* text;
  } cases[] = {
      {{FileKind::kTile, 0, 0, 256}, "tile/0/000"},
      {{FileKind::kTile, 0, 999, 256}, "tile/0/999"},
      {{FileKind::kTile, 0, 1000, 256}, "tile/0/x001/000"},
      {{FileKind::kTile, 3, 1234067, 256}, "tile/3/x001/x234/067"},
      {{FileKind::kTile, 0, 1234067, 8}, "tile/0/x001/x234/067.p/8"},
      {{FileKind::kTile, 7, 255, 255}, "tile/7/255.p/255"},
      {{FileKind::kEntries, 0, 273, 112}, "tile/entries/273.p/112"},
      {{FileKind::kStatements, 0, 1001, 1}, "statements/x001/001.p/1"},
      {{FileKind::kTile, 0, 72057594037927935, 256}, "tile/0/x072/x057/x594/x037/x927/935"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(c.name.ToString(), c.text);
    const absl::StatusOr<FileName> parsed = FileName::Parse(c.text);
    ASSERT_TRUE(parsed.ok()) << c.text;
    EXPECT_EQ(parsed->ToString(), c.text);
    EXPECT_EQ(parsed->index, c.name.index);
  }
}

TEST(Names, HaveOneSpelling) {
  for (const char* text : {"",
                           "tile",
                           "tile/",
                           "tile/0",
                           "tile/0/",
                           "tile/0/00",
                           "tile/0/0000",
                           "tile/0/x000/001",
                           "tile/0/x001",
                           "tile/0/001/001",
                           "tile/0/x001/x001",
                           "tile/8/000",
                           "tile/-1/000",
                           "tile/00/000",
                           "tile/0/000.p/0",
                           "tile/0/000.p/256",
                           "tile/0/000.p/01",
                           "tile/0/000.p/",
                           "tile/0/000.p/+1",
                           "tile/0/000 ",
                           "tile/0/+00",
                           "tile/entries/",
                           "statements/0",
                           "/tile/0/000",
                           "tile/data/000",
                           "checkpoint",
                           "tile/0/../000",
                           "tile/0/x999/x999/x999/x999/x999/x999/999"}) {
    EXPECT_EQ(Rule(FileName::Parse(text).status()), "path") << text;
  }
}

// The example of C2SP tlog-tiles: a tree of 70,000 has 273 full and one partial tile at level 0,
// one full and one partial at level 1, and a partial one at level 2.
TEST(Widths, OfATreeOfSeventyThousand) {
  EXPECT_EQ(WidthOf(70000, 0, 272), 256u);
  EXPECT_EQ(WidthOf(70000, 0, 273), 112u);
  EXPECT_EQ(WidthOf(70000, 0, 274), 0u);
  EXPECT_EQ(WidthOf(70000, 1, 0), 256u);
  EXPECT_EQ(WidthOf(70000, 1, 1), 17u);
  EXPECT_EQ(WidthOf(70000, 2, 0), 1u);
  EXPECT_EQ(WidthOf(70000, 3, 0), 0u);
  std::vector<std::string> names;
  for (const FileName& name : PartialFiles(70000)) names.push_back(name.ToString());
  EXPECT_THAT(names, ElementsAre("tile/0/273.p/112", "tile/entries/273.p/112",
                                 "statements/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"));
  EXPECT_TRUE(PartialFiles(0).empty());
  EXPECT_EQ(PartialFiles(65536).size(), 1u);
}

TEST(Kept, TwoNotesOfOneSizeHaveTwoNames) {
  EXPECT_NE(KeptName(7, "a"), KeptName(7, "b"));
  EXPECT_EQ(KeptName(7, "a"), "checkpoints/7-ca978112");
}

TEST(Bundles, ReadBackWhatWasAdded) {
  std::string bytes;
  EntryBundle::Add(Sha256("a"), &bytes);
  EntryBundle::Add(Sha256("b"), &bytes);
  EntryBundle entries;
  ASSERT_TRUE(entries.Parse(bytes).ok());
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries.commitment(1), AsView(Sha256("b")));

  const std::string salt(32, 's');
  const std::string person(16, 'p');
  const Body bodies[] = {
      {BodyState::kPresent, salt, "statement", {}}, {BodyState::kErased, {}, {}, {}},
      {BodyState::kWithheld, {}, {}, {}},           {BodyState::kAbsent, {}, {}, {}},
      {BodyState::kUnreadable, {}, {}, {}},         {BodyState::kPresent, salt, "s", person}};
  bytes.clear();
  for (const Body& body : bodies) StatementBundle::Add(body, &bytes);
  StatementBundle statements;
  ASSERT_TRUE(statements.Parse(bytes).ok());
  ASSERT_EQ(statements.bodies().size(), 6u);
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(statements.bodies()[i].state, bodies[i].state);
    EXPECT_EQ(statements.bodies()[i].salt, bodies[i].salt);
    EXPECT_EQ(statements.bodies()[i].statement, bodies[i].statement);
    EXPECT_EQ(statements.bodies()[i].person, bodies[i].person);
  }
  EXPECT_EQ(statements.TakeBuffer(), bytes);
}

TEST(Bundles, DamageIsNamedByItsByte) {
  std::string entry;
  EntryBundle::Add(Sha256("a"), &entry);
  std::string many;
  for (int i = 0; i < 257; ++i) many += entry;
  const struct {
    std::string bytes;
    const char* rule;
    const char* field;
  } entries[] = {
      {entry + entry.substr(0, 33), "length", "byte 34"},
      {entry + std::string("\1\x20", 2) + entry.substr(2), "entry-length", "byte 34"},
      {entry + std::string("\0\x21", 2) + entry.substr(2), "entry-length", "byte 34"},
      {many, "length", "byte 8704"},
  };
  for (const auto& c : entries) {
    EntryBundle bundle;
    const absl::Status status = bundle.Parse(c.bytes);
    EXPECT_EQ(Rule(status), c.rule);
    EXPECT_EQ(GetFieldRule(status).field, c.field);
  }
  const std::string erased(1, '\0');
  const auto length = [](char n) { return std::string("\0\0\0", 3) + n; };
  const struct {
    std::string bytes;
    const char* rule;
    const char* field;
  } statements[] = {
      {erased + "\6", "body-state", "byte 1"},
      {erased + "\1" + std::string("\0\0\0", 3), "length", "byte 1"},
      {erased + "\1" + length(32) + std::string(32, 's'), "body-length", "byte 1"},
      {erased + "\1" + length(34) + std::string(33, 's'), "length", "byte 1"},
      {erased + "\4" + std::string(15, 'p'), "length", "byte 1"},
      {erased + "\1" + std::string(4, '\xff') + std::string(33, 's'), "length", "byte 1"},
      {std::string(257, '\0'), "length", "byte 256"},
  };
  for (const auto& c : statements) {
    StatementBundle bundle;
    const absl::Status status = bundle.Parse(c.bytes);
    EXPECT_EQ(Rule(status), c.rule);
    EXPECT_EQ(GetFieldRule(status).field, c.field);
    EXPECT_GE(bundle.bodies().size(), 1u);
  }
}

}  // namespace
}  // namespace nakadachi::evidence
