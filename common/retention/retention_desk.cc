#include "common/retention/retention_desk.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace nakadachi::retention {
namespace {

constexpr absl::string_view kErasurePrefix = "retention/erasure/";
constexpr size_t kEntriesInABatch = 1000;

std::string ErasureKey(int fiscal_year) {
  return absl::StrCat(kErasurePrefix, storage::KeyU64(static_cast<uint64_t>(fiscal_year)));
}

absl::Status DataLoss(absl::string_view field) {
  return FieldError(absl::StatusCode::kDataLoss, field, "stored-format", "cannot be read");
}

// Empty where the statement is of no exchange that it names.
std::string PermitNumberOf(const v1::Statement& statement) {
  if (statement.has_permit()) return statement.permit().permit_number();
  if (statement.has_provision()) return statement.provision().permit_number();
  if (statement.has_receipt()) return statement.receipt().permit_number();
  return "";
}

v1::Period::State StateOf(const v1::Period& period, int64_t now_ms, bool done) {
  if (period.has_erasure()) return done ? v1::Period::ERASED : v1::Period::ERASING;
  return now_ms < period.expires_ms() ? v1::Period::KEPT : v1::Period::EXPIRED;
}

// Calls `add` for each index, and commits what it added in batches of a bounded size.
absl::Status InBatches(storage::Database& database, const std::vector<uint64_t>& indexes,
                       const std::function<absl::Status(uint64_t, storage::Batch&)>& add) {
  for (size_t start = 0; start < indexes.size(); start += kEntriesInABatch) {
    storage::Batch batch(database);
    const size_t end = std::min(indexes.size(), start + kEntriesInABatch);
    for (size_t i = start; i < end; ++i) NAKADACHI_RETURN_IF_ERROR(add(indexes[i], batch));
    NAKADACHI_RETURN_IF_ERROR(database.Commit(std::move(batch)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int> RetentionYears(uint32_t configured) {
  if (configured == 0) return kMinRetentionYears;
  constexpr uint32_t kMost = 1000;
  if (configured >= static_cast<uint32_t>(kMinRetentionYears) && configured <= kMost)
    return static_cast<int>(configured);
  return InvalidField("runtime.retention_years", "range", "must be 7 to 1,000 years");
}

// ---------------------------------------------------------------- Periods

absl::StatusOr<RetentionDesk::Begun> RetentionDesk::ReadBegun(int fiscal_year) const {
  NAKADACHI_ASSIGN_OR_RETURN(const std::optional<std::string> value,
                             parts_.database->Get(parts_.family, ErasureKey(fiscal_year)));
  if (!value.has_value()) return Begun();
  stored::v1::ErasedPeriod begun;
  if (!begun.ParseFromString(*value)) return DataLoss("erasure");
  return Begun(std::move(begun));
}

absl::StatusOr<v1::GetRetentionResponse> RetentionDesk::Get() const {
  v1::GetRetentionResponse response;
  response.set_retention_years(static_cast<uint32_t>(parts_.years));
  response.set_now_ms(parts_.clock->NowMs());
  NAKADACHI_ASSIGN_OR_RETURN(const std::vector<ledger::StoredPeriod> periods,
                             parts_.store->ReadPeriods());
  for (const ledger::StoredPeriod& stored : periods) {
    v1::Period& period = *response.add_periods();
    period.set_fiscal_year(stored.fiscal_year);
    period.set_first_index(stored.first);
    period.set_end_index(stored.end);
    period.set_expires_ms(RetentionEndMs(stored.fiscal_year, parts_.years));
    NAKADACHI_ASSIGN_OR_RETURN(const Begun begun, ReadBegun(stored.fiscal_year));
    if (begun.has_value()) *period.mutable_erasure() = begun->erasure();
    period.set_state(StateOf(period, response.now_ms(), begun.has_value() && begun->done()));
  }
  NAKADACHI_ASSIGN_OR_RETURN(const std::vector<stored::v1::StoredHold> holds, holds_.InForce());
  for (const stored::v1::StoredHold& stored : holds) {
    v1::PlacedHold& placed = *response.add_holds();
    *placed.mutable_hold() = stored.hold();
    placed.set_placed_ms(stored.placed_ms());
    placed.set_staff_pseudonym(stored.staff_pseudonym());
    placed.set_leaf_index(stored.leaf_index());
  }
  return response;
}

absl::StatusOr<ledger::StoredPeriod> RetentionDesk::FindExpired(int fiscal_year) const {
  NAKADACHI_ASSIGN_OR_RETURN(const std::vector<ledger::StoredPeriod> periods,
                             parts_.store->ReadPeriods());
  const auto found = std::find_if(periods.begin(), periods.end(), [&](const auto& period) {
    return period.fiscal_year == fiscal_year;
  });
  if (found == periods.end())
    return FieldError(absl::StatusCode::kNotFound, "fiscal_year", "unknown-period",
                      "the ledger has no entry of this year");
  if (parts_.clock->NowMs() < RetentionEndMs(fiscal_year, parts_.years))
    return FieldError(absl::StatusCode::kFailedPrecondition, "fiscal_year", "not-expired",
                      absl::StrCat("must be kept until 1 April ", fiscal_year + 1 + parts_.years));
  return *found;
}

// ---------------------------------------------------------------- Erasure

// Looks at the bodies of the period, and at those that earlier erasures left: what is held may be
// sealed under this period's key.
absl::StatusOr<RetentionDesk::Plan> RetentionDesk::MakePlan(
    const ledger::StoredPeriod& period) const {
  Plan plan;
  plan.erasure.set_fiscal_year(period.fiscal_year);
  plan.erasure.set_first_index(period.first);
  plan.erasure.set_end_index(period.end);

  NAKADACHI_ASSIGN_OR_RETURN(HeldRecords held, holds_.Held());
  if (parts_.entries_of && !held.permit_numbers.empty()) {
    NAKADACHI_ASSIGN_OR_RETURN(const std::set<uint64_t> more,
                               parts_.entries_of(held.permit_numbers));
    held.entries.insert(more.begin(), more.end());
  }
  NAKADACHI_ASSIGN_OR_RETURN(const std::vector<ledger::StoredPeriod> periods,
                             parts_.store->ReadPeriods());
  for (const ledger::StoredPeriod& other : periods) {
    const bool is_this = other.fiscal_year == period.fiscal_year;
    if (other.first >= period.end || (!is_this && !other.destroyed)) continue;
    NAKADACHI_RETURN_IF_ERROR(ledger::ReadEveryEntry(
        *parts_.store, other.first, other.end,
        [&](uint64_t index, const ledger::StoredEntry& entry, const absl::Status& body) {
          if (body.ok() && entry.salt.empty()) return true;
          v1::Statement statement;
          if (!body.ok() || !statement.ParseFromString(entry.statement)) {
            // Nobody can seal it anew: it goes with the key that it is sealed under.
            if (is_this && !other.destroyed) plan.erasure.set_erased(plan.erasure.erased() + 1);
            return true;
          }
          if (ledger::OutlivesItsPeriod(statement)) return true;
          const bool is_held = held.entries.count(index) != 0 ||
                               held.permit_numbers.count(PermitNumberOf(statement)) != 0;
          if (is_held) {
            plan.held.push_back(index);
            return true;
          }
          if (!is_this) return true;  // goes with the next erasure of its own year
          if (other.destroyed) plan.over.push_back(index);
          plan.erasure.set_erased(plan.erasure.erased() + 1);
          return true;
        }));
    if (is_this) plan.erasure.set_held(plan.held.size());
  }
  return plan;
}

absl::Status RetentionDesk::FindEntries(stored::v1::StoredHold* hold) const {
  const v1::Hold& named = hold->hold();
  if (!parts_.entries_of || named.permit_numbers_size() == 0) return absl::OkStatus();
  NAKADACHI_ASSIGN_OR_RETURN(
      std::set<uint64_t> entries,
      parts_.entries_of({named.permit_numbers().begin(), named.permit_numbers().end()}));
  entries.insert(hold->found_entries().begin(), hold->found_entries().end());
  hold->mutable_found_entries()->Assign(entries.begin(), entries.end());
  return absl::OkStatus();
}

absl::Status RetentionDesk::RememberEntries() {
  NAKADACHI_ASSIGN_OR_RETURN(std::vector<stored::v1::StoredHold> holds, holds_.InForce());
  storage::Batch batch(*parts_.database);
  for (stored::v1::StoredHold& hold : holds) {
    NAKADACHI_RETURN_IF_ERROR(FindEntries(&hold));
    holds_.Put(hold, batch);
  }
  return parts_.database->Commit(std::move(batch));
}

absl::Status RetentionDesk::KeepHeld(const Plan& plan) {
  return InBatches(*parts_.database, plan.held, [this](uint64_t index, storage::Batch& batch) {
    NAKADACHI_ASSIGN_OR_RETURN(const ledger::StoredEntry entry, parts_.store->ReadEntry(index));
    parts_.store->KeepOn(index, entry, batch);
    return absl::OkStatus();
  });
}

absl::Status RetentionDesk::DropOver(const Plan& plan) {
  return InBatches(*parts_.database, plan.over, [this](uint64_t index, storage::Batch& batch) {
    parts_.store->Drop(index, batch);
    return absl::OkStatus();
  });
}

v1::Statement RetentionDesk::NewOperation(absl::string_view kind,
                                          const std::string& staff_pseudonym) const {
  v1::Statement statement;
  statement.set_author(parts_.ledger->author().ToString());
  statement.set_time_ms(parts_.clock->NowMs());
  statement.mutable_operation()->set_kind(std::string(kind));
  statement.mutable_operation()->set_staff_pseudonym(staff_pseudonym);
  return statement;
}

absl::StatusOr<v1::Recorded> RetentionDesk::RecordErasure(const v1::ErasePeriodRequest& request,
                                                          const v1::Erasure& erasure, bool done) {
  v1::Statement statement = NewOperation(done ? "erased" : "erasure", request.staff_pseudonym());
  *statement.mutable_operation()->mutable_erasure() = erasure;
  stored::v1::ErasedPeriod state;
  *state.mutable_erasure() = erasure;
  state.set_done(done);
  return parts_.ledger->AppendAndWait(ledger::Prepare(statement, *parts_.random),
                                      [this, &state](uint64_t leaf_index, storage::Batch& batch) {
                                        state.set_leaf_index(leaf_index);
                                        batch.Put(parts_.family,
                                                  ErasureKey(state.erasure().fiscal_year()),
                                                  state.SerializeAsString());
                                      });
}

// What is held is safe, then the ledger says what will go, then it goes.
absl::Status RetentionDesk::Destroy(const v1::ErasePeriodRequest& request,
                                    const ledger::StoredPeriod& period, const Begun& begun,
                                    Plan* plan) {
  absl::MutexLock lock(&changing_);
  // Where nothing was recorded since, the current period is still the one that goes.
  NAKADACHI_RETURN_IF_ERROR(parts_.store->EnterPeriodOf(parts_.clock->NowMs()));
  NAKADACHI_RETURN_IF_ERROR(RememberEntries());
  NAKADACHI_ASSIGN_OR_RETURN(*plan, MakePlan(period));
  NAKADACHI_RETURN_IF_ERROR(KeepHeld(*plan));
  if (begun.has_value() && !begun->done()) {
    plan->erasure = begun->erasure();  // interrupted: it is recorded
  } else {
    NAKADACHI_RETURN_IF_ERROR(RecordErasure(request, plan->erasure, /*done=*/false).status());
  }
  NAKADACHI_RETURN_IF_ERROR(DropOver(*plan));
  return parts_.database->DestroyPeriod(period.fiscal_year);
}

absl::StatusOr<v1::ErasePeriodResponse> RetentionDesk::Erase(
    const v1::ErasePeriodRequest& request) {
  absl::MutexLock lock(&erasing_);
  NAKADACHI_ASSIGN_OR_RETURN(const ledger::StoredPeriod period, FindExpired(request.fiscal_year()));
  NAKADACHI_ASSIGN_OR_RETURN(const Begun begun, ReadBegun(request.fiscal_year()));
  v1::ErasePeriodResponse response;
  const bool done = begun.has_value() && begun->done();
  if (request.dry_run() || done) {
    NAKADACHI_ASSIGN_OR_RETURN(const Plan plan, MakePlan(period));
    *response.mutable_erasure() = plan.erasure;
    if (request.dry_run()) return response;
    if (plan.over.empty()) {
      *response.mutable_erasure() = begun->erasure();
      NAKADACHI_ASSIGN_OR_RETURN(*response.mutable_operation(),
                                 parts_.ledger->Prove(begun->leaf_index()));
      return response;
    }
  }
  const uint64_t dropped_before = parts_.database->DroppedBytes();
  Plan plan;
  NAKADACHI_RETURN_IF_ERROR(Destroy(request, period, begun, &plan));
  NAKADACHI_RETURN_IF_ERROR(parts_.database->Compact());
  plan.erasure.set_freed_bytes(parts_.database->DroppedBytes() - dropped_before);
  *response.mutable_erasure() = plan.erasure;
  NAKADACHI_ASSIGN_OR_RETURN(*response.mutable_operation(),
                             RecordErasure(request, plan.erasure, /*done=*/true));
  return response;
}

absl::Status RetentionDesk::Resume() {
  NAKADACHI_ASSIGN_OR_RETURN(const std::vector<ledger::StoredPeriod> periods,
                             parts_.store->ReadPeriods());
  for (const ledger::StoredPeriod& period : periods) {
    NAKADACHI_ASSIGN_OR_RETURN(const Begun begun, ReadBegun(period.fiscal_year));
    if (!begun.has_value() || begun->done()) continue;
    Plan plan;
    NAKADACHI_RETURN_IF_ERROR(Destroy({}, period, begun, &plan));
  }
  return absl::OkStatus();
}

// ---------------------------------------------------------------- Holds

absl::StatusOr<v1::PlaceHoldResponse> RetentionDesk::PlaceHold(
    const v1::PlaceHoldRequest& request) {
  NAKADACHI_RETURN_IF_ERROR(CheckHold(request));
  absl::MutexLock lock(&changing_);
  v1::PlaceHoldResponse response;
  NAKADACHI_ASSIGN_OR_RETURN(const std::optional<stored::v1::StoredHold> known,
                             holds_.Find(request.hold().hold_id()));
  if (known.has_value()) {
    if (known->released() ||
        known->hold().SerializeAsString() != request.hold().SerializeAsString())
      return FieldError(absl::StatusCode::kAlreadyExists, "hold.hold_id", "hold-id-reused",
                        "stands for another hold, or for one that was released");
    NAKADACHI_ASSIGN_OR_RETURN(*response.mutable_operation(),
                               parts_.ledger->Prove(known->leaf_index()));
    return response;
  }
  for (int i = 0; i < request.hold().entries_size(); ++i) {
    const auto field = absl::StrCat("hold.entries[", i, "]");
    const uint64_t index = request.hold().entries(i);
    if (index >= parts_.ledger->Head().size)
      return FieldError(absl::StatusCode::kOutOfRange, field, "index",
                        "the ledger has no such entry");
    NAKADACHI_ASSIGN_OR_RETURN(const ledger::StoredEntry entry, parts_.store->ReadEntry(index));
    if (entry.salt.empty())
      return FieldError(absl::StatusCode::kNotFound, field, "erased", "the statement was erased");
  }
  v1::Statement statement = NewOperation("hold", request.staff_pseudonym());
  statement.mutable_operation()->set_detail(request.reason());
  *statement.mutable_operation()->mutable_hold() = request.hold();
  stored::v1::StoredHold hold;
  *hold.mutable_hold() = request.hold();
  hold.set_placed_ms(statement.time_ms());
  hold.set_staff_pseudonym(request.staff_pseudonym());
  hold.set_reason(request.reason());
  NAKADACHI_RETURN_IF_ERROR(FindEntries(&hold));
  NAKADACHI_ASSIGN_OR_RETURN(
      *response.mutable_operation(),
      parts_.ledger->AppendAndWait(ledger::Prepare(statement, *parts_.random),
                                   [this, &hold](uint64_t leaf_index, storage::Batch& batch) {
                                     hold.set_leaf_index(leaf_index);
                                     holds_.Put(hold, batch);
                                   }));
  return response;
}

absl::StatusOr<v1::ReleaseHoldResponse> RetentionDesk::ReleaseHold(
    const v1::ReleaseHoldRequest& request) {
  NAKADACHI_RETURN_IF_ERROR(CheckRelease(request));
  absl::MutexLock lock(&changing_);
  NAKADACHI_ASSIGN_OR_RETURN(std::optional<stored::v1::StoredHold> hold,
                             holds_.Find(request.hold_id()));
  if (!hold.has_value())
    return FieldError(absl::StatusCode::kNotFound, "hold_id", "unknown-hold",
                      "no hold was placed under it");
  v1::ReleaseHoldResponse response;
  if (hold->released()) {
    NAKADACHI_ASSIGN_OR_RETURN(*response.mutable_operation(),
                               parts_.ledger->Prove(hold->release_index()));
    return response;
  }
  v1::Statement statement = NewOperation("hold-released", request.staff_pseudonym());
  statement.mutable_operation()->set_detail(request.reason());
  *statement.mutable_operation()->mutable_hold() = hold->hold();
  hold->set_released(true);
  NAKADACHI_ASSIGN_OR_RETURN(
      *response.mutable_operation(),
      parts_.ledger->AppendAndWait(ledger::Prepare(statement, *parts_.random),
                                   [this, &hold](uint64_t leaf_index, storage::Batch& batch) {
                                     hold->set_release_index(leaf_index);
                                     holds_.Put(*hold, batch);
                                   }));
  return response;
}

}  // namespace nakadachi::retention
