#include "common/storage/data_key.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"
#include "common/crypto/private_file.h"

namespace nakadachi::storage {
namespace {

constexpr size_t kKeySize = 32;
// The first line names the format; the second is the wrapped key in hexadecimal.
constexpr absl::string_view kHeader = "nakadachi data key v1\n";

std::string FileName(const std::string& folder) { return folder + "/data-key"; }

std::string Context(absl::string_view owner) {
  return absl::StrCat("nakadachi/data-key/v1/", owner);
}

absl::Status Damaged() {
  return FieldError(absl::StatusCode::kDataLoss, "data_key", "wrapped-key",
                    "the file is not a data key");
}

}  // namespace

absl::StatusOr<std::optional<Secret>> LoadDataKey(const std::string& folder,
                                                  absl::string_view owner, KeyProvider& provider) {
  const absl::StatusOr<Secret> file = ReadPrivateFile(FileName(folder));
  if (absl::IsNotFound(file.status())) return std::optional<Secret>();
  if (!file.ok()) return file.status();

  absl::string_view text = file->Expose();
  if (!absl::ConsumePrefix(&text, kHeader) || !absl::ConsumeSuffix(&text, "\n")) return Damaged();
  const absl::StatusOr<std::string> wrapped = HexDecode(text, "data_key");
  if (!wrapped.ok()) return Damaged();
  NAKADACHI_ASSIGN_OR_RETURN(Secret key, provider.Unwrap(*wrapped, Context(owner)));
  if (key.size() != kKeySize) return Damaged();
  return std::make_optional(std::move(key));
}

absl::StatusOr<Secret> CreateDataKey(const std::string& folder, absl::string_view owner,
                                     KeyProvider& provider, Random& random) {
  Secret key = Secret::Generate(random, kKeySize);
  NAKADACHI_ASSIGN_OR_RETURN(const std::string wrapped, provider.Wrap(key, Context(owner)));
  NAKADACHI_RETURN_IF_ERROR(
      WritePrivateFile(FileName(folder), Secret(absl::StrCat(kHeader, HexEncode(wrapped), "\n")),
                       Overwrite::kNever));
  return key;
}

}  // namespace nakadachi::storage
