#include "client/cli/own_record_bundles.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/posix_file.h"
#include "common/base/status.h"
#include "common/evidence/bundle.h"

namespace nakadachi::cli {
namespace {

namespace fs = std::filesystem;

constexpr char kField[] = "bundles";
constexpr size_t kIdBytes = 16;

absl::Status IoError(absl::string_view message) {
  return FieldError(absl::StatusCode::kUnavailable, kField, "io", message);
}

}  // namespace

std::string OwnRecordBundle::FileName() const {
  return absl::StrCat(absl::BytesToHexString(permit_number), ".bundle");
}

absl::StatusOr<OwnRecordBundle> MakeOwnRecordBundle(const v1::OwnRecord& record,
                                                    const std::vector<v1::Recorded>& directory,
                                                    const Ed25519PublicKey& founding_key) {
  OwnRecordBundle bundle;
  bundle.bytes = evidence::EncodeBundle(record.permit(), directory);
  NAKADACHI_ASSIGN_OR_RETURN(const evidence::VerifiedBundle verified,
                             evidence::VerifyBundle(bundle.bytes, founding_key));
  bundle.permit_number = verified.record.statement.permit().permit_number();
  if (verified.record.author.IsBroker() && bundle.permit_number.size() == kIdBytes) return bundle;
  return InvalidField("record", "permit", "is no permit of the broker");
}

absl::Status MakeBundleFolder(const std::string& path) {
  if (::mkdir(path.c_str(), S_IRWXU) == 0) {
    const int failed = SyncFolder(absl::StrCat(path, "/.."));
    return failed == 0 ? absl::OkStatus() : IoError(std::strerror(failed));
  }
  if (errno != EEXIST) return IoError(std::strerror(errno));
  std::error_code error;
  const bool is_empty = fs::is_directory(path, error) && fs::is_empty(path, error);
  if (error) return IoError(error.message());
  if (is_empty) return absl::OkStatus();
  return FieldError(absl::StatusCode::kAlreadyExists, kField, "exists",
                    "must be a new or an empty folder");
}

}  // namespace nakadachi::cli
