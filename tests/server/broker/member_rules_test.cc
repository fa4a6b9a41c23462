// What may be recorded of a member for good, and what may not.
#include "server/broker/model/member_rules.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "common/base/status.h"

namespace nakadachi::broker {
namespace {

// "" for OK, else the rule; the field is checked on the way.
std::string Rule(const absl::Status& status, const std::string& field) {
  if (status.ok()) return "";
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_EQ(GetFieldRule(status).field, field) << status;
  return GetFieldRule(status).rule;
}

std::string Repeat(const std::string& text, int times) {
  std::string repeated;
  for (int i = 0; i < times; ++i) repeated += text;
  return repeated;
}

const std::string kLabel63(63, 'a');
// 253 characters: three labels of 63, one of 61, three dots.
const std::string kName253 =
    kLabel63 + "." + kLabel63 + "." + kLabel63 + "." + std::string(61, 'a');

TEST(MemberRulesTest, Addresses) {
  const struct {
    std::string address;
    std::string rule;
  } cases[] = {
      {"127.0.0.1:1", ""},
      {"127.0.0.1:65535", ""},
      {"10.1.2.3:7001", ""},
      {"255.1.2.3:1", "host"},  // reserved, broadcast among them
      {"[::1]:7001", ""},
      {"[2001:db8::12:34]:443", ""},
      {"[::ffff:10.1.2.3]:443", ""},
      {"localhost:1", ""},
      {"provider:1", ""},
      {"intermediate.example:7443", ""},
      {"3com.example:7443", ""},
      {"xn--fiq64b.jp:443", ""},
      {"A-1.Example.JP:443", ""},
      {"dns.example:443", ""},
      {kName253 + ":443", ""},

      {"", "required"},
      {"nonsense", "host-port"},
      {"127.0.0.1", "host-port"},
      {"[::1]", "host-port"},
      {"127.0.0.1:", "port"},
      {"127.0.0.1:0", "port"},
      {"127.0.0.1:01", "port"},
      {"127.0.0.1:65536", "port"},
      {"127.0.0.1:99999", "port"},
      {"127.0.0.1:100000", "port"},
      {"127.0.0.1:4294967297", "port"},
      {"127.0.0.1:-1", "port"},
      {"127.0.0.1:+1", "port"},
      {"127.0.0.1: 1", "port"},
      {"127.0.0.1:1 ", "port"},
      {"127.0.0.1:https", "port"},
      {"127.0.0.1:0x10", "port"},
      {"127.0.0.1:\xef\xbc\x91", "port"},  // a full-width 1
      {":443", "host"},
      {" 127.0.0.1:443", "host"},
      {"127.0.0:443", "host"},
      {"127.0.0.1.2:443", "host"},
      {"127.0.0.256:443", "host"},
      {"127.0.0.01:443", "host"},
      {"0x7f.0.0.1:443", "host"},
      {"2130706433:443", "host"},
      {"0.0.0.0:443", "host"},
      {"224.0.0.1:443", "host"},
      {"255.255.255.255:443", "host"},
      {"::1:443", "host"},
      {"[]:443", "host"},
      {"[::]:443", "host"},
      {"[ff02::1]:443", "host"},
      {"[fe80::1%eth0]:443", "host"},
      {"[127.0.0.1]:443", "host"},
      {"[::1:443", "host"},
      {"::1]:443", "host"},
      {"[::1]x:443", "host"},
      {"127.0.0.1:443:444", "host"},
      {"a..example:443", "host"},
      {".example:443", "host"},
      {"city.example.:443", "host"},
      {"-city.example:443", "host"},
      {"city-.example:443", "host"},
      {"under_score.example:443", "host"},
      {"city.123:443", "host"},
      {"city!:443", "host"},
      {"\xe4\xbc\x9a\xe6\xb4\xa5:443", "host"},
      {std::string("127.0.0.1\0x:443", 15), "host"},
      {std::string("[::1\0]:443", 10), "host"},
      {kLabel63 + "a.example:443", "host"},
      {kName253 + "a:443", "host"},
      {"city.example/path:443", "host"},
      {"https://city.example:443", "host"},
      {"dns:///city.example:443", "host"},
      {"ipv4:127.0.0.1:443", "host"},
      {"unix:/run/socket", "host"},
      {"unix:443", "host"},
      {"DNS:443", "host"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(Rule(CheckAddress(c.address), "address"), c.rule) << c.address;
}

TEST(MemberRulesTest, TlsNames) {
  const struct {
    std::string name;
    std::string rule;
  } cases[] = {
      {"072028.intermediate.nakadachi.internal", ""},
      {"072028.test", ""},
      {"platform", ""},
      {"dns", ""},
      {"A.b-c.d1", ""},
      {kName253, ""},
      {kLabel63, ""},

      {"", "required"},
      {" ", "dns-name"},
      {"bad name!", "dns-name"},
      {"127.0.0.1", "dns-name"},
      {"::1", "dns-name"},
      {"072028", "dns-name"},
      {"*.example", "dns-name"},
      {"city.example:443", "dns-name"},
      {"city.example.", "dns-name"},
      {"city..example", "dns-name"},
      {"city_1.example", "dns-name"},
      {"-city.example", "dns-name"},
      {"city.example-", "dns-name"},
      {"city.example\n", "dns-name"},
      {std::string("city.example\0", 13), "dns-name"},
      {"\xe4\xbc\x9a\xe6\xb4\xa5.jp", "dns-name"},
      {kLabel63 + "a", "dns-name"},
      {kName253 + "a", "dns-name"},
  };
  for (const auto& c : cases) EXPECT_EQ(Rule(CheckTlsName(c.name), "tls_name"), c.rule) << c.name;
}

TEST(MemberRulesTest, Names) {
  const std::string kanji = "\xe4\xbc\x9a";
  const struct {
    std::string name;
    std::string rule;
  } cases[] = {
      {"会津若松市", ""},
      {"会津　若松 市", ""},
      {"x", ""},
      {"Île-d'Orléans (ville)", ""},
      {"x\xc2\xa0y", ""},  // U+00A0: beyond the control characters
      {"𠮷野町", ""},
      {std::string(100, 'x'), ""},
      {Repeat(kanji, 100), ""},

      {"", "required"},
      {" ", "required"},
      {" 　 ", "required"},
      {std::string(101, 'x'), "length"},
      {Repeat(kanji, 101), "length"},
      {std::string("x\0y", 3), "control-character"},
      {"x\ny", "control-character"},
      {"x\t", "control-character"},
      {"\x1b[31mred", "control-character"},
      {"x\x7f", "control-character"},
      {"x\xc2\x80", "control-character"},
      {"x\xc2\x9f", "control-character"},
      {"x\xe2\x80\xa8y", "control-character"},
      {"x\xe2\x80\xa9", "control-character"},
      {"\xff", "utf-8"},
      {"\xe4\xbc", "utf-8"},
      {"\xed\xa0\x80", "utf-8"},  // half a surrogate pair
      {"\xc0\x80", "utf-8"},
  };
  for (const auto& c : cases) EXPECT_EQ(Rule(CheckMemberName(c.name), "name"), c.rule) << c.name;
}

TEST(MemberRulesTest, OfEachChange) {
  v1::Directory change;
  EXPECT_TRUE(CheckNamesAndRoutes(change).ok());
  change.mutable_key_added()->set_code("");
  EXPECT_TRUE(CheckNamesAndRoutes(change).ok()) << "has neither";

  v1::MemberJoined& joined = *change.mutable_member_joined();
  EXPECT_EQ(Rule(CheckNamesAndRoutes(change), "directory.member_joined.name"), "required");
  joined.set_name("x");
  const std::string under_joined = "directory.member_joined.route.";
  EXPECT_EQ(Rule(CheckNamesAndRoutes(change), under_joined + "address"), "required");
  joined.mutable_route()->set_address("127.0.0.1:1");
  EXPECT_EQ(Rule(CheckNamesAndRoutes(change), under_joined + "tls_name"), "required");
  joined.mutable_route()->set_tls_name("x.test");
  EXPECT_TRUE(CheckNamesAndRoutes(change).ok());

  v1::RouteChanged& changed = *change.mutable_route_changed();
  const std::string under_changed = "directory.route_changed.route.";
  EXPECT_EQ(Rule(CheckNamesAndRoutes(change), under_changed + "address"), "required");
  changed.mutable_route()->set_address("127.0.0.1:1");
  EXPECT_EQ(Rule(CheckNamesAndRoutes(change), under_changed + "tls_name"), "required");
  changed.mutable_route()->set_tls_name("x.test");
  EXPECT_TRUE(CheckNamesAndRoutes(change).ok());
}

TEST(MemberRulesTest, Times) {
  constexpr int64_t kYear10000 = 253402268400000;  // its beginning in Japan
  const struct {
    int64_t time_ms;
    const char* rule;
  } cases[] = {{0, ""},
               {1, ""},
               {1711897200000, ""},
               {kYear10000 - 1, ""},
               {kYear10000, "range"},
               {INT64_MAX, "range"},
               {-1, "range"},
               {INT64_MIN, "range"}};
  for (const auto& c : cases) {
    v1::Directory change;
    EXPECT_TRUE(CheckTimes(change).ok());
    const std::string joined = "directory.member_joined.keys.";
    change.mutable_member_joined()->mutable_keys()->set_valid_from_ms(c.time_ms);
    EXPECT_EQ(Rule(CheckTimes(change), joined + "valid_from_ms"), c.rule) << c.time_ms;
    change.mutable_member_joined()->mutable_keys()->set_valid_from_ms(0);
    change.mutable_member_joined()->mutable_keys()->set_valid_until_ms(c.time_ms);
    EXPECT_EQ(Rule(CheckTimes(change), joined + "valid_until_ms"), c.rule) << c.time_ms;
    change.mutable_key_added()->mutable_keys()->set_valid_from_ms(c.time_ms);
    EXPECT_EQ(Rule(CheckTimes(change), "directory.key_added.keys.valid_from_ms"), c.rule);
    change.mutable_key_revoked()->set_revoked_from_ms(c.time_ms);
    EXPECT_EQ(Rule(CheckTimes(change), "directory.key_revoked.revoked_from_ms"), c.rule);
    change.mutable_list_published()->set_in_force_from_ms(c.time_ms);
    EXPECT_EQ(Rule(CheckTimes(change), "directory.list_published.in_force_from_ms"), c.rule);
  }
}

}  // namespace
}  // namespace nakadachi::broker
