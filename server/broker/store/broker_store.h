// What the broker's database holds, and under which keys: the only place that knows.
//
// Writes are added to a batch that the caller commits, with the statement they belong to.
#ifndef NAKADACHI_SERVER_BROKER_STORE_BROKER_STORE_H_
#define NAKADACHI_SERVER_BROKER_STORE_BROKER_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/crypto/crypto.h"
#include "common/ledger/ledger_store.h"
#include "common/storage/database.h"
#include "nakadachi/stored/v1/broker.pb.h"
#include "nakadachi/v1/statement.pb.h"
#include "server/broker/model/code_deriver.h"

namespace nakadachi::broker {

// Thread-safe. Reads fail with DATA_LOSS only.
class BrokerStore {
 public:
  // Owner and column families are the store's own.
  static absl::StatusOr<std::unique_ptr<BrokerStore>> Open(storage::OpenOptions options);

  ledger::LedgerStore& ledger_store() { return *ledger_store_; }
  storage::Database& database() { return *database_; }
  // The family of the access log (common/inspection).
  int access_family() const;
  // The family of what the ledger's upkeep needs (common/retention).
  int meta_family() const;

  // The leaf of the Permit or Refusal that answers a proven query.
  absl::StatusOr<std::optional<uint64_t>> FindDecision(const Hash& query_commitment) const;
  void PutDecision(const Hash& query_commitment, uint64_t leaf, storage::Batch& batch);

  // The leaf of the Refusal that answers a query whose proof, as it was presented, did not hold.
  absl::StatusOr<std::optional<uint64_t>> FindPresentation(const Hash& presentation) const;
  void PutPresentation(const Hash& presentation, uint64_t leaf, storage::Batch& batch);

  // A new permit: open, and in the person's index.
  void PutPermit(const stored::v1::PermitRecord& record, const RecordManagementCode& person,
                 storage::Batch& batch);

  absl::StatusOr<std::optional<stored::v1::PermitRecord>> FindPermit(
      absl::string_view permit_number) const;
  // Whatever a party reported of a permit, also what contradicts its record.
  void PutHalf(absl::string_view permit_number, const Hash& half_commitment,
               const v1::Recorded& half, storage::Batch& batch);
  // A half as it was reported.
  absl::StatusOr<std::optional<v1::Recorded>> FindHalf(absl::string_view permit_number,
                                                       absl::string_view half_commitment) const;
  void UpdatePermit(const stored::v1::PermitRecord& record, storage::Batch& batch);
  // The permit has both halves.
  void ClosePermit(const stored::v1::PermitRecord& record, storage::Batch& batch);
  // Permits that wait for a half. Reads them all: for operators.
  absl::StatusOr<uint64_t> CountOpen() const;
  // Open permits whose validity ended at or before `until_ms`, oldest first.
  absl::Status VisitLapsed(int64_t until_ms,
                           const std::function<bool(absl::string_view permit_number)>& visit) const;

  // Leaves of the permits given about a person, oldest first.
  absl::StatusOr<std::vector<uint64_t>> PermitsOf(const RecordManagementCode& person) const;

  // Leaves of Directory statements with sequence numbers above `after`, at most `limit`.
  absl::StatusOr<std::vector<uint64_t>> DirectoryLeaves(uint64_t after, size_t limit) const;
  void PutDirectoryLeaf(uint64_t sequence, uint64_t leaf, storage::Batch& batch);
  // A Directory statement's proof as it was first given, under the key of its time.
  absl::StatusOr<std::optional<v1::Recorded>> FindDirectoryProof(uint64_t sequence) const;
  void PutDirectoryProof(uint64_t sequence, const v1::Recorded& proof, storage::Batch& batch);

  // The newest checkpoint with a quorum of cosignatures; empty: none yet.
  absl::StatusOr<std::string> ReadCosigned() const;
  // A crash may lose it: witnesses cosign again.
  absl::Status KeepCosigned(const std::string& note);

  absl::StatusOr<std::optional<stored::v1::AnsweredRequest>> FindRequest(
      absl::string_view request_id) const;
  void PutRequest(absl::string_view request_id, const stored::v1::AnsweredRequest& request,
                  storage::Batch& batch);

 private:
  explicit BrokerStore(std::unique_ptr<storage::Database> database);
  std::string PersonPrefix(const RecordManagementCode& person) const;

  std::unique_ptr<storage::Database> database_;
  std::unique_ptr<ledger::LedgerStore> ledger_store_;
};

}  // namespace nakadachi::broker

#endif  // NAKADACHI_SERVER_BROKER_STORE_BROKER_STORE_H_
