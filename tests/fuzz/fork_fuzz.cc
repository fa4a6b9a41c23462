// Fork proofs: what parses was in the one form that there is, and convicts nobody by chance.
#include "common/witness/fork_proof.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nakadachi;  // NOLINT(google-build-using-namespace): one function
  const absl::string_view text = fuzz::AsView(data, size);
  const auto proof = witness::ParseForkProof(text);
  fuzz::CheckError(proof.status());
  if (proof.ok()) NAKADACHI_CHECK(witness::ForkProofText(*proof) == text);

  static const Ed25519PrivateKey other =
      Ed25519PrivateKey::FromSeed(Secret(std::string(32, 's'))).value();
  const auto fork = witness::VerifyForkProof(text, {other.public_key()});
  NAKADACHI_CHECK(!fork.ok());
  fuzz::CheckError(fork.status());
  return 0;
}
