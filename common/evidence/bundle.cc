#include "common/evidence/bundle.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/directory/directory.h"
#include "common/evidence/log_reader.h"
#include "common/evidence/manifest.h"
#include "common/evidence/statement_kind.h"
#include "common/ledger/checkpoint.h"

namespace nakadachi::evidence {
namespace {

constexpr uint32_t kFormat = 1;
// A key counts by the time of what it signed; that it was revoked later is told, not punished.
constexpr int64_t kBeforeAnyRevocation = std::numeric_limits<int64_t>::min();

std::optional<Ed25519PublicKey> SignerOf(const ledger::SignedCheckpoint& signed_checkpoint,
                                         const Author& author, const Directory& directory) {
  const int64_t time_ms = signed_checkpoint.checkpoint.time_ms;
  for (const Ed25519PublicKey& key : directory.KeysAt(author, time_ms)) {
    if (ledger::VerifyCheckpointSignature(signed_checkpoint, key)) return key;
  }
  return std::nullopt;
}

int64_t RevokedFrom(const Directory& directory, const Author& author,
                    const Ed25519PublicKey& signer) {
  std::vector<MemberKey> keys = directory.BrokerKeys();
  if (!author.IsBroker()) {
    const absl::StatusOr<LocalGovernmentCode> code = LocalGovernmentCode::Parse(author.ToString());
    const std::optional<Member> member = code.ok() ? directory.Find(*code) : std::nullopt;
    keys = member.has_value() ? member->keys : std::vector<MemberKey>();
  }
  for (const MemberKey& key : keys) {
    if (key.signing_key == signer) return key.revoked_from_ms;
  }
  return 0;
}

absl::Status NoSuchEntry() {
  return FieldError(absl::StatusCode::kOutOfRange, "leaf_index", "index",
                    "the export has no such entry");
}

// The broker's Directory statements, each under the first checkpoint that a key signed which the
// ones before it had established.
class DirectoryProofs {
 public:
  DirectoryProofs(const LogReader& broker, const Ed25519PublicKey& founding_key)
      : broker_(broker), prover_(broker), directory_(founding_key) {}

  // Reads the whole log.
  absl::StatusOr<std::vector<v1::Recorded>> CollectAll() {
    NAKADACHI_RETURN_IF_ERROR(LoadCheckpoints());
    absl::Status status;
    NAKADACHI_RETURN_IF_ERROR(broker_.ForEach(
        0, broker_.size(), [&](uint64_t index, absl::string_view, const Body& body) {
          status = Add(index, body);
          return status.ok();
        }));
    NAKADACHI_RETURN_IF_ERROR(status);
    return std::move(proofs_);
  }

  // Those among `leaves`, ascending.
  absl::StatusOr<std::vector<v1::Recorded>> Collect(const std::vector<uint64_t>& leaves) {
    NAKADACHI_RETURN_IF_ERROR(LoadCheckpoints());
    for (const uint64_t leaf : leaves) {
      if (leaf >= broker_.size()) return NoSuchEntry();
      NAKADACHI_ASSIGN_OR_RETURN(const Body body, prover_.ReadBody(leaf));
      NAKADACHI_RETURN_IF_ERROR(Add(leaf, body));
    }
    return std::move(proofs_);
  }

 private:
  struct Candidate {
    FoundCheckpoint found;
    std::optional<Ed25519PublicKey> signer;  // where one was found
  };

  absl::Status LoadCheckpoints() {
    checkpoints_.push_back({broker_.checkpoint(), std::nullopt});
    NAKADACHI_ASSIGN_OR_RETURN(const std::vector<std::string> names, broker_.KeptNames());
    for (const std::string& name : names) {
      absl::StatusOr<FoundCheckpoint> kept = broker_.ReadKept(name);
      if (kept.ok() && kept->parsed.checkpoint.size <= broker_.size())
        checkpoints_.push_back({*std::move(kept), std::nullopt});
    }
    return absl::OkStatus();
  }

  absl::Status Add(uint64_t index, const Body& body) {
    if (body.state != BodyState::kPresent || KindOf(body.statement) != v1::Statement::kDirectory)
      return absl::OkStatus();
    NAKADACHI_ASSIGN_OR_RETURN(v1::Recorded proof, Prove(index));
    NAKADACHI_RETURN_IF_ERROR(Apply(proof));
    proofs_.push_back(std::move(proof));
    return absl::OkStatus();
  }

  absl::StatusOr<v1::Recorded> Prove(uint64_t index) {
    for (Candidate& candidate : checkpoints_) {
      const uint64_t size = candidate.found.parsed.checkpoint.size;
      if (size <= index || !IsSigned(candidate)) continue;
      return prover_.Prove(index, size, candidate.found.note);
    }
    return FieldError(absl::StatusCode::kNotFound, absl::StrCat("broker/", index), "key-chain",
                      "no checkpoint here proves this change by a key established before it");
  }

  // By a key that is valid as far as the directory is known by now.
  bool IsSigned(Candidate& candidate) {
    const int64_t time_ms = candidate.found.parsed.checkpoint.time_ms;
    const std::vector<Ed25519PublicKey> keys = directory_.KeysAt(Author::Broker(), time_ms);
    if (candidate.signer && std::find(keys.begin(), keys.end(), *candidate.signer) != keys.end())
      return true;
    candidate.signer = SignerOf(candidate.found.parsed, Author::Broker(), directory_);
    return candidate.signer.has_value();
  }

