#include "server/intermediate/replica.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "common/base/status.h"
#include "common/permission/permission_list.h"
#include "server/intermediate/layout.h"

namespace nakadachi::intermediate {
namespace {

constexpr size_t kVersionSize = 8;
constexpr size_t kMaxSlug = 64;
constexpr size_t kMaxRecordId = 64;
constexpr int kMaxRecords = 1'000;
// The sets of all items that a permit may name, 32, fit one message of 4 MiB, with 256 KiB left for
// what goes with them.
constexpr size_t kMaxSetBytes = size_t{120} << 10;
// What the id that a record leaves with, 32 digits, may add to its own.
constexpr size_t kLongerIdBytes = 32;
constexpr int kMaxEntries = 100;
constexpr size_t kMaxValue = 500;
constexpr uint32_t kMaxDose = 7;

bool AllDigits(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

// Characters of UTF-8 text; bytes that only continue one are not counted.
size_t Characters(absl::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
}

absl::Status CheckLength(absl::string_view field, absl::string_view text, size_t limit) {
  if (text.size() <= limit || Characters(text) <= limit) return absl::OkStatus();
  return InvalidField(field, "length", absl::StrCat("more than ", limit, " characters"));
}

// As the permission list has them: hyphens stand singly, between letters or digits.
bool IsSlug(absl::string_view text) {
  if (text.empty() || text.size() > kMaxSlug || !absl::ascii_islower(text[0])) return false;
  for (size_t i = 1; i < text.size(); ++i) {
    if (absl::ascii_islower(text[i]) || absl::ascii_isdigit(text[i])) continue;
    if (text[i] != '-' || text[i - 1] == '-' || i + 1 == text.size()) return false;
  }
  return true;
}

int Number(absl::string_view digits) {
  int value = 0;
  for (const char digit : digits) value = value * 10 + (digit - '0');
  return value;
}

// "A1" to `last`: a season or a third of a month.
bool IsPart(absl::string_view text, char last) {
  return text[0] == 'A' && text[1] >= '1' && text[1] <= last;
}

// vaccination.proto, RegisterDate.
bool IsRegisterDate(absl::string_view text) {
  if (text.size() != 8 || !AllDigits(text.substr(0, 4))) return false;
  const absl::string_view month = text.substr(4, 2);
  const absl::string_view day = text.substr(6, 2);
  if (!AllDigits(month) && !IsPart(month, '4')) return false;
  if (!AllDigits(day)) return IsPart(day, '3') && (!AllDigits(month) || Number(month) <= 12);
  if (Number(day) > 31) return false;
  if (!AllDigits(month) || Number(month) == 0) return true;
  if (Number(month) > 12) return false;
  if (Number(day) == 0) return true;
  const int year = Number(text.substr(0, 4));
  // A leap year, where the year is unknown: 29 February may have been.
  const absl::CivilDay date(year == 0 ? 2000 : year, Number(month), Number(day));
  return date.month() == Number(month);
}

// The earliest day that a register's date may mean; none where its year is unknown.
std::optional<absl::CivilDay> EarliestDay(absl::string_view date) {
  if (!IsRegisterDate(date)) return std::nullopt;
  const int year = Number(date.substr(0, 4));
  const absl::string_view month = date.substr(4, 2);
  const absl::string_view day = date.substr(6, 2);
  if (year == 0) return std::nullopt;
  if (!AllDigits(month) || Number(month) == 0) return absl::CivilDay(year, 1, 1);
  if (!AllDigits(day)) return absl::CivilDay(year, Number(month), 10 * (day[1] - '1') + 1);
  return absl::CivilDay(year, Number(month), std::max(Number(day), 1));
}

// Digits with at most one point between them.
bool IsDecimal(absl::string_view text) {
  const size_t point = text.find('.');
  if (point == absl::string_view::npos) return AllDigits(text);
  const absl::string_view after = text.substr(point + 1);
  return point > 0 && !after.empty() && AllDigits(text.substr(0, point)) && AllDigits(after);
}

absl::Status CheckVaccination(const v1::Vaccination& vaccination) {
  if (vaccination.vaccine_kind().size() != 5 || !AllDigits(vaccination.vaccine_kind())) {
    return InvalidField("vaccine_kind", "digits", "not five digits");
  }
  if (vaccination.dose() < 1 || vaccination.dose() > kMaxDose) {
    return InvalidField("dose", "range", "not 1 to 7");
  }
  const std::string& date = vaccination.date().yyyymmdd();
  const bool no_date = date.empty() && !vaccination.done();
  if (!no_date && !IsRegisterDate(date)) {
    return InvalidField("date", "date", "not a date of a register");
  }
  NAKADACHI_RETURN_IF_ERROR(CheckLength("manufacturer", vaccination.manufacturer(), 20));
  NAKADACHI_RETURN_IF_ERROR(CheckLength("lot", vaccination.lot(), 20));
  NAKADACHI_RETURN_IF_ERROR(CheckLength("volume_ml", vaccination.volume_ml(), 8));
  if (!IsDecimal(vaccination.volume_ml())) {
    return InvalidField("volume_ml", "decimal", "not a decimal number");
  }
  NAKADACHI_RETURN_IF_ERROR(CheckLength("place", vaccination.place(), 30));
  NAKADACHI_RETURN_IF_ERROR(CheckLength("physician", vaccination.physician(), 20));
  if (!vaccination.ticket_number().empty()) {
    NAKADACHI_RETURN_IF_ERROR(TicketNumber::Parse(vaccination.ticket_number()).status());
  }
  if (!vaccination.municipality().empty()) {
    NAKADACHI_RETURN_IF_ERROR(
        LocalGovernmentCode::Parse(vaccination.municipality(), "municipality").status());
  }
  return absl::OkStatus();
}

absl::Status CheckOther(const v1::OtherInformation& other) {
  if (other.entries_size() > kMaxEntries) {
    return InvalidField("entries", "length", "too many entries");
  }
  for (int i = 0; i < other.entries_size(); ++i) {
    const v1::OtherInformation::Entry& entry = other.entries(i);
    const std::string field = absl::StrCat("entries[", i, "]");
    if (entry.name().empty()) return InvalidField(field, "empty", "no name");
    NAKADACHI_RETURN_IF_ERROR(CheckLength(field, entry.name(), kMaxSlug));
    NAKADACHI_RETURN_IF_ERROR(CheckLength(field, entry.value(), kMaxValue));
  }
  return absl::OkStatus();
}

absl::Status CheckRecord(const v1::ReplicaRecord& record, const std::string& item) {
  if (record.item() != item) return InvalidField("item", "item", "not the set's item");
  if (record.record_id().empty()) return InvalidField("record_id", "empty", "no record id");
  NAKADACHI_RETURN_IF_ERROR(CheckLength("record_id", record.record_id(), kMaxRecordId));
  switch (record.content_case()) {
    case v1::ReplicaRecord::kVaccination:
      return UnderField("vaccination", CheckVaccination(record.vaccination()));
    case v1::ReplicaRecord::kOther:
      return UnderField("other", CheckOther(record.other()));
    case v1::ReplicaRecord::CONTENT_NOT_SET:
      break;
  }
  return InvalidField("content", "empty", "no content");
}

// What is stored under a replica's key.
std::string StoredSet(const v1::ReplicaSet& set) {
  std::string value = storage::KeyU64(set.source_version());
  set.AppendToString(&value);
  return value;
}

absl::Status CheckNewer(absl::string_view held, absl::string_view offered) {
  if (held.size() < kVersionSize) return absl::DataLossError("a replica set is cut short");
  // Versions lead the values as big-endian numbers, which compare as their bytes do.
  if (offered.substr(0, kVersionSize) > held.substr(0, kVersionSize) || offered == held) {
    return absl::OkStatus();
  }
  return FieldError(absl::StatusCode::kFailedPrecondition, "source_version", "stale-version",
                    "what is held is newer, or as new and different");
}

}  // namespace

absl::Status CheckItem(absl::string_view item, absl::string_view field) {
  if (IsSlug(item)) return absl::OkStatus();
  return InvalidField(field, "slug", "not an item of information");
}

absl::Status CheckReplicaSet(const v1::ReplicaSet& set) {
  NAKADACHI_RETURN_IF_ERROR(CheckItem(set.item(), "item"));
  if (set.source_version() == 0) {
    return InvalidField("source_version", "range", "versions begin with 1");
  }
  if (set.source_time_ms() <= 0) return InvalidField("source_time_ms", "range", "no time");
  if (set.records_size() > kMaxRecords) {
    return InvalidField("records", "length", "too many records");
  }
  absl::flat_hash_set<absl::string_view> ids;
  ids.reserve(static_cast<size_t>(set.records_size()));
  for (int i = 0; i < set.records_size(); ++i) {
    const v1::ReplicaRecord& record = set.records(i);
    absl::Status status = CheckRecord(record, set.item());
    if (status.ok() && !ids.insert(record.record_id()).second) {
      status = InvalidField("record_id", "duplicate", "another record has this id");
    }
    if (!status.ok()) return UnderField(absl::StrCat("records[", i, "]"), status);
  }
  const size_t bytes = set.ByteSizeLong() + ids.size() * kLongerIdBytes;
  if (bytes > kMaxSetBytes) return InvalidField("records", "too-large", "more than 120 KiB");
  return absl::OkStatus();
}

absl::Status CheckNotLater(const v1::ReplicaSet& set, absl::CivilDay last) {
  for (int i = 0; i < set.records_size(); ++i) {
    const std::optional<absl::CivilDay> day =
        EarliestDay(set.records(i).vaccination().date().yyyymmdd());
    if (!day.has_value() || *day <= last) continue;
    return InvalidField(absl::StrCat("records[", i, "].vaccination.date"), "future",
                        "lies in the future by the server's clock");
  }
  return absl::OkStatus();
}

ListedItems::ListedItems(const Directory& directory, int64_t now_ms) {
  const std::shared_ptr<const PublishedList> in_force = directory.ListInForce(now_ms);
  for (const std::shared_ptr<const PublishedList>& list : directory.Lists()) {
    if (in_force == nullptr || list->version >= in_force->version) lists_.push_back(list);
  }
}

absl::Status ListedItems::Check(absl::string_view item, absl::string_view field) const {
  const bool listed =
      lists_.empty() || std::any_of(lists_.begin(), lists_.end(),
                                    [item](const auto& list) { return list->list->HasItem(item); });
  if (listed) return absl::OkStatus();
  return InvalidField(
      field, "unknown-item",
      absl::StrCat("the permission list (version ", lists_.back()->version, ") has no such item"));
}

std::vector<absl::Status> Replica::Register(const std::vector<Entry>& entries) {
  std::vector<absl::Status> results(entries.size());
  const int64_t now_ms = institution_->NowMs();
  const ListedItems items(*institution_->platform().directory, now_ms);
  const absl::CivilDay last_day = permission::JapanDay(now_ms) + 1;
  std::vector<Offer> offers;
  offers.reserve(entries.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    const v1::ReplicaSet& set = *entries[i].set;
    results[i] = CheckReplicaSet(set);
    if (results[i].ok()) results[i] = items.Check(set.item(), "item");
    if (results[i].ok()) results[i] = CheckNotLater(set, last_day);
    if (!results[i].ok()) continue;
    offers.push_back(
        {i, ReplicaKey(institution_->PersonKey(entries[i].person), set.item()), StoredSet(set)});
  }
  const absl::Status stored = Store(offers, &results);
  if (stored.ok()) return results;
  for (const Offer& offer : offers) {
    if (results[offer.position].ok()) results[offer.position] = stored;
  }
  return results;
}

absl::Status Replica::Store(const std::vector<Offer>& offers, std::vector<absl::Status>* results) {
  Registration own{&offers, results, false, absl::OkStatus()};
  {
    absl::MutexLock lock(&waiting_mutex_);
    waiting_.push_back(&own);
  }
  absl::MutexLock lock(&mutex_);
  if (own.done) return own.stored;
  std::vector<Registration*> group;
  {
    absl::MutexLock waiting_lock(&waiting_mutex_);
    group.swap(waiting_);
  }
  const absl::Status stored = StoreTogether(group);
  for (Registration* registration : group) {
    registration->stored = stored;
    registration->done = true;
  }
  return stored;
}

absl::Status Replica::StoreTogether(const std::vector<Registration*>& group) {
  struct Placed {
    const Offer* offer;
    absl::Status* result;
  };
  std::vector<Placed> all;
  for (Registration* registration : group) {
    for (const Offer& offer : *registration->offers) {
      all.push_back({&offer, &(*registration->results)[offer.position]});
    }
  }
  // In the order of keys the database finds and places them faster, and the sets of one person
  // and item follow one another as they came.
  std::stable_sort(all.begin(), all.end(),
                   [](const Placed& a, const Placed& b) { return a.offer->key < b.offer->key; });

  storage::Database& database = institution_->database();
  storage::Batch batch(database);
  NAKADACHI_ASSIGN_OR_RETURN(uint64_t count, ReadCount(database, kCountReplicaSets));
  const std::string* key = nullptr;
  absl::StatusOr<std::optional<std::string>> held;  // under the key, after the offers so far
  for (const Placed& placed : all) {
    const Offer& offer = *placed.offer;
    if (key == nullptr || *key != offer.key) held = database.Get(kReplica, offer.key);
    key = &offer.key;
    absl::Status& result = *placed.result;
    result = held.status();
    if (result.ok() && held->has_value()) result = CheckNewer(**held, offer.value);
    if (!result.ok() || *held == offer.value) continue;
    count += held->has_value() ? 0 : 1;
    batch.Put(kReplica, offer.key, offer.value);
    *held = offer.value;
  }
  if (batch.bytes() == 0) return absl::OkStatus();
  PutCount(kCountReplicaSets, count, batch);
  return database.Commit(std::move(batch));
}

absl::StatusOr<std::vector<v1::ReplicaSet>> Replica::Read(const AddresseeNumber& person,
                                                          const std::vector<std::string>& items) {
  std::vector<v1::ReplicaSet> sets;
  const std::string blind = institution_->PersonKey(person);
  for (const std::string& item : items) {
    NAKADACHI_ASSIGN_OR_RETURN(const std::optional<std::string> value,
                               institution_->database().Get(kReplica, ReplicaKey(blind, item)));
    if (!value.has_value()) continue;
    const absl::string_view bytes = absl::string_view(*value);
    v1::ReplicaSet set;
    if (bytes.size() < kVersionSize ||
        !set.ParseFromArray(bytes.data() + kVersionSize,
                            static_cast<int>(bytes.size() - kVersionSize))) {
      return absl::DataLossError("a replica set does not parse");
    }
    sets.push_back(std::move(set));
  }
  return sets;
}

}  // namespace nakadachi::intermediate
