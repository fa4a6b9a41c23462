#include "client/cli/list_replay.h"

namespace nakadachi::cli {
namespace {

bool IsForTheListsSake(v1::RefusalReason reason) {
  return reason == v1::NOT_PERMITTED || reason == v1::UNKNOWN_PROCEDURE ||
         reason == v1::UNKNOWN_ITEM;
}

}  // namespace

std::string ListReplay::CategoryOf(const std::string& code) const {
  const auto found = categories_.find(code);
  return found == categories_.end() ? "" : found->second;
}

template <typename Decided>
void ListReplay::Decide(uint64_t index, int64_t time_ms, const Decided& decided,
                        bool was_permitted) {
  permission::Question question;
  question.requester_category = CategoryOf(decided.requester());
  question.provider_category = CategoryOf(decided.provider());
  question.procedure = decided.procedure();
  question.items.assign(decided.items().begin(), decided.items().end());
  question.date = as_on_.value_or(permission::JapanDay(time_ms));
  const permission::Decision decision = permission::Decide(*list_, question);
  if (decision.permitted == was_permitted) return;
  const std::string verdict(permission::VerdictName(decision.verdict));
  Change& change = changes_[{was_permitted, question.requester_category, question.provider_category,
                             question.procedure, question.items, verdict}];
  if (change.queries++ > 0) return;
  change.was_permitted = was_permitted;
  change.requester_category = question.requester_category;
  change.provider_category = question.provider_category;
  change.procedure = question.procedure;
  change.items = question.items;
  change.verdict = verdict;
  change.first_index = index;
}

void ListReplay::Take(uint64_t index, const v1::Statement& statement) {
  if (statement.directory().has_member_joined()) {
    const v1::MemberJoined& member = statement.directory().member_joined();
    categories_[member.code()] = member.category();
    return;
  }
  if (statement.has_permit()) {
    ++permits_;
    return Decide(index, statement.time_ms(), statement.permit(), true);
  }
  if (!statement.has_refusal()) return;
  if (!IsForTheListsSake(statement.refusal().reason())) {
    ++other_refusals_;
    return;
  }
  ++refusals_;
  Decide(index, statement.time_ms(), statement.refusal(), false);
}

std::vector<ListReplay::Change> ListReplay::Changes() const {
  std::vector<Change> changes;
  for (const auto& [key, change] : changes_) changes.push_back(change);
  return changes;
}

}  // namespace nakadachi::cli
