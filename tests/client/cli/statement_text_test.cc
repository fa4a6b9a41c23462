// What is shown of statements, and what never is.
#include "client/cli/statement_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/crypto/crypto.h"
#include "common/ledger/commitment.h"

namespace nakadachi::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

v1::LedgerEntry EntryOf(const v1::Statement& statement) {
  v1::LedgerEntry entry;
  entry.set_index(5);
  entry.set_salt(std::string(32, 's'));
  entry.set_statement(statement.SerializeAsString());
  entry.set_commitment(std::string(AsView(ledger::Commit(entry.salt(), entry.statement()))));
  return entry;
}

v1::Statement Base() {
  v1::Statement statement;
  statement.set_author("072028");
  statement.set_time_ms(1711929600000);
  return statement;
}

v1::Statement AQuery() {
  v1::Statement statement = Base();
  v1::Query& query = *statement.mutable_query();
  query.set_provider("072010");
  query.set_procedure("immunization");
  query.add_items("immunization");
  query.set_linkage_code("LINKAGE-CODE-16B");
  query.set_nonce("NONCE-OF-16-BYTE");
  query.set_staff_pseudonym("s-17");
  return statement;
}

TEST(StatementTextTest, ShowsAQueryWithoutItsLinkageCode) {
  const Json json = LedgerEntryJson(EntryOf(AQuery()), true);
  EXPECT_EQ(json["state"], "present");
  EXPECT_EQ(json["kind"], "query");
  EXPECT_EQ(json["author"], "072028");
  EXPECT_EQ(json["fields"]["provider"], "072010");
  for (const std::string& text : {json.dump(), LedgerEntryText(json)}) {
    EXPECT_THAT(text, Not(HasSubstr("LINKAGE")));
    EXPECT_THAT(text, Not(HasSubstr(HexEncode("LINKAGE-CODE-16B"))));
    EXPECT_THAT(text, Not(HasSubstr(HexEncode("NONCE-OF-16-BYTE"))));
  }
  EXPECT_EQ(LedgerEntryText(json),
            "5  2024-04-01T09:00:00+09:00  query  provider=072010 procedure=immunization "
            "items=immunization staff=s-17\n");
}

TEST(StatementTextTest, ShowsAPermitWithoutTheSealedCode) {
  v1::Statement statement = Base();
  v1::Permit& permit = *statement.mutable_permit();
  permit.set_permit_number("\x01\x02");
  permit.mutable_sealed_code()->set_ciphertext("CIPHERTEXT");
  permit.add_legal_basis("25");
  const Json json = LedgerEntryJson(EntryOf(statement), true);
  EXPECT_EQ(json["fields"]["permit_number"], "0102");
  EXPECT_EQ(json["fields"]["legal_basis"][0], "25");
  EXPECT_THAT(json.dump(), Not(HasSubstr(HexEncode("CIPHERTEXT"))));
}

TEST(StatementTextTest, EveryKindHasItsWord) {
  struct Case {
    void (*set)(v1::Statement&);
    const char* kind;
  };
  const Case cases[] = {
      {[](v1::Statement& s) { s.mutable_query(); }, "query"},
      {[](v1::Statement& s) { s.mutable_permit(); }, "permit"},
      {[](v1::Statement& s) { s.mutable_refusal(); }, "refusal"},
      {[](v1::Statement& s) { s.mutable_provision(); }, "provision"},
      {[](v1::Statement& s) { s.mutable_receipt(); }, "receipt"},
      {[](v1::Statement& s) { s.mutable_operation(); }, "operation"},
      {[](v1::Statement& s) { s.mutable_directory(); }, "directory"},
      {[](v1::Statement&) {}, "unknown"},
  };
  for (const Case& c : cases) {
    v1::Statement statement = Base();
    c.set(statement);
    EXPECT_EQ(StatementKind(statement), c.kind);
    const Json json = LedgerEntryJson(EntryOf(statement), true);
    EXPECT_EQ(json["kind"], c.kind);
    EXPECT_THAT(LedgerEntryText(json), HasSubstr(c.kind));
  }
}

TEST(StatementTextTest, SaysWhatIsErasedLostAlteredOrOnlyCommittedTo) {
  v1::LedgerEntry erased = EntryOf(AQuery());
  erased.set_erased(true);
  erased.clear_salt();
  erased.clear_statement();
  EXPECT_EQ(LedgerEntryJson(erased, true)["state"], "erased");
  v1::LedgerEntry lost = erased;
  lost.set_erased(false);
  lost.set_unreadable(true);
  EXPECT_EQ(LedgerEntryJson(lost, true)["state"], "unreadable");
  EXPECT_EQ(LedgerEntryJson(lost, false)["state"], "unreadable");
  v1::LedgerEntry altered = EntryOf(AQuery());
  altered.mutable_salt()->at(0) ^= 1;
  EXPECT_EQ(LedgerEntryJson(altered, true)["state"], "altered");
  EXPECT_FALSE(LedgerEntryJson(altered, true).contains("kind"));
  v1::LedgerEntry nothing = EntryOf(AQuery());
  nothing.set_statement("\xFF\xFF");
  EXPECT_EQ(LedgerEntryJson(nothing, true)["state"], "altered");
  const Json commitment = LedgerEntryJson(EntryOf(AQuery()), false);
  EXPECT_EQ(commitment["state"], "commitment-only");
  EXPECT_THAT(LedgerEntryText(commitment), HasSubstr("5  commitment-only  "));
}

TEST(StatementTextTest, ShowsListsOfEveryKindOnOneLine) {
  v1::Statement hold = Base();
  hold.mutable_operation()->mutable_hold()->add_permit_numbers("\x01");
  hold.mutable_operation()->mutable_hold()->add_permit_numbers("\x02");
  hold.mutable_operation()->mutable_hold()->add_entries(1);
  hold.mutable_operation()->mutable_hold()->add_entries(3);
  EXPECT_THAT(LedgerEntryText(LedgerEntryJson(EntryOf(hold), true)),
              HasSubstr(" permit_numbers=01,02 entries=1,3\n"));
  v1::Statement provision = Base();
  v1::Provision::Version& version = *provision.mutable_provision()->add_versions();
  version.set_item("immunization");
  version.set_source_version(4);
  version.set_records(2);
  EXPECT_THAT(LedgerEntryText(LedgerEntryJson(EntryOf(provision), true)),
              HasSubstr(" versions=item=immunization source_version=4 records=2"));
}

TEST(StatementTextTest, ShowsDirectoryChangesOnOneLine) {
  v1::Statement statement = Base();
  v1::MemberJoined& member = *statement.mutable_directory()->mutable_member_joined();
  member.set_code("072028");
  member.set_name("会津\n若松市");
  const std::string text = LedgerEntryText(LedgerEntryJson(EntryOf(statement), true));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_THAT(text, HasSubstr("change=member-joined code=072028"));
}

}  // namespace
}  // namespace nakadachi::cli
