#include "client/cli/profile.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "common/base/status.h"
#include "tests/support/temporary_folder.h"

namespace nakadachi::cli {
namespace {

class ProfileTest : public testing::Test {
 protected:
  absl::StatusOr<Profile> LoadText(const std::string& json) {
    const std::string path = folder_ / "profile.json";
    std::ofstream(path) << json;
    return Profile::Load(path, absl::Seconds(1));
  }
  TemporaryFolder folder_;
};

TEST_F(ProfileTest, WhatACommandNeedsAndDoesNotFindIsNamed) {
  const auto profile = LoadText("{}");
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(GetFieldRule(profile->Municipality().status()).field, "profile.municipality");
  EXPECT_EQ(GetFieldRule(profile->Intermediate().status()).field, "profile.intermediate.address");
  EXPECT_EQ(GetFieldRule(profile->Juki().status()).field, "profile.juki.address");
  EXPECT_EQ(GetFieldRule(profile->Broker().status()).field, "profile.broker_operator.address");
  EXPECT_EQ(GetFieldRule(profile->Ledger("broker").status()).field,
            "profile.broker_operator.address");
  EXPECT_EQ(GetFieldRule(profile->Ledger("072028").status()).field, "profile.intermediate.address");
  EXPECT_EQ(profile->OwnInstitution(), "broker");
}

TEST_F(ProfileTest, AnEndpointWithoutANameToCheckIsRefused) {
  const auto profile = LoadText(R"({"intermediate": {"address": "127.0.0.1:1"}})");
  ASSERT_TRUE(profile.ok());
  EXPECT_EQ(GetFieldRule(profile->Intermediate().status()).field, "profile.intermediate.tls_name");
}

TEST_F(ProfileTest, FilesAreRelativeToTheProfile) {
  const auto profile = LoadText(
      R"({"municipality": "072028", "intermediate": {"address": "127.0.0.1:1", "tls_name": "x"},
          "tls": {"certificate": "a.pem", "private_key": "a.key", "trust_root": "r.pem"}})");
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(profile->OwnInstitution(), "072028");
  const absl::Status status = profile->Intermediate().status();
  EXPECT_EQ(GetFieldRule(status).rule, "missing");
  EXPECT_EQ(GetFieldRule(status).field, folder_ / "a.pem");
}

TEST_F(ProfileTest, AFileThatIsNoneIsAnError) {
  EXPECT_EQ(GetFieldRule(LoadText("{").status()).rule, "json");
  EXPECT_EQ(GetFieldRule(LoadText(R"({"munic": "1"})").status()).rule, "unknown-field");
  EXPECT_EQ(GetFieldRule(Profile::Load(folder_ / "none", absl::Seconds(1)).status()).rule,
            "missing");
}

TEST_F(ProfileTest, ThePathGivenComesFirstThenTheEnvironment) {
  EXPECT_EQ(ProfilePath("mine"), "mine");
  setenv("NAKADACHI_PROFILE", "theirs", 1);
  EXPECT_EQ(ProfilePath(""), "theirs");
  unsetenv("NAKADACHI_PROFILE");
  setenv("HOME", "/home/x", 1);
  EXPECT_EQ(ProfilePath(""), "/home/x/.config/nakadachi/profile.json");
}

}  // namespace
}  // namespace nakadachi::cli
