#include "server/broker/store/broker_store.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace nakadachi::broker {
namespace {

using storage::Form;
using storage::KeyU64;
using storage::U64FromKey;

// The table of README.md. Numbers are those of Families().
enum Family : int {
  kMeta,
  kCommitments,
  kStatements,
  kTiles,
  kDecisions,
  kPresentations,
  kPermits,
  kOpen,
  kHalves,
  kPersons,
  kDirectory,
  kRequests,
  kDirectoryProofs,
  kAccesses,
};

std::vector<storage::ColumnFamily> Families() {
  return {
      {"meta", Form::kSealed},
      {"commitments", Form::kPlain},
      {"statements", Form::kPeriod},
      {"tiles", Form::kPlain},
      {"decisions", Form::kSealed, storage::Expect::kAbsent},
      {"presentations", Form::kPeriod},
      {"permits", Form::kPeriod},
      {"open", Form::kPeriod},
      {"halves", Form::kPeriod},
      {"persons", Form::kPeriod},
      {"directory", Form::kSealed},
      {"requests", Form::kSealed},
      {"directory-proofs", Form::kSealed},
      {"accesses", Form::kPeriod},
  };
}

constexpr size_t kU64Bytes = 8;
constexpr absl::string_view kCosignedKey = "witness/cosigned";

absl::Status Unreadable(absl::string_view what) {
  return FieldError(absl::StatusCode::kDataLoss, what, "stored-format", "cannot be read");
}

absl::StatusOr<std::optional<uint64_t>> GetU64(const storage::Database& database, int family,
                                               absl::string_view key) {
  NAKADACHI_ASSIGN_OR_RETURN(std::optional<std::string> value, database.Get(family, key));
  if (!value) return std::optional<uint64_t>();
  if (value->size() != kU64Bytes) return Unreadable("index");
  return std::optional<uint64_t>(U64FromKey(*value));
}

template <typename Message>
absl::StatusOr<std::optional<Message>> GetMessage(const storage::Database& database, int family,
                                                  absl::string_view key) {
  NAKADACHI_ASSIGN_OR_RETURN(std::optional<std::string> value, database.Get(family, key));
  if (!value) return std::optional<Message>();
  Message message;
  if (!message.ParseFromString(*value)) return Unreadable("record");
  return std::optional<Message>(std::move(message));
}

std::string OpenKey(const stored::v1::PermitRecord& record) {
  return absl::StrCat(KeyU64(static_cast<uint64_t>(record.valid_until_ms())),
                      record.permit_number());
}

}  // namespace

BrokerStore::BrokerStore(std::unique_ptr<storage::Database> database)
    : database_(std::move(database)) {
  ledger::LedgerFamilies families;
  families.commitments = kCommitments;
  families.statements = kStatements;
  families.tiles = kTiles;
  families.head = kMeta;
  ledger_store_ = ledger::MakeRocksLedgerStore(database_.get(), families);
}

absl::StatusOr<std::unique_ptr<BrokerStore>> BrokerStore::Open(storage::OpenOptions options) {
  options.owner = "broker";
  options.families = Families();
  NAKADACHI_ASSIGN_OR_RETURN(std::unique_ptr<storage::Database> database,
                             storage::Database::Open(options));
  return std::unique_ptr<BrokerStore>(new BrokerStore(std::move(database)));
}

int BrokerStore::access_family() const { return kAccesses; }
int BrokerStore::meta_family() const { return kMeta; }

absl::StatusOr<std::optional<uint64_t>> BrokerStore::FindDecision(
    const Hash& query_commitment) const {
  return GetU64(*database_, kDecisions, AsView(query_commitment));
}

void BrokerStore::PutDecision(const Hash& query_commitment, uint64_t leaf, storage::Batch& batch) {
  batch.Put(kDecisions, AsView(query_commitment), KeyU64(leaf));
}

absl::StatusOr<std::optional<uint64_t>> BrokerStore::FindPresentation(
    const Hash& presentation) const {
  return GetU64(*database_, kPresentations, AsView(presentation));
}

void BrokerStore::PutPresentation(const Hash& presentation, uint64_t leaf, storage::Batch& batch) {
  batch.Put(kPresentations, AsView(presentation), KeyU64(leaf));
}

void BrokerStore::PutPermit(const stored::v1::PermitRecord& record,
                            const RecordManagementCode& person, storage::Batch& batch) {
  UpdatePermit(record, batch);
  batch.Put(kOpen, OpenKey(record), "");
  batch.Put(kPersons, absl::StrCat(PersonPrefix(person), KeyU64(record.leaf_index())), "");
}

absl::StatusOr<std::optional<stored::v1::PermitRecord>> BrokerStore::FindPermit(
    absl::string_view permit_number) const {
  return GetMessage<stored::v1::PermitRecord>(*database_, kPermits, permit_number);
}

