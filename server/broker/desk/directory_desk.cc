#include "server/broker/desk/directory_desk.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/base/status.h"
#include "server/broker/model/member_rules.h"

namespace nakadachi::broker {
namespace {

constexpr size_t kRequestIdBytes = 16;
// Leaves room for framing below the largest message of common/rpc.
constexpr size_t kMaxResponseBytes = 3 << 20;
constexpr size_t kReplayStep = 1024;

absl::Status BrokenDirectory(absl::string_view rule) {
  return FieldError(absl::StatusCode::kDataLoss, "directory", rule,
                    "the recorded directory does not hold together");
}

absl::StatusOr<v1::Statement> ReadStatement(ledger::LedgerStore& store, uint64_t leaf) {
  NAKADACHI_ASSIGN_OR_RETURN(ledger::StoredEntry entry, store.ReadEntry(leaf));
  v1::Statement statement;
  if (entry.statement.empty() || !statement.ParseFromString(entry.statement)) {
    return BrokenDirectory("stored-format");
  }
  return statement;
}

// The key that members were given before any statement: the broker's first.
absl::StatusOr<Ed25519PublicKey> FirstKey(const v1::Statement& founding) {
  const std::string& bytes = founding.directory().network_founded().broker_keys().signing_key();
  Ed25519PublicKey key;
  if (bytes.size() != key.size()) return BrokenDirectory("founded");
  std::copy(bytes.begin(), bytes.end(), key.begin());
  return key;
}

// What an operator leaves open is now.
void FillTimes(int64_t now_ms, v1::Directory& change) {
  if (change.has_list_published() && change.list_published().in_force_from_ms() == 0) {
    change.mutable_list_published()->set_in_force_from_ms(now_ms);
  }
  if (change.has_key_revoked() && change.key_revoked().revoked_from_ms() == 0) {
    change.mutable_key_revoked()->set_revoked_from_ms(now_ms);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Directory>> ReplayDirectory(BrokerStore& store,
                                                           const Ed25519PublicKey& own_key) {
  std::unique_ptr<Directory> directory;
  while (true) {
    const uint64_t applied = directory == nullptr ? 0 : directory->sequence();
    NAKADACHI_ASSIGN_OR_RETURN(std::vector<uint64_t> leaves,
                               store.DirectoryLeaves(applied, kReplayStep));
    if (leaves.empty()) break;
    for (uint64_t leaf : leaves) {
      NAKADACHI_ASSIGN_OR_RETURN(v1::Statement statement,
                                 ReadStatement(store.ledger_store(), leaf));
      if (directory == nullptr) {
        NAKADACHI_ASSIGN_OR_RETURN(Ed25519PublicKey first, FirstKey(statement));
        directory = std::make_unique<Directory>(first);
      }
      if (!directory->Apply(statement).ok()) return BrokenDirectory("sequence");
    }
  }
  if (directory == nullptr) directory = std::make_unique<Directory>(own_key);
  return directory;
}

absl::Status DirectoryDesk::Found(const std::string& network_name,
                                  const Ed25519PublicKey& signing_key,
                                  const X25519PublicKey& sealing_key) {
  absl::MutexLock lock(&mutex_);
  if (parts_.directory->sequence() > 0) return absl::OkStatus();
  v1::Directory change;
  v1::NetworkFounded* founded = change.mutable_network_founded();
  founded->set_network_name(network_name);
  v1::PublicKeys* keys = founded->mutable_broker_keys();
  keys->set_signing_key(signing_key.data(), signing_key.size());
  keys->set_sealing_key(sealing_key.data(), sealing_key.size());
  keys->set_valid_from_ms(parts_.clock->NowMs());
  return Record(std::move(change), "", Hash{}).status();
}

absl::StatusOr<v1::Recorded> DirectoryDesk::Change(const std::string& request_id,
                                                   v1::Directory change) {
  if (request_id.size() != kRequestIdBytes) {
    return InvalidField("request_id", "length", "must have 16 bytes");
  }
  const Hash digest = Sha256(change.SerializeAsString());
  absl::MutexLock lock(&mutex_);
  NAKADACHI_ASSIGN_OR_RETURN(std::optional<stored::v1::AnsweredRequest> answered,
                             parts_.store->FindRequest(request_id));
  if (!answered) {
    // Only now: what was recorded before a rule was made stronger is still answered as it was.
    NAKADACHI_RETURN_IF_ERROR(CheckNamesAndRoutes(change));
    NAKADACHI_RETURN_IF_ERROR(CheckTimes(change));
    return Record(std::move(change), request_id, digest);
  }
  if (answered->digest() != AsView(digest)) {
    return FieldError(absl::StatusCode::kAlreadyExists, "request_id", "request-id-reused",
                      "was used for another change");
  }
  return parts_.ledger->Prove(answered->leaf_index());
}

absl::StatusOr<v1::Recorded> DirectoryDesk::Record(v1::Directory change,
                                                   const std::string& request_id,
                                                   const Hash& digest) {
  NAKADACHI_RETURN_IF_ERROR(KeepMissingProofs());
  v1::Statement statement;
  statement.set_author(Author::Broker().ToString());
  statement.set_time_ms(parts_.clock->NowMs());
  const uint64_t sequence = parts_.directory->sequence() + 1;
  change.set_sequence(sequence);
  if (change.has_list_published()) {
    v1::ListPublished* list = change.mutable_list_published();
    list->set_version(parts_.directory->Lists().size() + 1);
  }
  FillTimes(statement.time_ms(), change);
  *statement.mutable_directory() = std::move(change);
  NAKADACHI_RETURN_IF_ERROR(parts_.directory->Check(statement));

  auto recorded = parts_.ledger->AppendAndWait(
      ledger::Prepare(statement, *parts_.random), [&](uint64_t leaf, storage::Batch& batch) {
        parts_.store->PutDirectoryLeaf(sequence, leaf, batch);
        if (request_id.empty()) return;
        stored::v1::AnsweredRequest answered;
        answered.set_digest(std::string(AsView(digest)));
        answered.set_leaf_index(leaf);
        parts_.store->PutRequest(request_id, answered, batch);
      });
  if (!recorded.ok()) return recorded;
  // Nothing else changes the directory, so what Check allowed applies.
  NAKADACHI_CHECK(parts_.directory->Apply(statement).ok());
  // Where it is not kept now, it is before the next one, or at the next start.
  KeepProof(sequence, *recorded).IgnoreError();
  return recorded;
}

absl::Status DirectoryDesk::KeepProof(uint64_t sequence, const v1::Recorded& recorded) {
  storage::Batch batch(parts_.store->database());
  parts_.store->PutDirectoryProof(sequence, recorded, batch);
  return parts_.store->database().Commit(std::move(batch));
}

absl::Status DirectoryDesk::KeepProofs() {
  absl::MutexLock lock(&mutex_);
  return KeepMissingProofs();
}

absl::Status DirectoryDesk::KeepMissingProofs() {
  // They are kept in order: where one is there, all before it are.
  const uint64_t newest = parts_.directory->sequence();
  uint64_t kept = newest;
  for (; kept > 0; --kept) {
    NAKADACHI_ASSIGN_OR_RETURN(const auto proof, parts_.store->FindDirectoryProof(kept));
    if (proof) break;
  }
  for (uint64_t sequence = kept + 1; sequence <= newest; ++sequence) {
    NAKADACHI_ASSIGN_OR_RETURN(const v1::Recorded recorded, ProveNow(sequence));
    NAKADACHI_RETURN_IF_ERROR(KeepProof(sequence, recorded));
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::Recorded> DirectoryDesk::ProveNow(uint64_t sequence) const {
  NAKADACHI_ASSIGN_OR_RETURN(const std::vector<uint64_t> leaves,
                             parts_.store->DirectoryLeaves(sequence - 1, 1));
  if (leaves.empty()) return BrokenDirectory("sequence");
  return parts_.ledger->Prove(leaves[0]);
}

absl::StatusOr<v1::FetchDirectoryResponse> DirectoryDesk::Fetch(uint64_t after_sequence) const {
  v1::FetchDirectoryResponse response;
  response.set_newest_sequence(parts_.directory->sequence());
  if (after_sequence >= response.newest_sequence()) return response;
  const uint64_t last =
      std::min<uint64_t>(response.newest_sequence(), after_sequence + kMaxStatements);
  size_t bytes = 0;
  for (uint64_t sequence = after_sequence + 1; sequence <= last; ++sequence) {
    NAKADACHI_ASSIGN_OR_RETURN(std::optional<v1::Recorded> recorded,
                               parts_.store->FindDirectoryProof(sequence));
    if (!recorded) {  // it is just being recorded
      NAKADACHI_ASSIGN_OR_RETURN(recorded, ProveNow(sequence));
    }
    bytes += recorded->ByteSizeLong();
    // One always goes, so that a reader gets on; publication keeps each small enough.
    if (response.statements_size() > 0 && bytes > kMaxResponseBytes) break;
    *response.add_statements() = *std::move(recorded);
  }
  return response;
}

}  // namespace nakadachi::broker
