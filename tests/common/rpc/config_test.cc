#include "common/rpc/config.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "common/base/status.h"
#include "common/rpc/channel.h"
#include "nakadachi/v1/config.pb.h"
#include "tests/support/temporary_folder.h"

namespace nakadachi::rpc {
namespace {

namespace fs = std::filesystem;

class ConfigTest : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) const {
    const std::string path = folder_ / name;
    std::ofstream(path) << text;
    return path;
  }

  TemporaryFolder folder_;
};

TEST_F(ConfigTest, ReadsBothSpellingsOfFieldNames) {
  v1::BrokerConfig config;
  const std::string path = Write("broker.json", R"({
    "runtime": {"data": "data", "portFile": "ports.json"},
    "network": {"address": "127.0.0.1:0", "tls": {"private_key": "net.key"}},
    "permit_validity_s": 60})");
  ASSERT_TRUE(LoadConfig(path, &config).ok());
  EXPECT_EQ(config.runtime().port_file(), "ports.json");
  EXPECT_EQ(config.network().tls().private_key(), "net.key");
  EXPECT_EQ(config.permit_validity_s(), 60u);
}

TEST_F(ConfigTest, TheClockIsGivenOrConfiguredOrTheSystems) {
  std::unique_ptr<Clock> own;
  v1::Runtime runtime;
  EXPECT_EQ(ChooseClock(nullptr, runtime, folder_.path(), &own).value(), &SystemClock());
  runtime.set_clock_offset_file("offset");
  ManualClock given(absl::UnixEpoch());
  EXPECT_EQ(ChooseClock(&given, runtime, folder_.path(), &own).value(), &given);
  EXPECT_EQ(own, nullptr);

  Clock* const configured = ChooseClock(nullptr, runtime, folder_.path(), &own).value();
  EXPECT_EQ(configured, own.get());
  ASSERT_TRUE(WriteClockOffset(folder_ / "offset", absl::Hours(24)).ok());
  EXPECT_GT(configured->Now(), SystemClock().Now() + absl::Hours(23));
  runtime.set_clock_offset_file("no/such/folder");
  EXPECT_FALSE(ChooseClock(nullptr, runtime, folder_.path(), &own).ok());
}

TEST_F(ConfigTest, ErrorsNameFileAndField) {
  struct Case {
    std::string text, field, rule;
  };
  const Case cases[] = {
      {R"({"networks": {}})", ": networks", "unknown-field"},
      {R"({"network": {"adress": "x"}})", ": (network) adress", "unknown-field"},
      {R"({"network": )", "", "json"},
      {R"({"network": 5})", "", "json"},
      {R"({"permitValidityS": "soon"})", "", "json"},
      {"", "", "json"},
      {"\xff\xfe", "", "json"},
  };
  for (const Case& c : cases) {
    v1::BrokerConfig config;
    const std::string path = Write("bad.json", c.text);
    const absl::Status status = LoadConfig(path, &config);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << c.text;
    EXPECT_EQ(GetFieldRule(status).field, path + c.field) << c.text;
    EXPECT_EQ(GetFieldRule(status).rule, c.rule) << c.text;
  }
  v1::BrokerConfig config;
  EXPECT_TRUE(absl::IsNotFound(LoadConfig(folder_ / "none.json", &config)));
  EXPECT_FALSE(LoadConfig(folder_.path(), &config).ok());
}

TEST(Paths, AreResolvedAgainstTheFileTheyStandIn) {
  EXPECT_EQ(ResolvePath("/etc/nakadachi", "broker.key"), "/etc/nakadachi/broker.key");
  EXPECT_EQ(ResolvePath("/etc/nakadachi/", "keys/a"), "/etc/nakadachi/keys/a");
  EXPECT_EQ(ResolvePath("/etc", "/run/a"), "/run/a");
  EXPECT_EQ(ResolvePath("/etc", ""), "");
  EXPECT_EQ(ResolvePath("", "a"), "a");
  EXPECT_EQ(FolderOf("/etc/nakadachi/broker.json"), "/etc/nakadachi");
  EXPECT_EQ(FolderOf("/broker.json"), "/");
  EXPECT_EQ(FolderOf("broker.json"), ".");
}

TEST_F(ConfigTest, PortFileIsReplacedWhole) {
  const std::string path = folder_ / "ports.json";
  EXPECT_TRUE(absl::IsNotFound(ReadPortFile(path).status()));
  for (int port : {1, 50051, 65535}) {
    const std::map<std::string, int> ports = {{"network", port}, {"operator", 8080}};
    ASSERT_TRUE(WritePortFile(path, ports).ok());
    const auto read = ReadPortFile(path);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, ports);
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()), 1);
}

TEST_F(ConfigTest, PortFileWithoutPortsIsRefused) {
  for (const char* text : {R"({"network": 0})", R"({"network": 65536})", R"({"network": "x"})",
                           R"({"network": null})", R"({"network": -1})", R"({"network": 1.5})",
                           R"({"network": 18446744073709551616})", R"({"network": {}})"}) {
    const absl::Status status = ReadPortFile(Write("ports.json", text)).status();
    EXPECT_EQ(GetFieldRule(status).rule, "port") << text;
  }
  for (const char* text : {"", "[1", "[1]", "5", "\xff"}) {
    const absl::Status status = ReadPortFile(Write("ports.json", text)).status();
    EXPECT_EQ(GetFieldRule(status).rule, "json") << text;
  }
}

TEST_F(ConfigTest, TlsFilesAreReadAndPrivateOnesKeptPrivate) {
  v1::TlsFiles files;
  files.set_certificate("leaf.pem");
  files.set_private_key("leaf.key");
  files.set_trust_root("root.pem");
  EXPECT_TRUE(absl::IsNotFound(ReadTls(files, folder_.path()).status()));
  Write("leaf.pem", "-----BEGIN CERTIFICATE-----\nleaf\n");
  Write("root.pem", "-----BEGIN CERTIFICATE-----\nroot\n");
  const std::string key = Write("leaf.key", "-----BEGIN PRIVATE KEY-----\nkey\n");
  fs::permissions(key, fs::perms::owner_read | fs::perms::owner_write);
  const auto tls = ReadTls(files, folder_.path());
  ASSERT_TRUE(tls.ok()) << tls.status();
  EXPECT_EQ(tls->trust_root, "-----BEGIN CERTIFICATE-----\nroot\n");
  EXPECT_EQ(tls->private_key, "-----BEGIN PRIVATE KEY-----\nkey\n");

  fs::permissions(key, fs::perms::others_read, fs::perm_options::add);
  const absl::Status open = ReadTls(files, folder_.path()).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(open));
  EXPECT_EQ(GetFieldRule(open).rule, "mode");
  fs::permissions(key, fs::perms::others_read, fs::perm_options::remove);

  Write("root.pem", "");
  EXPECT_EQ(GetFieldRule(ReadTls(files, folder_.path()).status()).rule, "pem");
}

}  // namespace
}  // namespace nakadachi::rpc
