#include "common/crypto/x509.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "absl/strings/match.h"
#include "common/base/status.h"

namespace nakadachi {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1711929600);  // 2024-04-01
const absl::Duration kDay = absl::Hours(24);

CertificateAndKey Root() { return *MakeTrustRoot("Test root", kNow - kDay, kNow + 3650 * kDay); }

LeafRequest Request() {
  LeafRequest request;
  request.common_name = "中間サーバー 1";
  request.uris = {"nakadachi:role:intermediate", "nakadachi:institution:072028",
                  "nakadachi:institution:072010"};
  request.dns_names = {"072028.intermediate.nakadachi.internal", "localhost"};
  request.not_before = kNow - kDay;
  request.not_after = kNow + 365 * kDay;
  return request;
}

template <typename T>
void ExpectError(const absl::StatusOr<T>& result, absl::StatusCode code, const std::string& field,
                 const std::string& rule) {
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.status().code(), code) << result.status();
  EXPECT_EQ(GetFieldRule(result.status()).field, field) << result.status();
  EXPECT_EQ(GetFieldRule(result.status()).rule, rule) << result.status();
}

TEST(X509Test, ALeafVerifiesAndItsNamesComeBack) {
  const CertificateAndKey root = Root();
  const LeafRequest request = Request();
  const auto leaf = IssueLeaf(root, request);
  ASSERT_TRUE(leaf.ok()) << leaf.status();
  EXPECT_TRUE(absl::StartsWith(leaf->certificate_pem, "-----BEGIN CERTIFICATE-----\n"));
  EXPECT_TRUE(absl::StartsWith(leaf->private_key_pem, "-----BEGIN PRIVATE KEY-----\n"));

  const auto info = VerifyLeaf(root.certificate_pem, leaf->certificate_pem, kNow);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->common_name, request.common_name);
  EXPECT_EQ(info->uris, request.uris);
  EXPECT_EQ(info->dns_names, request.dns_names);
  EXPECT_EQ(info->not_before, request.not_before);
  EXPECT_EQ(info->not_after, request.not_after);
}

TEST(X509Test, NamesWithSeparatorsAreOneName) {
  const CertificateAndKey root = Root();
  LeafRequest request = Request();
  request.uris = {"nakadachi:staff:a,DNS:evil.example", "nakadachi:department:a;b#c%20d"};
  request.dns_names = {};
  const auto leaf = IssueLeaf(root, request);
  ASSERT_TRUE(leaf.ok()) << leaf.status();
  const auto info = VerifyLeaf(root.certificate_pem, leaf->certificate_pem, kNow);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->uris, request.uris);
  EXPECT_TRUE(info->dns_names.empty());
}

TEST(X509Test, HundredsOfInstitutionsFitOneCertificate) {
  const CertificateAndKey root = Root();
  LeafRequest request = Request();
  for (int i = 0; i < 500; ++i) {
    request.dns_names.push_back("host-" + std::to_string(i) + ".intermediate.nakadachi.internal");
  }
  const auto leaf = IssueLeaf(root, request);
  ASSERT_TRUE(leaf.ok()) << leaf.status();
  EXPECT_EQ(VerifyLeaf(root.certificate_pem, leaf->certificate_pem, kNow)->dns_names,
            request.dns_names);
}

TEST(X509Test, ALeafWithoutNamesVerifies) {
  const CertificateAndKey root = Root();
  LeafRequest request = Request();
  request.uris.clear();
  request.dns_names.clear();
  const auto leaf = IssueLeaf(root, request);
  ASSERT_TRUE(leaf.ok()) << leaf.status();
  EXPECT_TRUE(VerifyLeaf(root.certificate_pem, leaf->certificate_pem, kNow)->uris.empty());
}

TEST(X509Test, SerialsAreRandomAndPositive) {
  const CertificateAndKey root = Root();
  std::set<std::string> serials;
  for (int i = 0; i < 20; ++i) {
    const auto leaf = IssueLeaf(root, Request());
    const auto info = VerifyLeaf(root.certificate_pem, leaf->certificate_pem, kNow);
    ASSERT_TRUE(info.ok()) << info.status();
    EXPECT_EQ(info->serial.size(), 32u);
    EXPECT_THAT(std::string("4567"), testing::HasSubstr(info->serial.substr(0, 1)));
    serials.insert(info->serial);
  }
  EXPECT_EQ(serials.size(), 20u);
}

TEST(X509Test, OnlyItsOwnRootVerifiesALeaf) {
  const CertificateAndKey root = Root();
  const CertificateAndKey other = Root();  // the same name, another key
  const auto leaf = IssueLeaf(root, Request());
  ExpectError(VerifyLeaf(other.certificate_pem, leaf->certificate_pem, kNow),
              absl::StatusCode::kUnauthenticated, "certificate", "certificate");
}

TEST(X509Test, ALeafIsNoRoot) {
  const CertificateAndKey root = Root();
  const auto leaf = IssueLeaf(root, Request());
  const auto below = IssueLeaf(*leaf, Request());
  ASSERT_TRUE(below.ok()) << below.status();
  ExpectError(VerifyLeaf(root.certificate_pem, below->certificate_pem, kNow),
              absl::StatusCode::kUnauthenticated, "certificate", "certificate");
  ExpectError(VerifyLeaf(leaf->certificate_pem, below->certificate_pem, kNow),
              absl::StatusCode::kUnauthenticated, "certificate", "certificate");
}

