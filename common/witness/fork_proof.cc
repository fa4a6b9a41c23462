#include "common/witness/fork_proof.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"
#include "common/merkle/merkle.h"

namespace nakadachi::witness {
namespace {

constexpr absl::string_view kHeader = "nakadachi/fork/v1";
constexpr absl::string_view kKindPrefix = "kind ";
constexpr absl::string_view kKeyPrefix = "key ";
constexpr absl::string_view kHashPrefix = "hash ";
constexpr ForkKind kKinds[] = {ForkKind::kSameSize, ForkKind::kOrder, ForkKind::kPrefix};
// Header; body and signatures of each note. No part has an empty line of its own.
constexpr size_t kParts = 5;
constexpr size_t kMaxKeys = 16;
constexpr size_t kMaxPath = 65;
constexpr size_t kMaxBytes = size_t{512} << 10;

absl::Status FormatError(absl::string_view message) {
  return InvalidField("fork", "fork-format", message);
}

absl::Status NotShown(ForkKind kind, absl::string_view message) {
  return InvalidField("fork", ForkKindName(kind), message);
}

std::optional<ForkKind> KindOf(absl::string_view name) {
  const auto* found = std::find_if(std::begin(kKinds), std::end(kKinds),
                                   [name](ForkKind kind) { return ForkKindName(kind) == name; });
  if (found == std::end(kKinds)) return std::nullopt;
  return *found;
}

absl::Status ParseHeaderLine(absl::string_view line, ForkProof& proof) {
  if (absl::ConsumePrefix(&line, kKeyPrefix)) {
    if (proof.keys.size() == kMaxKeys) return FormatError("has too many keys");
    absl::StatusOr<ledger::NamedKey> key = ledger::ParseVerifierKey(line);
    if (!key.ok()) return FormatError("a key is no verifier key");
    proof.keys.push_back(*std::move(key));
    return absl::OkStatus();
  }
  if (!absl::ConsumePrefix(&line, kHashPrefix)) return FormatError("a line of the head is unknown");
  if (proof.path.size() == kMaxPath) return FormatError("has too many hashes");
  const absl::StatusOr<std::string> bytes = Base64Decode(line, "fork");
  if (!bytes.ok()) return FormatError("a hash is not base64");
  const absl::StatusOr<Hash> hash = HashFromBytes(*bytes, "fork");
  if (!hash.ok()) return FormatError("a hash is not 32 bytes long");
  proof.path.push_back(*hash);
  return absl::OkStatus();
}

absl::StatusOr<ForkProof> ParseHeader(absl::string_view header) {
  const std::vector<absl::string_view> lines = absl::StrSplit(header, '\n');
  if (lines.size() < 2 || lines[0] != kHeader) return FormatError("does not begin as one");
  absl::string_view kind = lines[1];
  if (!absl::ConsumePrefix(&kind, kKindPrefix) || !KindOf(kind)) {
    return FormatError("its kind is unknown");
  }
  ForkProof proof;
  proof.kind = *KindOf(kind);
  for (size_t i = 2; i < lines.size(); ++i) {
    NAKADACHI_RETURN_IF_ERROR(ParseHeaderLine(lines[i], proof));
  }
  return proof;
}

absl::StatusOr<ledger::Checkpoint> CheckSigned(const std::string& note,
                                               absl::Span<const Ed25519PublicKey> keys) {
  NAKADACHI_ASSIGN_OR_RETURN(ledger::SignedCheckpoint parsed, ledger::ParseCheckpoint(note));
  const bool is_signed = std::any_of(keys.begin(), keys.end(), [&](const Ed25519PublicKey& key) {
    return ledger::VerifyCheckpointSignature(parsed, key);
  });
  if (is_signed) return std::move(parsed.checkpoint);
  return InvalidField("fork", "signature", "a note is signed by none of the keys");
}

absl::Status CheckShown(const ForkProof& proof, const Fork& fork) {
  const ledger::Checkpoint& first = fork.first;
  const ledger::Checkpoint& second = fork.second;
  if (proof.kind != ForkKind::kPrefix && !proof.path.empty()) {
    return FormatError("has hashes where none are needed");
  }
  switch (proof.kind) {
    case ForkKind::kSameSize:
      if (first.size == second.size && first.root != second.root) return absl::OkStatus();
      return NotShown(proof.kind, "the notes are not of one size and two roots");
    case ForkKind::kOrder:
      if (first.time_ms < second.time_ms && first.size > second.size) return absl::OkStatus();
      return NotShown(proof.kind, "the later note is not the smaller one");
    case ForkKind::kPrefix:
      break;
  }
  if (first.size == 0 || first.size >= second.size) {
    return NotShown(proof.kind, "the first note is not the smaller one");
  }
  const auto roots = merkle::RootsFromPrefixProof(first.size, second.size, proof.path);
  if (!roots.ok() || roots->new_root != second.root) {
    return NotShown(proof.kind, "the hashes do not lead to the second note's root");
  }
  if (roots->old_root == first.root) return NotShown(proof.kind, "the notes are consistent");
  return absl::OkStatus();
}

}  // namespace

absl::string_view ForkKindName(ForkKind kind) {
  switch (kind) {
    case ForkKind::kSameSize:
      return "same-size";
    case ForkKind::kOrder:
      return "order";
    case ForkKind::kPrefix:
      return "prefix";
  }
  return "";
}

std::string ForkProofText(const ForkProof& proof) {
  std::string text = absl::StrCat(kHeader, "\n", kKindPrefix, ForkKindName(proof.kind), "\n");
  for (const ledger::NamedKey& key : proof.keys) {
    absl::StrAppend(&text, kKeyPrefix, ledger::VerifierKey(key.name, key.key), "\n");
  }
  for (const Hash& hash : proof.path) {
    absl::StrAppend(&text, kHashPrefix, Base64Encode(AsView(hash)), "\n");
  }
  absl::StrAppend(&text, "\n", proof.first, "\n", proof.second);
  return text;
}

absl::StatusOr<ForkProof> ParseForkProof(absl::string_view text) {
  if (text.size() > kMaxBytes) return FormatError("is too long");
  const std::vector<absl::string_view> parts = absl::StrSplit(text, "\n\n");
  if (parts.size() != kParts) return FormatError("is not a head and two notes");
  NAKADACHI_ASSIGN_OR_RETURN(ForkProof proof, ParseHeader(parts[0]));
  proof.first = absl::StrCat(parts[1], "\n\n", parts[2], "\n");
  proof.second = absl::StrCat(parts[3], "\n\n", parts[4]);
  for (const std::string* note : {&proof.first, &proof.second}) {
    NAKADACHI_RETURN_IF_ERROR(ledger::ParseCheckpoint(*note).status());
  }
  if (ForkProofText(proof) != text) return FormatError("its lines are not in order");
  return proof;
}

absl::StatusOr<Fork> VerifyForkProof(absl::string_view text,
                                     absl::Span<const Ed25519PublicKey> keys) {
  NAKADACHI_ASSIGN_OR_RETURN(const ForkProof proof, ParseForkProof(text));
  Fork fork;
  fork.kind = proof.kind;
  NAKADACHI_ASSIGN_OR_RETURN(fork.first, CheckSigned(proof.first, keys));
  NAKADACHI_ASSIGN_OR_RETURN(fork.second, CheckSigned(proof.second, keys));
  if (fork.first.origin != fork.second.origin) {
    return InvalidField("fork", "origin", "the notes are of two ledgers");
  }
  NAKADACHI_ASSIGN_OR_RETURN(fork.author, ledger::AuthorOfOrigin(fork.first.origin));
  NAKADACHI_RETURN_IF_ERROR(CheckShown(proof, fork));
  return fork;
}

}  // namespace nakadachi::witness
