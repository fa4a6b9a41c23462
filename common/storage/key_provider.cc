#include "common/storage/key_provider.h"

#include "absl/status/status.h"
#include "common/base/status.h"
#include "common/crypto/key_file.h"

namespace nakadachi::storage {
namespace {

constexpr size_t kKeySize = 32;

// Holds the wrapping key itself. Wrapped: nonce || AES-256-GCM-SIV(data key), the context being
// the associated data.
class HeldKeyProvider final : public KeyProvider {
 public:
  // The key in the file is never used as it is, so that it may also serve another purpose.
  explicit HeldKeyProvider(const Secret& key)
      : aead_(HkdfSha256(key, {}, "nakadachi/data-key-wrap/v1", kKeySize)) {}

  absl::StatusOr<std::string> Wrap(const Secret& data_key, absl::string_view context) override {
    return aead_.SealWithRandomNonce(SystemRandom(), data_key.Expose(), context);
  }

  absl::StatusOr<Secret> Unwrap(absl::string_view wrapped, absl::string_view context) override {
    absl::StatusOr<std::string> opened = aead_.OpenWithNonce(wrapped, context);
    if (!opened.ok())
      return FieldError(absl::StatusCode::kDataLoss, "data_key", "wrapped-key",
                        "does not unwrap: another key, another owner or altered bytes");
    Secret data_key(*opened);
    Wipe(&*opened);
    return data_key;
  }

 private:
  const Aead aead_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<KeyProvider>> OpenFileKeyProvider(const std::string& path) {
  NAKADACHI_ASSIGN_OR_RETURN(const Secret key, LoadHexSecret(path));
  return MakeMemoryKeyProvider(key);
}

std::unique_ptr<KeyProvider> MakeMemoryKeyProvider(const Secret& key) {
  return std::make_unique<HeldKeyProvider>(key);
}

}  // namespace nakadachi::storage
