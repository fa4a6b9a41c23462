#include "common/ledger/verifier.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "absl/types/span.h"
#include "common/base/status.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/checkpoint_cache.h"
#include "common/ledger/commitment.h"
#include "common/merkle/merkle.h"

namespace nakadachi::ledger {
namespace {

constexpr size_t kSaltSize = 32;
constexpr size_t kMaxPath = 64;  // as high as a tree of 2^64 leaves

class CachingVerifier final : public Verifier {
 public:
  CachingVerifier(const KeySource* keys, size_t cache_size, CheckpointObserver* observer)
      : keys_(keys), observer_(observer), cache_(cache_size) {}
  absl::StatusOr<Verified> Verify(const v1::Recorded& recorded, int64_t now_ms) override;

 private:
  absl::StatusOr<SharedCheckpoint> VerifyCheckpoint(const std::string& note, int64_t now_ms);
  absl::StatusOr<SharedCheckpoint> CheckSignature(const std::string& note, int64_t now_ms) const;
  bool IsKeyValid(const VerifiedCheckpoint& verified, int64_t now_ms) const;

  const KeySource* const keys_;
  CheckpointObserver* const observer_;
  CheckpointCache cache_;
};

absl::Status CheckInclusion(const v1::Recorded& recorded, const Hash& commitment,
                            const Checkpoint& checkpoint) {
  std::array<Hash, kMaxPath> path;
  const std::string& bytes = recorded.path();
  const size_t length = bytes.size() / sizeof(Hash);
  if (length > path.size()) return InvalidField("path", "path-length", "is longer than any tree");
  if (bytes.size() % sizeof(Hash) != 0)
    return InvalidField("path", "path-length", "is not one of hashes of 32 bytes");
  std::memcpy(path.data(), bytes.data(), bytes.size());
  return merkle::VerifyInclusion(recorded.leaf_index(), checkpoint.size,
                                 merkle::LeafHash(AsView(commitment)),
                                 absl::MakeConstSpan(path.data(), length), checkpoint.root);
}

absl::StatusOr<Verified> CachingVerifier::Verify(const v1::Recorded& recorded, int64_t now_ms) {
  if (recorded.salt().size() != kSaltSize)
    return InvalidField("salt", "salt", "is not 32 bytes long");
  NAKADACHI_ASSIGN_OR_RETURN(const SharedCheckpoint signed_by,
                             VerifyCheckpoint(recorded.checkpoint(), now_ms));
  const Checkpoint& checkpoint = signed_by->checkpoint;
  Verified verified;
  verified.commitment = Commit(recorded.salt(), recorded.statement());
  NAKADACHI_RETURN_IF_ERROR(CheckInclusion(recorded, verified.commitment, checkpoint));
  if (!verified.statement.ParseFromString(recorded.statement()) ||
      verified.statement.kind_case() == v1::Statement::KIND_NOT_SET)
    return InvalidField("statement", "statement-format", "is not a statement of a known kind");
  if (verified.statement.author() != signed_by->author.ToString())
    return InvalidField("statement.author", "author", "is not the author of the checkpoint");
  verified.author = signed_by->author;
  verified.checkpoint_time_ms = checkpoint.time_ms;
  verified.leaf_index = recorded.leaf_index();
  verified.checkpoint_size = checkpoint.size;
  return verified;
}

absl::StatusOr<SharedCheckpoint> CachingVerifier::VerifyCheckpoint(const std::string& note,
                                                                   int64_t now_ms) {
  const Hash digest = Sha256(note);
  NAKADACHI_ASSIGN_OR_RETURN(SharedCheckpoint verified,
                             cache_.Get(digest, [&] { return CheckSignature(note, now_ms); }));
  if (IsKeyValid(*verified, now_ms)) return verified;
  // The note may carry the signature of another key that is still good.
  cache_.Forget(digest);
  return CheckSignature(note, now_ms);
}

absl::StatusOr<SharedCheckpoint> CachingVerifier::CheckSignature(const std::string& note,
                                                                 int64_t now_ms) const {
  NAKADACHI_ASSIGN_OR_RETURN(const SignedCheckpoint parsed, ParseCheckpoint(note));
  NAKADACHI_ASSIGN_OR_RETURN(const Signer signer, FindSigner(parsed, *keys_, now_ms));
  if (observer_ != nullptr) observer_->Seen(note, signer.author, parsed.checkpoint);
  return std::make_shared<const VerifiedCheckpoint>(
      VerifiedCheckpoint{signer.author, parsed.checkpoint, signer.key});
}

// The cache knows that the key signed; whether it may is asked each time.
bool CachingVerifier::IsKeyValid(const VerifiedCheckpoint& verified, int64_t now_ms) const {
  const std::vector<Ed25519PublicKey> valid =
      keys_->KeysAt(verified.author, verified.checkpoint.time_ms);
  return std::find(valid.begin(), valid.end(), verified.key) != valid.end() &&
         !keys_->RevokedAt(verified.author, verified.key, now_ms);
}

}  // namespace

std::vector<Hash> HashesOf(absl::string_view path) {
  std::vector<Hash> hashes(path.size() / sizeof(Hash));
  for (size_t i = 0; i < hashes.size(); ++i)
    std::memcpy(hashes[i].data(), path.data() + i * sizeof(Hash), sizeof(Hash));
  return hashes;
}

absl::StatusOr<Signer> FindSigner(const SignedCheckpoint& note, const KeySource& keys,
                                  int64_t now_ms) {
  const Checkpoint& checkpoint = note.checkpoint;
  const absl::StatusOr<Author> author = AuthorOfOrigin(checkpoint.origin);
  if (!author.ok())
    return InvalidField("checkpoint", "checkpoint-format", "its origin names no author");
  if (!keys.Knows(*author))
    return FieldError(absl::StatusCode::kNotFound, "checkpoint", "unknown-member",
                      "its author is not in the directory");
  for (const Ed25519PublicKey& key : keys.KeysAt(*author, checkpoint.time_ms)) {
    if (!keys.RevokedAt(*author, key, now_ms) && VerifyCheckpointSignature(note, key))
      return Signer{*author, key};
  }
  return FieldError(absl::StatusCode::kPermissionDenied, "checkpoint", "key-not-valid",
                    "no key that was valid at its time, and is not revoked, has signed it");
}

std::unique_ptr<Verifier> Verifier::Create(const KeySource* keys, size_t cache_size,
                                           CheckpointObserver* observer) {
  return std::make_unique<CachingVerifier>(keys, cache_size, observer);
}

}  // namespace nakadachi::ledger