TEST(X509Test, ALeafIsValidBetweenItsTimesOnly) {
  const CertificateAndKey root = Root();
  const LeafRequest request = Request();
  const auto leaf = IssueLeaf(root, request);
  const struct {
    absl::Time time;
    bool valid;
  } cases[] = {{request.not_before - absl::Seconds(1), false},
               {request.not_before + absl::Seconds(1), true},
               {request.not_after - absl::Seconds(1), true},
               {request.not_after + absl::Seconds(1), false}};
  for (const auto& c : cases) {
    EXPECT_EQ(VerifyLeaf(root.certificate_pem, leaf->certificate_pem, c.time).ok(), c.valid)
        << c.time;
  }
}

TEST(X509Test, TimesBeforeAndAfter2050ComeBack) {
  // RFC 5280 section 4.1.2.5 changes the encoding with that year.
  const absl::Time from = absl::FromUnixSeconds(2493072000);  // 2049-01-01
  const absl::Time to = absl::FromUnixSeconds(3124224000);    // 2069-01-01
  const auto root = MakeTrustRoot("Late root", from, to);
  ASSERT_TRUE(root.ok()) << root.status();
  LeafRequest request = Request();
  request.not_before = from;
  request.not_after = to;
  const auto leaf = IssueLeaf(*root, request);
  ASSERT_TRUE(leaf.ok()) << leaf.status();
  const auto info = VerifyLeaf(root->certificate_pem, leaf->certificate_pem, from + kDay);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->not_before, from);
  EXPECT_EQ(info->not_after, to);
}

TEST(X509Test, BadRequestsNameTheFieldAndTheRule) {
  const CertificateAndKey root = Root();
  const auto expect = [&root](const LeafRequest& request, const std::string& field,
                              const std::string& rule) {
    ExpectError(IssueLeaf(root, request), absl::StatusCode::kInvalidArgument, field, rule);
  };
  LeafRequest request = Request();
  request.common_name = "";
  expect(request, "common_name", "length");
  request.common_name = std::string(65, 'x');
  expect(request, "common_name", "length");
  request.common_name = "\xff\xfe";
  expect(request, "common_name", "utf-8");
  for (const char* uri : {"", "no-scheme", ":x", "a:b c", "a:\n", "a:\xe4\xbc\x9a"}) {
    request = Request();
    request.uris[1] = uri;
    expect(request, "uris[1]", "uri");
  }
  for (const char* name :
       {"", ".", "a..b", "-a", "a-", "a_b", "a b", "a.", "*.x", "\xe4\xbc\x9a"}) {
    request = Request();
    request.dns_names[1] = name;
    expect(request, "dns_names[1]", "dns-name");
  }
  request = Request();
  request.dns_names[0] = std::string(64, 'a') + ".internal";
  expect(request, "dns_names[0]", "dns-name");
  request = Request();
  request.not_after = request.not_before;
  expect(request, "not_after", "validity");
  request.not_after = absl::InfiniteFuture();
  expect(request, "not_after", "validity");
  request = Request();
  request.not_before = absl::InfinitePast();
  expect(request, "not_before", "validity");
}

TEST(X509Test, BadRootsAreRefused) {
  const CertificateAndKey root = Root();
  const auto expect = [](const CertificateAndKey& bad, const std::string& field,
                         const std::string& rule) {
    ExpectError(IssueLeaf(bad, Request()), absl::StatusCode::kInvalidArgument, field, rule);
  };
  expect({"", root.private_key_pem}, "root.certificate", "pem");
  expect({root.private_key_pem, root.private_key_pem}, "root.certificate", "pem");
  expect({root.certificate_pem, ""}, "root.private_key", "pem");
  expect({root.certificate_pem, root.certificate_pem}, "root.private_key", "pem");
  expect({root.certificate_pem, Root().private_key_pem}, "root.private_key", "key-mismatch");
  ExpectError(MakeTrustRoot("", kNow, kNow + kDay), absl::StatusCode::kInvalidArgument,
              "common_name", "length");
  ExpectError(MakeTrustRoot("x", kNow, kNow), absl::StatusCode::kInvalidArgument, "not_after",
              "validity");
}

// An encrypted key must be an error, not a question at the terminal.
TEST(X509Test, EncryptedKeysAreRefused) {
  CertificateAndKey root = Root();
  root.private_key_pem =
      "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
      "DEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\n"
      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n-----END EC PRIVATE KEY-----\n";
  ExpectError(IssueLeaf(root, Request()), absl::StatusCode::kInvalidArgument, "root.private_key",
              "pem");
}

TEST(X509Test, EveryAlteredCharacterIsNoticed) {
  const CertificateAndKey root = Root();
  const std::string pem = IssueLeaf(root, Request())->certificate_pem;
  const size_t begin = pem.find('\n') + 1;
  // The last group of four may hold spare bits that decode to nothing.
  const size_t end = pem.find("\n-----END") - 4;
  for (size_t i = begin; i < end; ++i) {
    if (pem[i] == '\n') continue;
    std::string altered = pem;
    altered[i] = altered[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(VerifyLeaf(root.certificate_pem, altered, kNow).ok()) << i;
  }
  for (size_t size = 0; size + 2 < pem.size(); ++size) {
    EXPECT_FALSE(VerifyLeaf(root.certificate_pem, pem.substr(0, size), kNow).ok()) << size;
  }
}

}  // namespace
}  // namespace nakadachi
