// Bundles: whatever is changed, nothing else is ever proven than what the example proves.
#include "common/evidence/bundle.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nakadachi;  // NOLINT(google-build-using-namespace): one function
  // The broker of the example in proto/README.md.
  static const Ed25519PublicKey founding_key =
      Ed25519PrivateKey::FromSeed(
          Secret(
              HexDecode("202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f", "seed")
                  .value()))
          .value()
          .public_key();
  const absl::StatusOr<evidence::VerifiedBundle> verified =
      evidence::VerifyBundle(fuzz::AsView(data, size), founding_key);
  fuzz::CheckError(verified.status());
  if (!verified.ok()) return 0;
  // Three statements stand under signatures of the example: the record, and the broker's two.
  NAKADACHI_CHECK(verified->directory_size <= 2);
  if (verified->record.author.IsBroker()) {
    NAKADACHI_CHECK(verified->record.statement.has_directory());
  } else {
    NAKADACHI_CHECK(HexEncode(AsView(verified->record.commitment)) ==
                    "5ba711334c5f944a28982034b7ee926252af20a326589be45e75fd3f5b309593");
  }
  return 0;
}
