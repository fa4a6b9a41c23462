#include "common/witness/quorum.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"

namespace nakadachi::witness {
namespace {

constexpr int64_t kMsPerSecond = 1'000;

bool Contains(const std::vector<Author>& authors, const Author& author) {
  return std::find(authors.begin(), authors.end(), author) != authors.end();
}

}  // namespace

absl::StatusOr<QuorumPolicy> QuorumPolicy::Create(std::vector<Author> witnesses, size_t needed) {
  if (witnesses.size() > kMaxWitnesses) {
    return InvalidField("witnesses", "length", "more than 15 do not fit in a note");
  }
  for (size_t i = 0; i < witnesses.size(); ++i) {
    if (std::count(witnesses.begin(), witnesses.end(), witnesses[i]) > 1) {
      return InvalidField(absl::StrCat("witnesses[", i, "]"), "duplicate", "is named twice");
    }
  }
  if (needed < 1 || needed > witnesses.size()) {
    return InvalidField("needed", "range", "is not between one and all of the witnesses");
  }
  return QuorumPolicy{std::move(witnesses), needed};
}

bool QuorumPolicy::Names(const Author& author) const { return Contains(witnesses, author); }

std::string QuorumPolicy::ToString() const {
  return absl::StrCat(needed, " of ",
                      absl::StrJoin(witnesses, ", ", [](std::string* out, const Author& author) {
                        out->append(author.ToString());
                      }));
}

absl::StatusOr<Author> WitnessOf(absl::string_view body, const ledger::NoteSignature& signature,
                                 const QuorumPolicy& policy, const ledger::KeySource& keys,
                                 int64_t now_ms) {
  const absl::Status unknown =
      FieldError(absl::StatusCode::kNotFound, "cosignature", "unknown-witness",
                 "is by nobody that the policy's keys know");
  const absl::StatusOr<Author> author = ledger::AuthorOfWitnessName(signature.name);
  if (!author.ok() || !policy.Names(*author)) return unknown;
  const absl::StatusOr<uint64_t> time_s = ledger::CosignatureTime(signature);
  if (!time_s.ok()) return unknown;
  // A whole second is meant: a key that was valid in a part of it counts.
  constexpr uint64_t kLatest = std::numeric_limits<int64_t>::max() / kMsPerSecond - 1;
  const auto begin_ms = static_cast<int64_t>(std::min(*time_s, kLatest)) * kMsPerSecond;
  for (const int64_t time_ms : {begin_ms, begin_ms + kMsPerSecond - 1}) {
    for (const Ed25519PublicKey& key : keys.KeysAt(*author, time_ms)) {
      if (signature.key_id != ledger::CosignatureKeyId(signature.name, key)) continue;
      if (keys.RevokedAt(*author, key, now_ms)) continue;
      if (ledger::VerifyCosignature(body, signature, key)) return *author;
      return InvalidField("cosignature", "cosignature", "a witness's cosignature is wrong");
    }
  }
  return unknown;
}

absl::StatusOr<Cosigned> CheckQuorum(absl::string_view note, const QuorumPolicy& policy,
                                     const ledger::KeySource& keys, int64_t now_ms) {
  NAKADACHI_ASSIGN_OR_RETURN(const ledger::SignedCheckpoint parsed, ledger::ParseCheckpoint(note));
  NAKADACHI_RETURN_IF_ERROR(ledger::FindSigner(parsed, keys, now_ms).status());
  Cosigned cosigned{parsed.checkpoint, {}};
  for (const ledger::NoteSignature& signature : parsed.signatures) {
    const absl::StatusOr<Author> witness = WitnessOf(parsed.body, signature, policy, keys, now_ms);
    if (absl::IsNotFound(witness.status())) continue;
    if (!witness.ok()) return witness.status();
    if (!Contains(cosigned.witnesses, *witness)) cosigned.witnesses.push_back(*witness);
  }
  if (cosigned.witnesses.size() >= policy.needed) return cosigned;
  return FieldError(absl::StatusCode::kPermissionDenied, "checkpoint", "quorum",
                    absl::StrCat("cosigned by ", cosigned.witnesses.size(), ", not by ",
                                 policy.needed, " witnesses"));
}

}  // namespace nakadachi::witness
