#include "server/juki/store/juki_store.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace nakadachi::juki {
namespace {

using storage::Form;
using storage::KeyU64;
using storage::U64FromKey;

// The table of README.md. Numbers are those of Families().
enum Family : int { kMeta, kResidents, kCodes, kAcquisitions, kAcquired, kExpiry };

std::vector<storage::ColumnFamily> Families() {
  return {{"meta", Form::kSealed},         {"residents", Form::kSealed}, {"codes", Form::kSealed},
          {"acquisitions", Form::kSealed}, {"acquired", Form::kSealed},  {"expiry", Form::kPlain}};
}

constexpr char kResidentCount[] = "juki/residents";
constexpr char kAcquisitionCount[] = "juki/acquisitions";
constexpr size_t kU64Bytes = 8;
// What an expiry row is about.
constexpr char kPending = 'p';
constexpr char kUsed = 'u';

absl::Status Unreadable() {
  return FieldError(absl::StatusCode::kDataLoss, "record", "stored-format", "cannot be read");
}

absl::StatusOr<uint64_t> CounterValue(const std::optional<std::string>& value) {
  if (!value) return 0;
  if (value->size() != kU64Bytes) return Unreadable();
  return U64FromKey(*value);
}

std::string ExpiryKey(int64_t expires_ms, char kind, absl::string_view key) {
  return absl::StrCat(KeyU64(static_cast<uint64_t>(expires_ms)), absl::string_view(&kind, 1), key);
}

}  // namespace

absl::StatusOr<std::unique_ptr<JukiStore>> JukiStore::Open(storage::OpenOptions options) {
  options.owner = "juki";
  options.families = Families();
  NAKADACHI_ASSIGN_OR_RETURN(std::unique_ptr<storage::Database> database,
                             storage::Database::Open(options));
  return std::unique_ptr<JukiStore>(new JukiStore(std::move(database)));
}

std::string JukiStore::PersonKey(const IndividualNumber& number) const {
  return database_->BlindKey("individual-number", number.Reveal());
}

std::string JukiStore::CodeKey(const ResidentCode& code) const {
  return database_->BlindKey("resident-code", code.Reveal());
}

std::string JukiStore::AcquisitionKey(const AcquisitionNumber& number) const {
  return database_->BlindKey("acquisition-number", number.Reveal());
}

std::string JukiStore::PartyKey(const LocalGovernmentCode& institution,
                                const ResidentCode& person) const {
  return database_->BlindKey("party", absl::StrCat(institution.ToString(), person.Reveal()));
}

absl::StatusOr<uint64_t> JukiStore::ReadCounter(const std::string& counter) const {
  NAKADACHI_ASSIGN_OR_RETURN(std::optional<std::string> value, database_->Get(kMeta, counter));
  return CounterValue(value);
}

absl::StatusOr<uint64_t> JukiStore::Residents() const { return ReadCounter(kResidentCount); }
absl::StatusOr<uint64_t> JukiStore::Acquisitions() const { return ReadCounter(kAcquisitionCount); }

JukiStore::Round::Round(JukiStore& store)
    : store_(store), lock_(&store.round_mutex_), batch_(*store.database_) {}

absl::StatusOr<std::optional<stored::v1::Resident>> JukiStore::Round::FindResident(
    const std::string& person_key) {
  return Find<stored::v1::Resident>(kResidents, person_key);
}

absl::StatusOr<std::optional<stored::v1::CodeHolder>> JukiStore::Round::FindHolder(
    const std::string& code_key) {
  return Find<stored::v1::CodeHolder>(kCodes, code_key);
}

absl::Status JukiStore::Round::AddResident(const std::string& person_key,
                                           const std::string& code_key,
                                           const stored::v1::Resident& resident) {
  stored::v1::CodeHolder holder;
  holder.set_person_key(person_key);
  UpdateResident(person_key, resident);
  Put(kCodes, code_key, holder.SerializeAsString());
  return Count(kResidentCount);
}

void JukiStore::Round::UpdateResident(const std::string& person_key,
                                      const stored::v1::Resident& resident) {
  Put(kResidents, person_key, resident.SerializeAsString());
}

void JukiStore::Round::RenameResident(const std::string& old_person_key,
                                      const std::string& person_key, const std::string& code_key,
                                      const stored::v1::Resident& resident) {
  stored::v1::CodeHolder holder;
  holder.set_person_key(person_key);
  Delete(kResidents, old_person_key);
  UpdateResident(person_key, resident);
  Put(kCodes, code_key, holder.SerializeAsString());
}

