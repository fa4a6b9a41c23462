#include "server/intermediate/exchange_store.h"

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "server/intermediate/layout.h"

namespace nakadachi::intermediate {
namespace {

std::string RecordKey(absl::string_view request_id) { return absl::StrCat("r", request_id); }
std::string OpenKey(absl::string_view request_id) { return absl::StrCat("o", request_id); }
std::string PermitKey(absl::string_view commitment) { return absl::StrCat("p", commitment); }

int64_t TimeFrom(absl::string_view value) {
  return static_cast<int64_t>(storage::U64FromKey(value));
}

// Empty while none is known.
std::string PermitNumberOf(const stored::v1::StoredExchange& exchange) {
  if (!exchange.answer().permit_number().empty()) return exchange.answer().permit_number();
  v1::Statement permit;
  if (!permit.ParseFromString(exchange.permit().statement())) return "";
  return permit.permit().permit_number();
}

}  // namespace

bool IsFinal(v1::ExchangeState state) {
  switch (state) {
    case v1::ANSWERED:
    case v1::REFUSED_BY_BROKER:
    case v1::REFUSED_BY_PROVIDER:
    case v1::LAPSED:
      return true;
    default:
      return false;
  }
}

absl::StatusOr<std::optional<stored::v1::StoredExchange>> ExchangeStore::Read(
    absl::string_view request_id) const {
  NAKADACHI_ASSIGN_OR_RETURN(const std::optional<std::string> value,
                             database_->Get(kExchanges, RecordKey(request_id)));
  if (!value.has_value()) return std::nullopt;
  stored::v1::StoredExchange exchange;
  if (!exchange.ParseFromString(*value)) {
    return absl::DataLossError("a stored exchange cannot be read");
  }
  return exchange;
}

absl::StatusOr<std::optional<std::string>> ExchangeStore::FindByPermit(
    absl::string_view permit_commitment) const {
  return database_->Get(kExchanges, PermitKey(permit_commitment));
}

absl::StatusOr<std::set<uint64_t>> ExchangeStore::QueriesOf(
    const std::set<std::string>& permit_numbers) const {
  std::set<uint64_t> queries;
  bool readable = true;
  NAKADACHI_RETURN_IF_ERROR(
      database_->Scan(kExchanges, "r", "r", [&](absl::string_view, absl::string_view value) {
        stored::v1::StoredExchange exchange;
        readable = exchange.ParseFromArray(value.data(), static_cast<int>(value.size()));
        if (readable && permit_numbers.count(PermitNumberOf(exchange)) != 0)
          queries.insert(exchange.query_index());
        return readable;
      }));
  if (!readable) return absl::DataLossError("a stored exchange cannot be read");
  return queries;
}

absl::StatusOr<std::vector<ExchangeStore::Open>> ExchangeStore::OpenExchanges() const {
  std::vector<Open> open;
  NAKADACHI_RETURN_IF_ERROR(
      database_->Scan(kExchanges, "o", "o", [&](absl::string_view key, absl::string_view value) {
        open.push_back({std::string(key.substr(1)), TimeFrom(value)});
        return true;
      }));
  return open;
}

absl::StatusOr<std::optional<int64_t>> ExchangeStore::LapsesAt(absl::string_view request_id) const {
  NAKADACHI_ASSIGN_OR_RETURN(const std::optional<std::string> value,
                             database_->Get(kExchanges, OpenKey(request_id)));
  if (!value.has_value()) return std::nullopt;
  return TimeFrom(*value);
}

void ExchangeStore::PutOpen(absl::string_view request_id, absl::string_view exchange,
                            int64_t lapses_ms, storage::Batch& batch) {
  batch.Put(kExchanges, RecordKey(request_id), exchange);
  batch.Put(kExchanges, OpenKey(request_id), storage::KeyU64(static_cast<uint64_t>(lapses_ms)));
}

void ExchangeStore::PutFinal(absl::string_view request_id, absl::string_view exchange,
                             storage::Batch& batch) {
  batch.Put(kExchanges, RecordKey(request_id), exchange);
  batch.Delete(kExchanges, OpenKey(request_id));
}

void ExchangeStore::PutReviewed(absl::string_view permit_commitment, absl::string_view request_id,
                                storage::Batch& batch) {
  batch.Put(kExchanges, PermitKey(permit_commitment), request_id);
}

}  // namespace nakadachi::intermediate
