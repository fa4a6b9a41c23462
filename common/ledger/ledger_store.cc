#include "common/ledger/ledger_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace nakadachi::ledger {

absl::Status ReadEveryEntry(LedgerStore& store, uint64_t start, uint64_t end,
                            const VisitEntry& visit) {
  while (true) {
    const absl::Status read = store.ReadEntries(start, end, [&](uint64_t index, StoredEntry entry) {
      start = index + 1;
      return visit(index, std::move(entry), absl::OkStatus());
    });
    if (!absl::IsDataLoss(read)) return read;
    StoredEntry entry;
    absl::StatusOr<Hash> commitment = store.ReadCommitment(start);
    if (!commitment.ok()) return UnderField(absl::StrCat("entry ", start), commitment.status());
    entry.commitment = *commitment;
    if (!visit(start++, std::move(entry), read)) return absl::OkStatus();
  }
}

}  // namespace nakadachi::ledger