absl::StatusOr<std::optional<stored::v1::Acquisition>> JukiStore::Round::FindAcquisition(
    const std::string& acquisition_key) {
  return Find<stored::v1::Acquisition>(kAcquisitions, acquisition_key);
}

void JukiStore::Round::PutAcquisition(const std::string& acquisition_key,
                                      const stored::v1::Acquisition& value) {
  Put(kAcquisitions, acquisition_key, value.SerializeAsString());
  Put(kExpiry, ExpiryKey(value.expires_ms(), kPending, acquisition_key), "");
}

absl::StatusOr<std::optional<stored::v1::Acquired>> JukiStore::Round::FindAcquired(
    const std::string& party_key) {
  return Find<stored::v1::Acquired>(kAcquired, party_key);
}

absl::Status JukiStore::Round::Succeed(const std::string& acquisition_key,
                                       const stored::v1::Acquisition& acquisition) {
  Delete(kAcquisitions, acquisition_key);
  Delete(kExpiry, ExpiryKey(acquisition.expires_ms(), kPending, acquisition_key));
  const std::string& party_key = acquisition.party_key();
  NAKADACHI_ASSIGN_OR_RETURN(std::optional<stored::v1::Acquired> before, FindAcquired(party_key));
  if (before) return absl::OkStatus();
  stored::v1::Acquired acquired;
  acquired.set_acquisition_key(acquisition_key);
  acquired.set_expires_ms(acquisition.expires_ms());
  Put(kAcquired, party_key, acquired.SerializeAsString());
  Put(kExpiry, ExpiryKey(acquisition.expires_ms(), kUsed, party_key), "");
  return Count(kAcquisitionCount);
}

absl::StatusOr<size_t> JukiStore::Round::Sweep(int64_t now_ms, size_t limit) {
  std::vector<std::string> over;
  NAKADACHI_RETURN_IF_ERROR(
      store_.database_->Scan(kExpiry, "", "", [&](absl::string_view key, absl::string_view) {
        if (key.size() <= kU64Bytes) return false;
        if (U64FromKey(key.substr(0, kU64Bytes)) > static_cast<uint64_t>(now_ms)) return false;
        over.emplace_back(key);
        return over.size() < limit;
      }));
  for (const std::string& expiry : over) {
    const std::string key = expiry.substr(kU64Bytes + 1);
    Delete(kExpiry, expiry);
    if (expiry[kU64Bytes] == kPending) {
      Delete(kAcquisitions, key);
      continue;
    }
    // That the party has its code stays known; by which number it came does not.
    Put(kAcquired, key, stored::v1::Acquired().SerializeAsString());
  }
  return over.size();
}

absl::Status JukiStore::Round::Commit() {
  if (changed_.empty()) return absl::OkStatus();
  return store_.database_->Commit(std::move(batch_));
}

template <typename Message>
absl::StatusOr<std::optional<Message>> JukiStore::Round::Find(int family, const std::string& key) {
  NAKADACHI_ASSIGN_OR_RETURN(std::optional<std::string> value, Get(family, key));
  if (!value) return std::optional<Message>();
  Message message;
  if (!message.ParseFromString(*value)) return Unreadable();
  return std::optional<Message>(std::move(message));
}

absl::StatusOr<std::optional<std::string>> JukiStore::Round::Get(int family,
                                                                 const std::string& key) {
  const auto changed = changed_.find({family, key});
  if (changed != changed_.end()) return changed->second;
  return store_.database_->Get(family, key);
}

void JukiStore::Round::Put(int family, const std::string& key, const std::string& value) {
  batch_.Put(family, key, value);
  changed_[{family, key}] = value;
}

void JukiStore::Round::Delete(int family, const std::string& key) {
  batch_.Delete(family, key);
  changed_[{family, key}] = std::nullopt;
}

absl::Status JukiStore::Round::Count(const std::string& counter) {
  NAKADACHI_ASSIGN_OR_RETURN(std::optional<std::string> value, Get(kMeta, counter));
  NAKADACHI_ASSIGN_OR_RETURN(uint64_t count, CounterValue(value));
  Put(kMeta, counter, KeyU64(count + 1));
  return absl::OkStatus();
}

}  // namespace nakadachi::juki
