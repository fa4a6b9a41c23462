#include "tools/pki/pki.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "common/base/status.h"
#include "common/crypto/private_file.h"
#include "common/crypto/x509.h"
#include "common/ledger/checkpoint.h"
#include "tests/support/temporary_folder.h"

namespace nakadachi::pki {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1711929600);  // 2024-04-01

class PkiTest : public testing::Test {
 protected:
  IssueRequest Request(Trust trust = Trust::kNetwork) const {
    IssueRequest request;
    request.trust = trust;
    request.output = folder_ / "platform/tls/network";
    request.uris = {"nakadachi:role:intermediate", "nakadachi:institution:072028"};
    request.dns_names = {IntermediateDnsName(*LocalGovernmentCode::Parse("072028"))};
    request.now = kNow;
    return request;
  }
  static mode_t ModeOf(const std::string& path) {
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
    return info.st_mode & 07777;
  }

  const TemporaryFolder folder_;
  const std::string pki_ = folder_ / "made/pki";
};

TEST_F(PkiTest, RootsAreSeparate) {
  ASSERT_TRUE(Init(pki_, kNow).ok());
  const Trust trusts[] = {Trust::kNetwork, Trust::kTerminal, Trust::kVenue};
  for (const Trust trust : trusts) {
    IssueRequest request = Request(trust);
    request.output = folder_ / "" + std::string(TrustName(trust));
    const auto files = Issue(pki_, request);
    ASSERT_TRUE(files.ok()) << files.status();
    EXPECT_EQ(files->trust_root, RootCertificatePath(pki_, trust));
    EXPECT_EQ(ModeOf(files->private_key), 0600u);
    EXPECT_EQ(ModeOf(pki_ + "/" + std::string(TrustName(trust)) + "/root.key"), 0600u);
    for (const Trust root : trusts) {
      const auto info = VerifyLeaf(*ReadPublicFile(RootCertificatePath(pki_, root)),
                                   *ReadPublicFile(files->certificate), kNow);
      EXPECT_EQ(info.ok(), root == trust);
    }
  }
}

TEST_F(PkiTest, ACertificateSaysWhatWasAskedFor) {
  ASSERT_TRUE(Init(pki_, kNow).ok());
  const auto files = Issue(pki_, Request());
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ(files->certificate, folder_ / "platform/tls/network.pem");
  EXPECT_EQ(files->private_key, folder_ / "platform/tls/network.key");
  const auto info =
      VerifyLeaf(*ReadPublicFile(files->trust_root), *ReadPublicFile(files->certificate), kNow);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->common_name, "network");
  EXPECT_EQ(info->uris, Request().uris);
  ASSERT_EQ(info->dns_names.size(), 1u);
  EXPECT_EQ(info->dns_names[0], "072028.intermediate.nakadachi.internal");
  EXPECT_EQ(info->not_before, kNow - absl::Hours(1));
  EXPECT_EQ(info->not_after, kNow + absl::Hours(24 * 397));
}

TEST_F(PkiTest, NothingIsOverwrittenUnlessAskedFor) {
  ASSERT_TRUE(Init(pki_, kNow).ok());
  const std::string root = *ReadPublicFile(RootCertificatePath(pki_, Trust::kVenue));
  // One that is left is enough to refuse, and the others are not made anew.
  std::filesystem::remove_all(pki_ + "/network");
  const absl::Status again = Init(pki_, kNow);
  EXPECT_EQ(again.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(GetFieldRule(again).rule, "exists");
  EXPECT_FALSE(std::filesystem::exists(pki_ + "/network"));
  EXPECT_EQ(*ReadPublicFile(RootCertificatePath(pki_, Trust::kVenue)), root);

  ASSERT_TRUE(Init(pki_, kNow, Overwrite::kAllowed).ok());
  EXPECT_NE(*ReadPublicFile(RootCertificatePath(pki_, Trust::kVenue)), root);
  ASSERT_TRUE(Issue(pki_, Request()).ok());
  EXPECT_EQ(Issue(pki_, Request()).status().code(), absl::StatusCode::kAlreadyExists);
  IssueRequest request = Request();
  request.overwrite = Overwrite::kAllowed;
  EXPECT_TRUE(Issue(pki_, request).ok());
}

TEST_F(PkiTest, TheRootMustOutliveALeaf) {
  ASSERT_TRUE(Init(pki_, kNow).ok());
  IssueRequest request = Request();
  request.lifetime = absl::Hours(24 * 4000);
  const auto files = Issue(pki_, request);
  EXPECT_EQ(GetFieldRule(files.status()).field, "lifetime");
  EXPECT_EQ(GetFieldRule(files.status()).rule, "validity");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "platform"));
}

TEST_F(PkiTest, BadNamesLeaveNoFiles) {
  ASSERT_TRUE(Init(pki_, kNow).ok());
  IssueRequest request = Request();
  request.dns_names = {"not a name"};
  EXPECT_EQ(GetFieldRule(Issue(pki_, request).status()).field, "dns_names[0]");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "platform"));
}

TEST_F(PkiTest, ARootKeyThatOthersMayReadIsRefused) {
  ASSERT_TRUE(Init(pki_, kNow).ok());
  ASSERT_EQ(::chmod((pki_ + "/network/root.key").c_str(), 0644), 0);
  EXPECT_EQ(GetFieldRule(Issue(pki_, Request()).status()).rule, "mode");
}

TEST_F(PkiTest, WithoutRootsNothingIsIssued) {
  EXPECT_EQ(Issue(pki_, Request()).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(PkiTest, KeysCarryTheNameOfTheLedger) {
  const Author authors[] = {Author::Broker(), Author::Of(*LocalGovernmentCode::Parse("072028"))};
  for (const Author& author : authors) {
    const std::string path = folder_ / "keys/" + author.ToString();
    const auto made = MakeKeys(path, author);
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_EQ(made->vkey, ledger::VerifierKey(ledger::Origin(author), made->signing));
    EXPECT_EQ(LoadMemberKeys(path)->signing.public_key(), made->signing);
    EXPECT_EQ(LoadPublicMemberKeys(path + ".pub")->vkey, made->vkey);
    EXPECT_EQ(MakeKeys(path, author).status().code(), absl::StatusCode::kAlreadyExists);
  }
}

TEST_F(PkiTest, SecretsAreThirtyTwoBytes) {
  const std::string path = folder_ / "secrets/a";
  ASSERT_TRUE(MakeSecret(path).ok());
  EXPECT_EQ(LoadHexSecret(path)->size(), 32u);
  EXPECT_EQ(MakeSecret(path).code(), absl::StatusCode::kAlreadyExists);
}

TEST(TrustTest, NamesComeBack) {
  for (const Trust trust : {Trust::kNetwork, Trust::kTerminal, Trust::kVenue}) {
    EXPECT_EQ(*ParseTrust(TrustName(trust)), trust);
  }
  for (const char* name : {"", "Network", "networks", "lgwan"}) {
    EXPECT_EQ(GetFieldRule(ParseTrust(name).status()).rule, "trust");
  }
}

}  // namespace
}  // namespace nakadachi::pki
