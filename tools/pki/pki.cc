#include "tools/pki/pki.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/crypto/private_file.h"
#include "common/crypto/x509.h"
#include "common/ledger/checkpoint.h"

namespace nakadachi::pki {
namespace {

constexpr Trust kTrusts[] = {Trust::kNetwork, Trust::kTerminal, Trust::kVenue};
constexpr absl::Duration kClockTolerance = absl::Hours(1);
constexpr absl::Duration kRootLifetime = absl::Hours(24 * 3652);

std::string RootKeyPath(const std::string& folder, Trust trust) {
  return absl::StrCat(folder, "/", TrustName(trust), "/root.key");
}

bool Exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// Like mkdir -p, for the owner only.
absl::Status MakeFolders(const std::string& path) {
  for (size_t end = path.find('/', 1); !path.empty(); end = path.find('/', end + 1)) {
    const std::string folder = path.substr(0, end);
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
      return FieldError(absl::StatusCode::kUnavailable, folder, "io", std::strerror(errno));
    if (end == std::string::npos) break;
  }
  return absl::OkStatus();
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::string LastPart(const std::string& path) { return path.substr(path.rfind('/') + 1); }

absl::Status RefuseExisting(const std::vector<std::string>& paths) {
  const auto found = std::find_if(paths.begin(), paths.end(), Exists);
  if (found == paths.end()) return absl::OkStatus();
  return FieldError(absl::StatusCode::kAlreadyExists, *found, "exists",
                    "exists and is not overwritten");
}

// The key first: a certificate whose key was lost must not come into the world.
absl::Status WritePair(const std::string& certificate_path, const std::string& key_path,
                       CertificateAndKey pair, Overwrite overwrite) {
  const Secret key(pair.private_key_pem);
  Wipe(&pair.private_key_pem);
  NAKADACHI_RETURN_IF_ERROR(WritePrivateFile(key_path, key, overwrite));
  return WritePublicFile(certificate_path, pair.certificate_pem, overwrite);
}

absl::Status MakeRoot(const std::string& folder, Trust trust, absl::Time now, Overwrite overwrite) {
  NAKADACHI_ASSIGN_OR_RETURN(
      CertificateAndKey root,
      MakeTrustRoot(absl::StrCat("Nakadachi ", TrustName(trust), " root"), now - kClockTolerance,
                    now - kClockTolerance + kRootLifetime));
  const std::string certificate_path = RootCertificatePath(folder, trust);
  NAKADACHI_RETURN_IF_ERROR(MakeFolders(FolderOf(certificate_path)));
  return WritePair(certificate_path, RootKeyPath(folder, trust), std::move(root), overwrite);
}

absl::StatusOr<CertificateAndKey> LoadRoot(const std::string& folder, Trust trust) {
  CertificateAndKey root;
  NAKADACHI_ASSIGN_OR_RETURN(root.certificate_pem,
                             ReadPublicFile(RootCertificatePath(folder, trust)));
  NAKADACHI_ASSIGN_OR_RETURN(const Secret key, ReadPrivateFile(RootKeyPath(folder, trust)));
  root.private_key_pem = std::string(key.Expose());
  return root;
}

LeafRequest ToLeafRequest(const IssueRequest& request) {
  LeafRequest leaf;
  leaf.common_name = request.common_name.empty() ? LastPart(request.output) : request.common_name;
  leaf.uris = request.uris;
  leaf.dns_names = request.dns_names;
  leaf.not_before = request.now - kClockTolerance;
  leaf.not_after = request.now + request.lifetime;
  return leaf;
}

// Not only now: a root that ends first would end the leaf without notice.
absl::Status CheckWithinRoot(const CertificateAndKey& root, const CertificateAndKey& leaf,
                             const LeafRequest& request) {
  for (const absl::Time time : {request.not_before, request.not_after - absl::Seconds(1)}) {
    if (!VerifyLeaf(root.certificate_pem, leaf.certificate_pem, time).ok())
      return InvalidField("lifetime", "validity", "the trust root is not valid throughout");
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view TrustName(Trust trust) {
  switch (trust) {
    case Trust::kNetwork:
      return "network";
    case Trust::kTerminal:
      return "terminal";
    case Trust::kVenue:
      return "venue";
  }
  return "";
}

absl::StatusOr<Trust> ParseTrust(absl::string_view name, absl::string_view field) {
  for (const Trust trust : kTrusts) {
    if (TrustName(trust) == name) return trust;
  }
  return InvalidField(field, "trust", "must be network, terminal or venue");
}

std::string BrokerDnsName() { return "broker.nakadachi.internal"; }
std::string JukiDnsName() { return "juki.nakadachi.internal"; }
std::string IntermediateDnsName(const LocalGovernmentCode& code) {
  return absl::StrCat(code.ToString(), ".intermediate.nakadachi.internal");
}

std::string RootCertificatePath(const std::string& folder, Trust trust) {
  return absl::StrCat(folder, "/", TrustName(trust), "/root.pem");
}

absl::Status Init(const std::string& folder, absl::Time now, Overwrite overwrite) {
  std::vector<std::string> paths;
  for (const Trust trust : kTrusts) {
    paths.push_back(RootCertificatePath(folder, trust));
    paths.push_back(RootKeyPath(folder, trust));
  }
  if (overwrite == Overwrite::kNever) NAKADACHI_RETURN_IF_ERROR(RefuseExisting(paths));
  for (const Trust trust : kTrusts) {
    NAKADACHI_RETURN_IF_ERROR(MakeRoot(folder, trust, now, overwrite));
  }
  return absl::OkStatus();
}

absl::StatusOr<IssuedFiles> Issue(const std::string& folder, const IssueRequest& request) {
  const IssuedFiles files{request.output + ".pem", request.output + ".key",
                          RootCertificatePath(folder, request.trust)};
  if (request.overwrite == Overwrite::kNever)
    NAKADACHI_RETURN_IF_ERROR(RefuseExisting({files.certificate, files.private_key}));
  NAKADACHI_ASSIGN_OR_RETURN(CertificateAndKey root, LoadRoot(folder, request.trust));
  const LeafRequest leaf_request = ToLeafRequest(request);
  auto leaf = IssueLeaf(root, leaf_request);
  Wipe(&root.private_key_pem);
  NAKADACHI_RETURN_IF_ERROR(leaf.status());
  NAKADACHI_RETURN_IF_ERROR(CheckWithinRoot(root, *leaf, leaf_request));
  NAKADACHI_RETURN_IF_ERROR(MakeFolders(FolderOf(request.output)));
  NAKADACHI_RETURN_IF_ERROR(
      WritePair(files.certificate, files.private_key, *std::move(leaf), request.overwrite));
  return files;
}

absl::StatusOr<PublicMemberKeys> MakeKeys(const std::string& path, const Author& author,
                                          Overwrite overwrite) {
  NAKADACHI_RETURN_IF_ERROR(MakeFolders(FolderOf(path)));
  return MakeMemberKeys(path, ledger::Origin(author), SystemRandom(), overwrite);
}

absl::Status MakeSecret(const std::string& path, Overwrite overwrite) {
  NAKADACHI_RETURN_IF_ERROR(MakeFolders(FolderOf(path)));
  return MakeHexSecret(path, SystemRandom(), overwrite);
}

}  // namespace nakadachi::pki
