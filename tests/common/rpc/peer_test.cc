#include "common/rpc/peer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/status.h"

namespace nakadachi::rpc {
namespace {

using ::testing::ElementsAre;

LocalGovernmentCode Code(const char* text) { return LocalGovernmentCode::Parse(text).value(); }

TEST(Peer, RolesHaveNamesBothWays) {
  for (Role role : {Role::kBroker, Role::kJuki, Role::kIntermediate, Role::kOffice, Role::kOperator,
                    Role::kStaff, Role::kInspector, Role::kPortal}) {
    const auto parsed = ParseRole(RoleName(role));
    ASSERT_TRUE(parsed.ok()) << RoleName(role);
    EXPECT_EQ(*parsed, role);
  }
  EXPECT_EQ(GetFieldRule(ParseRole("mayor").status()).rule, "role");
}

TEST(Peer, AnIntermediateServerSpeaksForItsInstitutionsOnly) {
  const auto peer =
      ParsePeer({"nakadachi:role:intermediate", "nakadachi:institution:072028",
                 "nakadachi:institution:131016", "https://example.test/not-ours", "spiffe://x/y"});
  ASSERT_TRUE(peer.ok()) << peer.status();
  EXPECT_EQ(peer->role, Role::kIntermediate);
  EXPECT_TRUE(peer->MaySpeakFor(Code("072028")));
  EXPECT_TRUE(peer->MaySpeakFor(Code("131016")));
  EXPECT_FALSE(peer->MaySpeakFor(Code("041009")));
}

TEST(Peer, UrisComeBackAsTheyWere) {
  Peer staff;
  staff.role = Role::kStaff;
  staff.institutions = {Code("072028")};
  staff.department = "健康増進課";
  staff.staff_pseudonym = "s-104";
  const std::vector<std::string> uris = PeerUris(staff);
  EXPECT_THAT(uris, ElementsAre("nakadachi:role:staff", "nakadachi:institution:072028",
                                "nakadachi:department:健康増進課", "nakadachi:staff:s-104"));
  const auto parsed = ParsePeer(uris);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(PeerUris(*parsed), uris);
}

TEST(Peer, AnInspectorsScopeComesBackAsItWas) {
  const std::vector<std::string> uris = {"nakadachi:role:inspector",
                                         "nakadachi:institution:072028",
                                         "nakadachi:staff:i-3",
                                         "nakadachi:inspect:broker",
                                         "nakadachi:inspect:statements",
                                         "nakadachi:inspect:from:1711897200000",
                                         "nakadachi:inspect:until:1743433200000"};
  const auto peer = ParsePeer(uris);
  ASSERT_TRUE(peer.ok()) << peer.status();
  EXPECT_EQ(peer->staff_pseudonym, "i-3");
  EXPECT_FALSE(peer->inspection.all);
  EXPECT_TRUE(peer->inspection.broker);
  EXPECT_TRUE(peer->inspection.statements);
  EXPECT_FALSE(peer->inspection.persons);
  EXPECT_EQ(peer->inspection.from_ms, 1'711'897'200'000);
  EXPECT_EQ(peer->inspection.until_ms, 1'743'433'200'000);
  EXPECT_EQ(PeerUris(*peer), uris);

  const std::vector<std::string> whole = {"nakadachi:role:inspector", "nakadachi:staff:i-3",
                                          "nakadachi:inspect:all", "nakadachi:inspect:statements",
                                          "nakadachi:inspect:persons"};
  const auto everything = ParsePeer(whole);
  ASSERT_TRUE(everything.ok()) << everything.status();
  EXPECT_TRUE(everything->inspection.all);
  EXPECT_TRUE(everything->inspection.persons);
  EXPECT_EQ(PeerUris(*everything), whole);
}

TEST(Peer, MalformedUrisAreRefused) {
  const std::vector<std::vector<std::string>> cases = {
      {},
      {"https://example.test"},
      {"nakadachi:institution:072028"},
      {"nakadachi:role:"},
      {"nakadachi:role:mayor"},
      {"nakadachi:role:Broker"},
      {"nakadachi:role:broker", "nakadachi:role:juki"},
      {"nakadachi:role:broker", "nakadachi:role:broker"},
      {"nakadachi:role:intermediate", "nakadachi:institution:072029"},
      {"nakadachi:role:intermediate", "nakadachi:institution:"},
      {"nakadachi:role:broker", "nakadachi:colour:red"},
      {"nakadachi:role:broker", "nakadachi:"},
      {"nakadachi:role:staff", "nakadachi:staff:"},
      {"nakadachi:role:staff", "nakadachi:staff:a", "nakadachi:staff:b"},
      {"nakadachi:role:staff", "nakadachi:department:a", "nakadachi:department:b"},
      {"nakadachi:role:office", "nakadachi:staff:a"},
      {"nakadachi:role:operator", "nakadachi:department:a"},
      {"nakadachi:role:inspector", "nakadachi:department:a"},
      {"nakadachi:role:staff", "nakadachi:inspect:all"},
      {"nakadachi:role:operator", "nakadachi:inspect:from:1"},
      {"nakadachi:role:inspector", "nakadachi:inspect:"},
      {"nakadachi:role:inspector", "nakadachi:inspect:everything"},
      {"nakadachi:role:inspector", "nakadachi:inspect:from:"},
      {"nakadachi:role:inspector", "nakadachi:inspect:from:0"},
      {"nakadachi:role:inspector", "nakadachi:inspect:from:-1"},
      {"nakadachi:role:inspector", "nakadachi:inspect:from:+1"},
      {"nakadachi:role:inspector", "nakadachi:inspect:from: 1"},
      {"nakadachi:role:inspector", "nakadachi:inspect:from:9999999999999999"},
      {"nakadachi:role:inspector", "nakadachi:inspect:from:1", "nakadachi:inspect:from:2"},
      {"nakadachi:role:inspector", "nakadachi:inspect:from:5", "nakadachi:inspect:until:5"},
  };
  for (const auto& uris : cases) {
    const absl::Status status = ParsePeer(uris).status();
    EXPECT_TRUE(absl::IsUnauthenticated(status)) << testing::PrintToString(uris);
    EXPECT_EQ(GetFieldRule(status).rule, "peer-uri") << testing::PrintToString(uris);
  }
}

}  // namespace
}  // namespace nakadachi::rpc