  absl::Status Apply(const v1::Recorded& recorded) {
    v1::Statement statement;
    if (!statement.ParseFromString(recorded.statement()))
      return InvalidField("statement", "statement-format", "is not a statement");
    return directory_.Apply(statement);
  }

  const LogReader& broker_;
  LogProver prover_;
  Directory directory_;
  std::vector<Candidate> checkpoints_;
  std::vector<v1::Recorded> proofs_;
};

template <typename Proofs>
absl::Status ApplyDirectory(const Proofs& proofs, ledger::Verifier& verifier, Directory& directory,
                            int64_t* until_ms) {
  size_t i = 0;
  for (const v1::Recorded& proof : proofs) {
    const std::string field = absl::StrCat("directory[", i++, "]");
    const absl::StatusOr<ledger::Verified> verified = verifier.Verify(proof, kBeforeAnyRevocation);
    if (!verified.ok()) return UnderField(field, verified.status());
    NAKADACHI_RETURN_IF_ERROR(UnderField(field, directory.Apply(verified->statement)));
    *until_ms = verified->statement.time_ms();
  }
  return absl::OkStatus();
}

absl::Status NoValidKey(absl::string_view field) {
  return FieldError(absl::StatusCode::kPermissionDenied, field, "key-not-valid",
                    "no key that was valid at its time has signed it");
}

}  // namespace

std::string EncodeBundle(const v1::Recorded& record, const std::vector<v1::Recorded>& directory) {
  v1::EvidenceBundle bundle;
  bundle.set_format(kFormat);
  *bundle.mutable_record() = record;
  for (const v1::Recorded& change : directory) *bundle.add_directory() = change;
  return bundle.SerializeAsString();
}

absl::StatusOr<std::string> MakeBundle(const std::string& root, const Author& author,
                                       uint64_t leaf_index, const Ed25519PublicKey& founding_key) {
  NAKADACHI_ASSIGN_OR_RETURN(const LogReader log, LogReader::Open(LogFolder(root, author)));
  if (leaf_index >= log.size()) return NoSuchEntry();
  NAKADACHI_ASSIGN_OR_RETURN(const v1::Recorded record,
                             log.Prove(leaf_index, log.size(), log.checkpoint().note));
  NAKADACHI_ASSIGN_OR_RETURN(const LogReader broker,
                             LogReader::Open(LogFolder(root, Author::Broker())));
  NAKADACHI_ASSIGN_OR_RETURN(const std::vector<v1::Recorded> directory,
                             DirectoryProofs(broker, founding_key).CollectAll());
  std::string bundle = EncodeBundle(record, directory);
  NAKADACHI_RETURN_IF_ERROR(VerifyBundle(bundle, founding_key).status());
  return bundle;
}

absl::StatusOr<std::unique_ptr<ProvenDirectory>> ProvenDirectory::Create(
    const LogReader& broker, const Ed25519PublicKey& founding_key,
    const std::vector<uint64_t>& leaves) {
  NAKADACHI_ASSIGN_OR_RETURN(const std::vector<v1::Recorded> proofs,
                             DirectoryProofs(broker, founding_key).Collect(leaves));
  std::unique_ptr<ProvenDirectory> proven(new ProvenDirectory(founding_key));
  const auto verifier = ledger::Verifier::Create(&proven->directory_);
  int64_t until_ms = 0;
  NAKADACHI_RETURN_IF_ERROR(ApplyDirectory(proofs, *verifier, proven->directory_, &until_ms));
  return proven;
}

absl::Status ProvenDirectory::CheckSigned(const LogReader& log) const {
  if (SignerOf(log.checkpoint().parsed, log.author(), directory_)) return absl::OkStatus();
  return NoValidKey("checkpoint");
}

absl::StatusOr<VerifiedBundle> VerifyBundle(absl::string_view bytes,
                                            const Ed25519PublicKey& founding_key) {
  v1::EvidenceBundle bundle;
  if (bytes.size() > std::numeric_limits<int>::max() ||
      !bundle.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      bundle.format() != kFormat)
    return InvalidField("bundle", "bundle-format", "is no bundle of this format");
  Directory directory(founding_key);
  const std::unique_ptr<ledger::Verifier> verifier = ledger::Verifier::Create(&directory);
  VerifiedBundle result;
  NAKADACHI_RETURN_IF_ERROR(
      ApplyDirectory(bundle.directory(), *verifier, directory, &result.directory_ms));
  result.directory_size = directory.sequence();

  absl::StatusOr<ledger::Verified> record = verifier->Verify(bundle.record(), kBeforeAnyRevocation);
  if (!record.ok()) return UnderField("record", record.status());
  result.record = *std::move(record);
  NAKADACHI_ASSIGN_OR_RETURN(const ledger::SignedCheckpoint checkpoint,
                             ledger::ParseCheckpoint(bundle.record().checkpoint()));
  const std::optional<Ed25519PublicKey> signer =
      SignerOf(checkpoint, result.record.author, directory);
  if (!signer.has_value()) return NoValidKey("record.checkpoint");
  result.root = checkpoint.checkpoint.root;
  result.verifier_key = ledger::VerifierKey(checkpoint.checkpoint.origin, *signer);
  result.revoked_from_ms = RevokedFrom(directory, result.record.author, *signer);
  return result;
}

}  // namespace nakadachi::evidence
