// Signed notes and verifier keys: what parses was in the one form that there is.
#include "common/ledger/checkpoint.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nakadachi;  // NOLINT(google-build-using-namespace): one function
  const absl::string_view text = fuzz::AsView(data, size);
  const auto key = ledger::ParseVerifierKey(text);
  fuzz::CheckError(key.status());
  if (key.ok()) NAKADACHI_CHECK(ledger::VerifierKey(key->name, key->key) == text);
  const auto author = ledger::AuthorOfOrigin(text);
  fuzz::CheckError(author.status());
  if (author.ok()) NAKADACHI_CHECK(ledger::Origin(*author) == text);

  const auto witness = ledger::AuthorOfWitnessName(text);
  fuzz::CheckError(witness.status());
  if (witness.ok()) NAKADACHI_CHECK(ledger::WitnessName(*witness) == text);

  const auto note = ledger::ParseCheckpoint(text);
  fuzz::CheckError(note.status());
  if (!note.ok()) return 0;
  NAKADACHI_CHECK(absl::string_view(text).substr(0, note->body.size()) == note->body);
  NAKADACHI_CHECK(!note->signatures.empty());
  ledger::VerifyCheckpointSignature(*note, Ed25519PublicKey{});
  for (const ledger::NoteSignature& signature : note->signatures) {
    fuzz::CheckError(ledger::CosignatureTime(signature).status());
    ledger::VerifyCosignature(note->body, signature, Ed25519PublicKey{});
  }
  NAKADACHI_CHECK(ledger::NoteText(note->body, note->signatures) == text);
  // What an author of the network signs anew parses to the same.
  if (!ledger::AuthorOfOrigin(note->checkpoint.origin).ok()) return 0;
  static const Ed25519PrivateKey own =
      Ed25519PrivateKey::FromSeed(Secret(std::string(32, 's'))).value();
  const auto again = ledger::ParseCheckpoint(ledger::SignCheckpoint(note->checkpoint, own));
  NAKADACHI_CHECK(again.ok() && again->checkpoint.root == note->checkpoint.root &&
                  again->checkpoint.size == note->checkpoint.size &&
                  again->checkpoint.time_ms == note->checkpoint.time_ms);
  NAKADACHI_CHECK(ledger::VerifyCheckpointSignature(*again, own.public_key()));
  return 0;
}
