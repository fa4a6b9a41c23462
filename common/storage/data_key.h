// A database's data key: 32 random bytes, stored only wrapped, in the file `data-key` of the
// database's folder.
#ifndef NAKADACHI_COMMON_STORAGE_DATA_KEY_H_
#define NAKADACHI_COMMON_STORAGE_DATA_KEY_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/crypto/crypto.h"
#include "common/storage/key_provider.h"

namespace nakadachi::storage {

// nullopt where the folder has none. DATA_LOSS, rule "wrapped-key", where it does not unwrap for
// this owner.
absl::StatusOr<std::optional<Secret>> LoadDataKey(const std::string& folder,
                                                  absl::string_view owner, KeyProvider& provider);

// Durable on return; ALREADY_EXISTS where there is one.
absl::StatusOr<Secret> CreateDataKey(const std::string& folder, absl::string_view owner,
                                     KeyProvider& provider, Random& random);

}  // namespace nakadachi::storage

#endif  // NAKADACHI_COMMON_STORAGE_DATA_KEY_H_
