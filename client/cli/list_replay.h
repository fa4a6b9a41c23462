// What an amendment of the permission list would change: the broker's recorded decisions, decided
// again under another list.
#ifndef NAKADACHI_CLIENT_CLI_LIST_REPLAY_H_
#define NAKADACHI_CLIENT_CLI_LIST_REPLAY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/time/civil_time.h"
#include "common/permission/permission_list.h"
#include "nakadachi/v1/statement.pb.h"

namespace nakadachi::cli {

// Not thread-safe.
class ListReplay {
 public:
  // `list` outlives the replay. Decides each query as on the day it was asked, or all as on one
  // day.
  ListReplay(const permission::PermissionList* list, std::optional<absl::CivilDay> as_on)
      : list_(list), as_on_(as_on) {}

  // The broker's statements in the order of its ledger.
  void Take(uint64_t index, const v1::Statement& statement);

  // Queries that the list would decide otherwise, alike in all of this.
  struct Change {
    bool was_permitted = false;
    std::string requester_category;
    std::string provider_category;
    std::string procedure;
    std::vector<std::string> items;
    std::string verdict;  // of the new list
    uint64_t queries = 0;
    uint64_t first_index = 0;  // in the ledger
  };
  std::vector<Change> Changes() const;
  uint64_t permits() const { return permits_; }
  uint64_t refusals() const { return refusals_; }              // for the list's sake
  uint64_t other_refusals() const { return other_refusals_; }  // not the list's to decide

 private:
  template <typename Decided>
  void Decide(uint64_t index, int64_t time_ms, const Decided& decided, bool was_permitted);
  std::string CategoryOf(const std::string& code) const;

  const permission::PermissionList* const list_;
  const std::optional<absl::CivilDay> as_on_;
  std::map<std::string, std::string> categories_;  // by code
  using Key = std::tuple<bool, std::string, std::string, std::string, std::vector<std::string>,
                         std::string>;
  std::map<Key, Change> changes_;
  uint64_t permits_ = 0;
  uint64_t refusals_ = 0;
  uint64_t other_refusals_ = 0;
};

}  // namespace nakadachi::cli

#endif  // NAKADACHI_CLIENT_CLI_LIST_REPLAY_H_
