// Exchanges as the requester's database keeps them.
#ifndef NAKADACHI_SERVER_INTERMEDIATE_EXCHANGE_STORE_H_
#define NAKADACHI_SERVER_INTERMEDIATE_EXCHANGE_STORE_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/storage/database.h"
#include "nakadachi/stored/v1/intermediate.pb.h"

namespace nakadachi::intermediate {

// True where nothing more will happen to the exchange.
bool IsFinal(v1::ExchangeState state);

// Thread-safe.
class ExchangeStore {
 public:
  explicit ExchangeStore(storage::Database* database) : database_(database) {}

  // nullopt where there is none. DATA_LOSS where it was altered.
  absl::StatusOr<std::optional<stored::v1::StoredExchange>> Read(
      absl::string_view request_id) const;
  // The request id of a reviewed exchange.
  absl::StatusOr<std::optional<std::string>> FindByPermit(
      absl::string_view permit_commitment) const;

  // Where the ledger has the queries of exchanges with these permit numbers. Reads all exchanges:
  // they stand under their request ids.
  absl::StatusOr<std::set<uint64_t>> QueriesOf(const std::set<std::string>& permit_numbers) const;

  struct Open {
    std::string request_id;
    int64_t lapses_ms = 0;
  };
  absl::StatusOr<std::vector<Open>> OpenExchanges() const;
  // When it lapses; nullopt where it is not open.
  absl::StatusOr<std::optional<int64_t>> LapsesAt(absl::string_view request_id) const;

  // `exchange`: a serialised StoredExchange.
  static void PutOpen(absl::string_view request_id, absl::string_view exchange, int64_t lapses_ms,
                      storage::Batch& batch);
  static void PutFinal(absl::string_view request_id, absl::string_view exchange,
                       storage::Batch& batch);
  static void PutReviewed(absl::string_view permit_commitment, absl::string_view request_id,
                          storage::Batch& batch);

 private:
  storage::Database* database_;
};

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_EXCHANGE_STORE_H_
