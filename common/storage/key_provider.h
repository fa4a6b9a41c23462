// Wraps data keys. A municipality's own KeyProvider is what keeps a platform's operator out of
// its data: file by default, a hardware module later.
#ifndef NAKADACHI_COMMON_STORAGE_KEY_PROVIDER_H_
#define NAKADACHI_COMMON_STORAGE_KEY_PROVIDER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/crypto/crypto.h"

namespace nakadachi::storage {

// Thread-safe. `context` (the owner and the key's purpose) must be the same at both calls.
class KeyProvider {
 public:
  virtual ~KeyProvider() = default;
  virtual absl::StatusOr<std::string> Wrap(const Secret& data_key, absl::string_view context) = 0;
  // DATA_LOSS, rule "wrapped-key", where the key or the context is another.
  virtual absl::StatusOr<Secret> Unwrap(absl::string_view wrapped, absl::string_view context) = 0;
};

// A file with a 32-byte key as hex, readable by its owner only: otherwise FAILED_PRECONDITION,
// rule "mode". Made by `nakadachi pki secret`.
absl::StatusOr<std::unique_ptr<KeyProvider>> OpenFileKeyProvider(const std::string& path);

// For tests and benchmarks: the key itself.
std::unique_ptr<KeyProvider> MakeMemoryKeyProvider(const Secret& key);

}  // namespace nakadachi::storage

#endif  // NAKADACHI_COMMON_STORAGE_KEY_PROVIDER_H_
