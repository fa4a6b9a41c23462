// Keys that a database keeps in files of its folder: 32 random bytes, stored only as the
// KeyProvider wrapped them.
#ifndef NAKADACHI_COMMON_STORAGE_WRAPPED_KEY_H_
#define NAKADACHI_COMMON_STORAGE_WRAPPED_KEY_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/crypto/crypto.h"
#include "common/storage/key_provider.h"

namespace nakadachi::storage {

struct WrappedKeyFile {
  std::string path;
  std::string kind;   // "data", "period"
  std::string owner;  // and what else the key is for; bound into the wrapping

  static WrappedKeyFile Data(absl::string_view folder, absl::string_view owner);
  static WrappedKeyFile Period(absl::string_view folder, absl::string_view owner, int period);
};

// nullopt where there is no file. DATA_LOSS, rule "wrapped-key", where it does not unwrap for this
// kind and owner.
absl::StatusOr<std::optional<Secret>> LoadWrappedKey(const WrappedKeyFile& file,
                                                     KeyProvider& provider);

// Durable on return; ALREADY_EXISTS where there is one.
absl::StatusOr<Secret> CreateWrappedKey(const WrappedKeyFile& file, KeyProvider& provider,
                                        Random& random);

}  // namespace nakadachi::storage

#endif  // NAKADACHI_COMMON_STORAGE_WRAPPED_KEY_H_