void BrokerStore::PutHalf(absl::string_view permit_number, const Hash& half_commitment,
                          const v1::Recorded& half, storage::Batch& batch) {
  batch.Put(kHalves, absl::StrCat(permit_number, AsView(half_commitment)),
            half.SerializeAsString());
}

absl::StatusOr<std::optional<v1::Recorded>> BrokerStore::FindHalf(
    absl::string_view permit_number, absl::string_view half_commitment) const {
  return GetMessage<v1::Recorded>(*database_, kHalves,
                                  absl::StrCat(permit_number, half_commitment));
}

void BrokerStore::UpdatePermit(const stored::v1::PermitRecord& record, storage::Batch& batch) {
  batch.Put(kPermits, record.permit_number(), record.SerializeAsString());
}

void BrokerStore::ClosePermit(const stored::v1::PermitRecord& record, storage::Batch& batch) {
  batch.Delete(kOpen, OpenKey(record));
}

absl::StatusOr<uint64_t> BrokerStore::CountOpen() const {
  uint64_t count = 0;
  NAKADACHI_RETURN_IF_ERROR(
      database_->Scan(kOpen, "", "", [&](absl::string_view, absl::string_view) {
        ++count;
        return true;
      }));
  return count;
}

absl::Status BrokerStore::VisitLapsed(
    int64_t until_ms, const std::function<bool(absl::string_view permit_number)>& visit) const {
  return database_->Scan(kOpen, "", "", [&](absl::string_view key, absl::string_view) {
    if (key.size() < kU64Bytes) return false;
    if (U64FromKey(key.substr(0, kU64Bytes)) > static_cast<uint64_t>(until_ms)) return false;
    return visit(key.substr(kU64Bytes));
  });
}

absl::StatusOr<std::vector<uint64_t>> BrokerStore::PermitsOf(
    const RecordManagementCode& person) const {
  std::vector<uint64_t> leaves;
  const std::string prefix = PersonPrefix(person);
  NAKADACHI_RETURN_IF_ERROR(
      database_->Scan(kPersons, prefix, prefix, [&](absl::string_view key, absl::string_view) {
        leaves.push_back(U64FromKey(key.substr(prefix.size())));
        return true;
      }));
  return leaves;
}

absl::StatusOr<std::vector<uint64_t>> BrokerStore::DirectoryLeaves(uint64_t after,
                                                                   size_t limit) const {
  std::vector<uint64_t> leaves;
  if (limit == 0 || after == std::numeric_limits<uint64_t>::max()) return leaves;
  bool readable = true;
  NAKADACHI_RETURN_IF_ERROR(database_->Scan(kDirectory, "", KeyU64(after + 1),
                                            [&](absl::string_view, absl::string_view value) {
                                              readable = value.size() == kU64Bytes;
                                              if (readable) leaves.push_back(U64FromKey(value));
                                              return readable && leaves.size() < limit;
                                            }));
  if (!readable) return Unreadable("directory");
  return leaves;
}

void BrokerStore::PutDirectoryLeaf(uint64_t sequence, uint64_t leaf, storage::Batch& batch) {
  batch.Put(kDirectory, KeyU64(sequence), KeyU64(leaf));
}

absl::StatusOr<std::optional<v1::Recorded>> BrokerStore::FindDirectoryProof(
    uint64_t sequence) const {
  return GetMessage<v1::Recorded>(*database_, kDirectoryProofs, KeyU64(sequence));
}

void BrokerStore::PutDirectoryProof(uint64_t sequence, const v1::Recorded& proof,
                                    storage::Batch& batch) {
  batch.Put(kDirectoryProofs, KeyU64(sequence), proof.SerializeAsString());
}

absl::StatusOr<std::string> BrokerStore::ReadCosigned() const {
  NAKADACHI_ASSIGN_OR_RETURN(std::optional<std::string> note, database_->Get(kMeta, kCosignedKey));
  return note.value_or("");
}

absl::Status BrokerStore::KeepCosigned(const std::string& note) {
  storage::Batch batch(*database_);
  batch.Put(kMeta, kCosignedKey, note);
  return database_->CommitUnsynced(std::move(batch));
}

absl::StatusOr<std::optional<stored::v1::AnsweredRequest>> BrokerStore::FindRequest(
    absl::string_view request_id) const {
  return GetMessage<stored::v1::AnsweredRequest>(*database_, kRequests, request_id);
}

void BrokerStore::PutRequest(absl::string_view request_id,
                             const stored::v1::AnsweredRequest& request, storage::Batch& batch) {
  batch.Put(kRequests, request_id, request.SerializeAsString());
}

std::string BrokerStore::PersonPrefix(const RecordManagementCode& person) const {
  return database_->BlindKey(
      "person", absl::string_view(reinterpret_cast<const char*>(person.data()), person.size()));
}

}  // namespace nakadachi::broker
