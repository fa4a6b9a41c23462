#include "tools/replay/history.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "tools/replay/saturating.h"

namespace nakadachi::replay {
namespace {

Finding InBroker(uint64_t index, int64_t time_ms, std::string reason) {
  Finding finding;
  finding.log = Author::Broker().ToString();
  finding.index = index;
  finding.time_ms = time_ms;
  finding.reason = std::move(reason);
  return finding;
}

struct Change {
  absl::string_view kind;
  std::string subject;
};

Change ChangeOf(const v1::Directory& change) {
  switch (change.change_case()) {
    case v1::Directory::kNetworkFounded:
      return {"network-founded", change.network_founded().network_name()};
    case v1::Directory::kMemberJoined:
      return {"member-joined", change.member_joined().code()};
    case v1::Directory::kKeyAdded:
      return {"key-added", change.key_added().code()};
    case v1::Directory::kKeyRevoked:
      return {"key-revoked", change.key_revoked().code()};
    case v1::Directory::kRouteChanged:
      return {"route-changed", change.route_changed().code()};
    case v1::Directory::kListPublished:
      return {"list-published", absl::StrCat(change.list_published().version())};
    case v1::Directory::CHANGE_NOT_SET:
      break;
  }
  return {"", ""};
}

}  // namespace

History::History(const Ed25519PublicKey& trust_anchor, Findings* findings)
    : directory_(trust_anchor), findings_(findings) {}

void History::AddBroken(uint64_t index, int64_t time_ms, const std::string& reason) {
  findings_->Add("directory-broken", InBroker(index, time_ms, reason));
}

void History::TakeUnseen(uint64_t first, uint64_t end) {
  if (unseen_ == 0) unseen_from_ = first;
  unseen_ += end - first;
}

// As if what is lacking had no number.
void History::CheckNumber(uint64_t index, v1::Statement* statement) {
  const uint64_t next = directory_.sequence() + 1;
  const uint64_t expected = next + lacking_;
  const uint64_t number = statement->directory().sequence();
  if (number > expected && number - expected <= unseen_) {
    if (lacking_ == 0) {
      lacks_number_ = expected;
      lacks_from_ = unseen_from_;
    }
    lacking_ += number - expected;
  } else if (number != expected) {
    AddBroken(index, statement->time_ms(),
              absl::StrCat("The Directory statement has number ", number, " where ", expected,
                           " is next."));
  }
  unseen_ = 0;
  statement->mutable_directory()->set_sequence(next);
}

bool History::RestsOnUnseen(uint64_t index, std::optional<uint64_t> directory_size,
                            uint64_t list_version) const {
  const uint64_t most = indices_.size() + lacking_ + unseen_;
  if (directory_size.value_or(0) > most || list_version > most) return false;
  if (index > lacks_from_ && directory_size.value_or(most) >= lacks_number_) return true;
  if (unseen_ == 0 || index < unseen_from_) return false;
  return directory_size.value_or(0) > SizeBefore(index) || list_version > in_order_.size();
}

void History::Take(uint64_t index, v1::Statement statement) {
  indices_.push_back(index);
  if (of_another_key_) return;
  CheckNumber(index, &statement);
  MendTimes(index, &statement);
  const absl::Status applied = directory_.Apply(statement);
  if (!applied.ok() && lacking_ > 0) {
    ++lacking_;
    return;
  }
  if (!applied.ok()) {
    const FieldRule cause = GetFieldRule(applied);
    if (cause.rule == "trust-anchor") {
      of_another_key_ = true;
      return AddBroken(index, statement.time_ms(),
                       "The network was founded with another key than the one that is trusted "
                       "here: nothing can be judged by it.");
    }
    AddBroken(index, statement.time_ms(),
              absl::StrCat("The Directory statement breaks the rule \"", cause.rule, "\" (",
                           cause.field, ")."));
    return;
  }
  const v1::Directory& change = statement.directory();
  AddEvents(index, statement.time_ms(), change);
  if (change.has_network_founded()) network_ = change.network_founded().network_name();
  if (change.has_member_joined()) {
    const v1::MemberJoined& joined = change.member_joined();
    members_[joined.code()] = {joined.category(), statement.time_ms()};
  }
  if (change.has_list_published()) {
    in_order_.push_back(directory_.ListByVersion(change.list_published().version()));
  }
}

void History::AddEvents(uint64_t index, int64_t time_ms, const v1::Directory& change) {
  const Change changed = ChangeOf(change);
  const EntryRef entry{Author::Broker().ToString(), index};
  events_.push_back({std::string(changed.kind), time_ms, entry, changed.subject});
  if (!change.has_list_published()) return;
  events_.push_back(
      {"list-in-force", change.list_published().in_force_from_ms(), entry, changed.subject});
}

// Times that reach back are found, and taken as from the statement on: nobody knew them before.
void History::MendTimes(uint64_t index, v1::Statement* statement) {
  const int64_t time_ms = statement->time_ms();
  v1::Directory* change = statement->mutable_directory();
  if (change->has_list_published()) {
    v1::ListPublished* list = change->mutable_list_published();
    lists_.push_back(
        {list->version(), time_ms, list->in_force_from_ms(), {Author::Broker().ToString(), index}});
    if (list->in_force_from_ms() < time_ms) {
      findings_->Add("list-retroactive",
                     InBroker(index, time_ms,
                              absl::StrCat("Version ", list->version(),
                                           " of the permission list is in force from ",
                                           SaturatingSubtract(time_ms, list->in_force_from_ms()),
                                           " ms before it was published.")));
      list->set_in_force_from_ms(time_ms);
    }
  }
  if (change->has_key_revoked() && change->key_revoked().revoked_from_ms() < time_ms) {
    findings_->Add(
        "revocation-retroactive",
        InBroker(index, time_ms,
                 absl::StrCat("A key of ", change->key_revoked().code(), " is revoked from ",
                              SaturatingSubtract(time_ms, change->key_revoked().revoked_from_ms()),
                              " ms before the statement that revokes it.")));
    change->mutable_key_revoked()->set_revoked_from_ms(time_ms);
  }
}

const History::Joined* History::Find(const std::string& code) const {
  const auto found = members_.find(code);
  return found == members_.end() ? nullptr : &found->second;
}

const PublishedList* History::InForce(int64_t time_ms) const {
  // In force never begins before publication here.
  const auto list = std::find_if(in_order_.rbegin(), in_order_.rend(), [time_ms](const auto& l) {
    return l->in_force_from_ms <= time_ms;
  });
  return list == in_order_.rend() ? nullptr : list->get();
}

const PublishedList* History::ByVersion(uint64_t version) const {
  return version == 0 || version > in_order_.size() ? nullptr : in_order_[version - 1].get();
}

bool History::MayRestOn(uint64_t version, int64_t time_ms, int64_t grace_ms) const {
  uint64_t in_force = 0;  // by what was published up to the list looked at
  for (const auto& list : in_order_) {
    if (list->published_ms > time_ms) break;
    // Not to know this one was still excusable.
    if (list->published_ms > SaturatingSubtract(time_ms, grace_ms) && in_force == version)
      return true;
    if (list->in_force_from_ms <= time_ms) in_force = list->version;
  }
  return in_force == version;
}

uint64_t History::SizeBefore(uint64_t index) const {
  return static_cast<uint64_t>(std::lower_bound(indices_.begin(), indices_.end(), index) -
                               indices_.begin());
}

std::vector<MemberReport> History::Members() const {
  std::vector<MemberReport> members;
  for (const Member& member : directory_.Members()) {
    const Joined* joined = Find(member.code.ToString());
    members.push_back({member.code.ToString(), member.name, member.category,
                       joined == nullptr ? 0 : joined->joined_ms, false});
  }
  return members;
}

}  // namespace nakadachi::replay
