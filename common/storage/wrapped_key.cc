#include "common/storage/wrapped_key.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"
#include "common/crypto/private_file.h"

namespace nakadachi::storage {
namespace {

constexpr size_t kKeySize = 32;

// The first line names the format; the second is the wrapped key in hexadecimal.
std::string Header(const WrappedKeyFile& file) {
  return absl::StrCat("nakadachi ", file.kind, " key v1\n");
}

std::string Context(const WrappedKeyFile& file) {
  return absl::StrCat("nakadachi/", file.kind, "-key/v1/", file.owner);
}

absl::Status Damaged(const WrappedKeyFile& file) {
  return FieldError(absl::StatusCode::kDataLoss, absl::StrCat(file.kind, "_key"), "wrapped-key",
                    absl::StrCat("the file is not a ", file.kind, " key"));
}

}  // namespace

WrappedKeyFile WrappedKeyFile::Data(absl::string_view folder, absl::string_view owner) {
  return {absl::StrCat(folder, "/data-key"), "data", std::string(owner)};
}

WrappedKeyFile WrappedKeyFile::Period(absl::string_view folder, absl::string_view owner,
                                      int period) {
  return {absl::StrCat(folder, "/period-", period), "period", absl::StrCat(owner, "/", period)};
}

absl::StatusOr<std::optional<Secret>> LoadWrappedKey(const WrappedKeyFile& file,
                                                     KeyProvider& provider) {
  const absl::StatusOr<Secret> content = ReadPrivateFile(file.path);
  if (absl::IsNotFound(content.status())) return std::optional<Secret>();
  if (!content.ok()) return content.status();

  absl::string_view text = content->Expose();
  if (!absl::ConsumePrefix(&text, Header(file)) || !absl::ConsumeSuffix(&text, "\n"))
    return Damaged(file);
  const absl::StatusOr<std::string> wrapped = HexDecode(text, "wrapped_key");
  if (!wrapped.ok()) return Damaged(file);
  NAKADACHI_ASSIGN_OR_RETURN(Secret key, provider.Unwrap(*wrapped, Context(file)));
  if (key.size() != kKeySize) return Damaged(file);
  return std::make_optional(std::move(key));
}

absl::StatusOr<Secret> CreateWrappedKey(const WrappedKeyFile& file, KeyProvider& provider,
                                        Random& random) {
  Secret key = Secret::Generate(random, kKeySize);
  NAKADACHI_ASSIGN_OR_RETURN(const std::string wrapped, provider.Wrap(key, Context(file)));
  NAKADACHI_RETURN_IF_ERROR(WritePrivateFile(
      file.path, Secret(absl::StrCat(Header(file), HexEncode(wrapped), "\n")), Overwrite::kNever));
  return key;
}

}  // namespace nakadachi::storage
