// The institutions that a process serves, each with its parts.
#ifndef NAKADACHI_SERVER_INTERMEDIATE_HOSTING_H_
#define NAKADACHI_SERVER_INTERMEDIATE_HOSTING_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"
#include "common/inspection/access_log.h"
#include "common/inspection/inspection_desk.h"
#include "common/retention/retention_desk.h"
#include "common/storage/key_provider.h"
#include "common/witness/collector.h"
#include "server/intermediate/code_book.h"
#include "server/intermediate/institution.h"
#include "server/intermediate/outbox.h"
#include "server/intermediate/provider.h"
#include "server/intermediate/replica.h"
#include "server/intermediate/requester.h"

namespace nakadachi::intermediate {

struct Hosted {
  absl::Status opened;  // not OK: why it is not served; the rest is then empty
  std::unique_ptr<storage::KeyProvider> key_provider;
  std::unique_ptr<Institution> institution;
  std::unique_ptr<CodeBook> codes;
  std::unique_ptr<Replica> replica;
  std::unique_ptr<Outbox> outbox;
  std::unique_ptr<Provider> provider;
  std::unique_ptr<Requester> requester;
  std::unique_ptr<inspection::AccessLog> access_log;
  std::unique_ptr<inspection::InspectionDesk> inspections;
  std::unique_ptr<retention::RetentionDesk> retention;
  std::unique_ptr<witness::Collector> witnesses;  // null: the ledger asks for none
};

// Thread-safe once filled.
class Hosting {
 public:
  // Before serving.
  void Add(const LocalGovernmentCode& code, Hosted hosted) {
    hosted_.insert_or_assign(code, std::move(hosted));
  }

  // Errors of LocalGovernmentCode::Parse; NOT_FOUND, rule "unknown-municipality"; UNAVAILABLE or
  // DATA_LOSS, rule "not-served", where the institution did not open.
  absl::StatusOr<Hosted*> Find(absl::string_view code, absl::string_view field);
  const std::map<LocalGovernmentCode, Hosted>& all() const { return hosted_; }
  // Calls `visit` for each that opened.
  void ForEachServed(const std::function<void(const LocalGovernmentCode&, Hosted&)>& visit);

  // Counts `status` where it tells of bad input, and hands it on.
  absl::Status Counted(absl::Status status);
  uint64_t rejected_calls() const { return rejected_calls_.load(std::memory_order_relaxed); }

 private:
  std::map<LocalGovernmentCode, Hosted> hosted_;
  std::atomic<uint64_t> rejected_calls_{0};
};

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_HOSTING_H_
