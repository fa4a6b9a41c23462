// Entries as LedgerService hands them out.
#ifndef NAKADACHI_COMMON_LEDGER_ENTRY_PAGE_H_
#define NAKADACHI_COMMON_LEDGER_ENTRY_PAGE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "common/ledger/ledger_store.h"
#include "nakadachi/v1/ledger.pb.h"

namespace nakadachi::ledger {

// `body` as of VisitEntry.
v1::LedgerEntry MakeLedgerEntry(uint64_t index, StoredEntry entry, const absl::Status& body,
                                bool with_statement);

// The answer to LedgerService.GetEntries of a ledger of `size` entries: as many as fit into a
// message, at least one. INVALID_ARGUMENT, field "limit", rule "range"; OUT_OF_RANGE, field
// "start", rule "range", beyond the ledger's end; DATA_LOSS where a commitment cannot be read.
absl::Status ReadEntryPage(LedgerStore& store, uint64_t size, const v1::GetEntriesRequest& request,
                           v1::GetEntriesResponse* response);

}  // namespace nakadachi::ledger

#endif  // NAKADACHI_COMMON_LEDGER_ENTRY_PAGE_H_
