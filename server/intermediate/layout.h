// What an institution's database holds, and under which keys: the only place that knows.
#ifndef NAKADACHI_SERVER_INTERMEDIATE_LAYOUT_H_
#define NAKADACHI_SERVER_INTERMEDIATE_LAYOUT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/crypto/crypto.h"
#include "common/ledger/ledger_store.h"
#include "common/storage/database.h"

namespace nakadachi::intermediate {

// Numbers of the column families in Families().
// Permit numbers, and the request ids of this project's clients, sort by time: what is written and
// read together lies together.
// What concerns single exchanges is kept for its retention period (storage::Form::kPeriod).
enum Family : int {
  kMeta,         // ledger head; counters; retention (common/retention)
  kCommitments,  // ledger
  kStatements,   // ledger
  kTiles,        // ledger
  kCodes,        // 'a' || blind(addressee number) -> PersonCode
                 // 'c' || blind(linkage code) -> addressee number
                 // 'n' || blind(acquisition number) -> KeyU64(expires) || addressee number
  kReplica,      // blind(addressee number) || item -> KeyU64(source version) || ReplicaSet
  kProvisions,   // permit number -> AnsweredPermit; 'x' || KeyU64(valid until) || permit number
  kReviews,      // permit number -> StoredReview
  kExchanges,    // 'r' || request id -> StoredExchange
                 // 'o' || request id -> KeyU64(lapses, ms): open ones
                 // 'p' || permit commitment -> request id: reviewed ones
  kOutbox,       // 'c' -> KeyU64: the first leaf whose half the broker may not have yet
                 // 'b' || KeyU64(leaf index): halves before it that are to be sent again
                 // 'x' || KeyU64(leaf index): halves that the broker refused
                 // 'd' || permit number -> OutboxEntry: deliveries
  kAccesses,     // common/inspection
};

const std::vector<storage::ColumnFamily>& Families();
ledger::LedgerFamilies LedgerFamiliesOf();

// What Database::BlindKey is called for.
inline constexpr absl::string_view kBlindAddressee = "addressee-number";
inline constexpr absl::string_view kBlindCode = "linkage-code";
inline constexpr absl::string_view kBlindAcquisition = "acquisition-number";
inline constexpr absl::string_view kBlindRecord = "record-id";

// Keys of kCodes and kReplica, from blinded parts.
std::string CodesKey(char kind, absl::string_view blind);
std::string ReplicaKey(absl::string_view person, absl::string_view item);
// Keys of kProvisions.
std::string ProvisionEndKey(int64_t valid_until_ms, absl::string_view permit_number);
// False where `key` begins with 'x' by chance only.
bool ParseProvisionEndKey(absl::string_view key, int64_t* valid_until_ms,
                          std::string* permit_number);

// Counters in kMeta: how many there are, without counting them. Whoever changes one holds a lock
// from reading to commit.
inline constexpr absl::string_view kCountCodes = "count/codes";
inline constexpr absl::string_view kCountPending = "count/acquisitions";
inline constexpr absl::string_view kCountReplicaSets = "count/replica-sets";
absl::StatusOr<uint64_t> ReadCount(const storage::Database& database, absl::string_view counter);
void PutCount(absl::string_view counter, uint64_t value, storage::Batch& batch);

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_LAYOUT_H_
