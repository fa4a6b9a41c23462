#include "common/ledger/entry_page.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/base/status.h"

namespace nakadachi::ledger {
namespace {

constexpr uint32_t kMostEntries = 1'024;
// Below the largest message of common/rpc; a single entry may be larger.
constexpr size_t kMostBytes = 3u << 20;

}  // namespace

v1::LedgerEntry MakeLedgerEntry(uint64_t index, StoredEntry entry, const absl::Status& body,
                                bool with_statement) {
  v1::LedgerEntry out;
  out.set_index(index);
  out.set_commitment(std::string(AsView(entry.commitment)));
  out.set_unreadable(!body.ok());
  out.set_erased(body.ok() && entry.salt.empty());
  if (with_statement) {
    out.set_salt(std::move(entry.salt));
    out.set_statement(std::move(entry.statement));
  }
  return out;
}

absl::Status ReadEntryPage(LedgerStore& store, uint64_t size, const v1::GetEntriesRequest& request,
                           v1::GetEntriesResponse* response) {
  if (request.limit() > kMostEntries) {
    return InvalidField("limit", "range", "more than 1,024 entries");
  }
  if (request.start() > size) {
    return FieldError(absl::StatusCode::kOutOfRange, "start", "range", "beyond the ledger");
  }
  response->set_size(size);
  const uint64_t limit = request.limit() == 0 ? kMostEntries : request.limit();
  const uint64_t end = request.start() + std::min(limit, size - request.start());
  size_t bytes = 0;
  return ReadEveryEntry(store, request.start(), end,
                        [&](uint64_t index, StoredEntry entry, const absl::Status& body) {
                          v1::LedgerEntry made = MakeLedgerEntry(index, std::move(entry), body,
                                                                 request.with_statements());
                          bytes += made.ByteSizeLong();
                          if (response->entries_size() > 0 && bytes > kMostBytes) return false;
                          *response->add_entries() = std::move(made);
                          return true;
                        });
}

}  // namespace nakadachi::ledger
