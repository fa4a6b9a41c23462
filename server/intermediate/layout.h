// What an institution's database holds, and under which keys: the only place that knows.
#ifndef NAKADACHI_SERVER_INTERMEDIATE_LAYOUT_H_
#define NAKADACHI_SERVER_INTERMEDIATE_LAYOUT_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/ledger/ledger_store.h"
#include "common/storage/database.h"

namespace nakadachi::intermediate {

// Numbers of the column families in Families().
enum Family : int {
  kMeta,         // ledger head; counters; outbox sequence
  kCommitments,  // ledger
  kStatements,   // ledger
  kTiles,        // ledger
  kCodes,        // 'a' || blind(addressee number) -> PersonCode
                 // 'c' || blind(linkage code) -> addressee number
                 // 'n' || blind(acquisition number) -> addressee number
  kReplica,      // blind(addressee number) || item -> ReplicaSet
  kProvisions,   // permit commitment -> AnsweredPermit; 'x' || KeyU64(valid until) || commitment
  kReviews,      // permit number -> StoredReview
  kExchanges,    // 'r' || request id -> StoredExchange; 'o' || request id: open ones;
                 // 'p' || permit commitment -> request id
  kOutbox,       // 'b' || KeyU64(n): halves for the broker; 'd' || KeyU64(n): deliveries
};

const std::vector<storage::ColumnFamily>& Families();
ledger::LedgerFamilies LedgerFamiliesOf();

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_LAYOUT_H_
