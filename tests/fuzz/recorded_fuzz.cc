// Statements with proofs: nothing but what the author signed is ever verified; and what a peer may
// have signed is judged without surprise.
#include "common/directory/directory.h"
#include "common/ledger/commitment.h"
#include "common/ledger/verifier.h"
#include "server/intermediate/exchange_rules.h"
#include "server/intermediate/permit_judge.h"
#include "tests/fuzz/fuzz.h"

namespace nakadachi {
namespace {

// The keys of the example in proto/README.md, for whoever asks.
class ExampleKeys final : public ledger::KeySource {
 public:
  std::vector<Ed25519PublicKey> KeysAt(const Author&, int64_t) const override { return {key_}; }
  bool Knows(const Author&) const override { return true; }
  bool RevokedAt(const Author&, const Ed25519PublicKey&, int64_t) const override { return false; }

 private:
  const Ed25519PublicKey key_ =
      Ed25519PrivateKey::FromSeed(
          Secret(
              HexDecode("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "seed")
                  .value()))
          .value()
          .public_key();
};

constexpr int64_t kNowMs = 1'711'929'700'000;

void Judge(const v1::Statement& statement, const Hash& commitment) {
  const auto author = Author::Parse(statement.author());
  if (!author.ok()) return;
  ledger::Verified verified;
  verified.statement = statement;
  verified.author = *author;
  verified.commitment = commitment;
  verified.checkpoint_time_ms = kNowMs;
  v1::QueryRequest question;
  question.set_provider("041009");
  question.set_procedure("immunization");
  question.add_items("immunization");
  fuzz::CheckError(intermediate::CheckDecision(verified, question, AsView(commitment)));
  fuzz::CheckError(intermediate::ParsePermit(statement, commitment).status());
  Directory directory(Ed25519PublicKey{});
  fuzz::CheckError(directory.Apply(statement));
}

}  // namespace
}  // namespace nakadachi

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nakadachi;  // NOLINT(google-build-using-namespace): one function
  static const ExampleKeys keys;
  static const auto* const verifier = ledger::Verifier::Create(&keys, 16).release();
  const std::string bytes(fuzz::AsView(data, size));
  v1::Recorded recorded;
  if (recorded.ParseFromString(bytes)) {
    const auto verified = const_cast<ledger::Verifier*>(verifier)->Verify(recorded, kNowMs);
    fuzz::CheckError(verified.status());
    // The example's key has signed one tree, and of that one statement is known.
    if (verified.ok()) {
      NAKADACHI_CHECK(HexEncode(AsView(verified->commitment)) ==
                      "5ba711334c5f944a28982034b7ee926252af20a326589be45e75fd3f5b309593");
    }
  }
  v1::Statement statement;
  if (statement.ParseFromString(bytes))
    Judge(statement, ledger::Commit(std::string(32, 's'), bytes));
  return 0;
}
