#include "server/intermediate/code_book.h"

#include <array>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "server/intermediate/layout.h"
#include "server/intermediate/replica.h"

namespace nakadachi::intermediate {
namespace {

constexpr char kPerson = 'a';
constexpr char kCode = 'c';
constexpr char kAcquisition = 'n';
constexpr size_t kExpirySize = 8;
constexpr size_t kSweptAtOnce = 512;

absl::Status Corrupt() { return absl::DataLossError("a record of the code book does not parse"); }

absl::Status UnknownNumber() {
  return FieldError(absl::StatusCode::kNotFound, "acquisition_number", "acquisition-number",
                    "the number is unknown, used or past its time");
}

absl::StatusOr<std::optional<stored::v1::PersonCode>> ReadPerson(const storage::Database& database,
                                                                 const std::string& key) {
  NAKADACHI_ASSIGN_OR_RETURN(const std::optional<std::string> value, database.Get(kCodes, key));
  if (!value.has_value()) return std::optional<stored::v1::PersonCode>();
  stored::v1::PersonCode person;
  if (!person.ParseFromString(*value)) return Corrupt();
  return std::optional<stored::v1::PersonCode>(std::move(person));
}

// What an acquisition number stands for.
struct Pending {
  int64_t expires_ms = 0;
  std::string addressee;
};

absl::StatusOr<Pending> ParsePending(absl::string_view value) {
  if (value.size() <= kExpirySize) return Corrupt();
  return Pending{static_cast<int64_t>(storage::U64FromKey(value.substr(0, kExpirySize))),
                 std::string(value.substr(kExpirySize))};
}

// Changes to several persons that become durable together. A person, number or code that was
// changed before is seen as changed. Used under the code book's lock.
class Changes {
 public:
  explicit Changes(Institution* institution)
      : institution_(institution), batch_(institution->database()) {}

  absl::Status ReadCounts() {
    NAKADACHI_ASSIGN_OR_RETURN(codes_, ReadCount(institution_->database(), kCountCodes));
    NAKADACHI_ASSIGN_OR_RETURN(pending_, ReadCount(institution_->database(), kCountPending));
    return absl::OkStatus();
  }

  absl::StatusOr<AcquisitionNumber> Issue(const AddresseeNumber& addressee);
  absl::Status Receive(const CodeBook::Arrival& arrival);
  absl::Status Protect(const AddresseeNumber& addressee, bool automatic_reply_disabled,
                       const std::vector<std::string>& withheld_items);
  absl::Status Forget(const std::string& number_key);

  absl::Status Commit() {
    if (!changed_) return absl::OkStatus();
    PutCount(kCountCodes, codes_, batch_);
    PutCount(kCountPending, pending_, batch_);
    return institution_->database().Commit(std::move(batch_));
  }

 private:
  // What is stored under a key, after the changes so far.
  absl::StatusOr<std::optional<std::string>> Get(const std::string& key) {
    const auto found = written_.find(key);
    if (found != written_.end()) return found->second;
    return institution_->database().Get(kCodes, key);
  }
  void Put(const std::string& key, std::string value) {
    changed_ = true;
    batch_.Put(kCodes, key, value);
    written_[key] = std::move(value);
  }
  void Delete(const std::string& key) {
    changed_ = true;
    batch_.Delete(kCodes, key);
    written_[key] = std::nullopt;
  }

  // A new record where there is none.
  absl::StatusOr<stored::v1::PersonCode> Person(const std::string& key, std::string addressee) {
    NAKADACHI_ASSIGN_OR_RETURN(const std::optional<std::string> value, Get(key));
    stored::v1::PersonCode person;
    if (value.has_value() && !person.ParseFromString(*value)) return Corrupt();
    person.set_addressee_number(std::move(addressee));
    return person;
  }

  std::string PersonKey(absl::string_view addressee) const {
    return CodesKey(kPerson, institution_->database().BlindKey(kBlindAddressee, addressee));
  }
  std::string NumberKey(absl::string_view number) const {
    return CodesKey(kAcquisition, institution_->database().BlindKey(kBlindAcquisition, number));
  }
  std::string CodeKey(absl::string_view code) const {
    return CodesKey(kCode, institution_->database().BlindKey(kBlindCode, code));
  }

  Institution* const institution_;
  storage::Batch batch_;
  absl::flat_hash_map<std::string, std::optional<std::string>> written_;
  uint64_t codes_ = 0;
  uint64_t pending_ = 0;
  bool changed_ = false;
};

absl::StatusOr<AcquisitionNumber> Changes::Issue(const AddresseeNumber& addressee) {
  const std::string key = PersonKey(addressee.Reveal());
  NAKADACHI_ASSIGN_OR_RETURN(stored::v1::PersonCode person, Person(key, addressee.Reveal()));
  if (!person.linkage_code().empty()) {
    return FieldError(absl::StatusCode::kAlreadyExists, "addressee_number", "already-acquired",
                      "the person's linkage code is held");
  }
  const int64_t now_ms = institution_->NowMs();
  if (!person.acquisition_number().empty()) {
    if (person.acquisition_expires_ms() > now_ms) {
      return AcquisitionNumber::Parse(person.acquisition_number());
    }
    Delete(NumberKey(person.acquisition_number()));
    --pending_;
  }
  const Platform& platform = institution_->platform();
  const AcquisitionNumber number = AcquisitionNumber::FromBytes(platform.random->Bytes<16>());
  const int64_t expires_ms = now_ms + platform.acquisition_lifetime_ms;
  person.set_acquisition_number(number.Reveal());
  person.set_acquisition_expires_ms(expires_ms);
  Put(key, person.SerializeAsString());
  Put(NumberKey(number.Reveal()),
      absl::StrCat(storage::KeyU64(static_cast<uint64_t>(expires_ms)), addressee.Reveal()));
  ++pending_;
  return number;
}

absl::Status Changes::Receive(const CodeBook::Arrival& arrival) {
  const std::string code_key = CodeKey(arrival.code.RevealBytes());
  NAKADACHI_ASSIGN_OR_RETURN(const std::optional<std::string> holder, Get(code_key));
  const std::string number_key = NumberKey(arrival.number.Reveal());
  NAKADACHI_ASSIGN_OR_RETURN(const std::optional<std::string> value, Get(number_key));
  if (!value.has_value()) return holder.has_value() ? absl::OkStatus() : UnknownNumber();
  NAKADACHI_ASSIGN_OR_RETURN(Pending pending, ParsePending(*value));
  if (pending.expires_ms <= institution_->NowMs()) return UnknownNumber();
  if (holder.has_value()) {
    return FieldError(absl::StatusCode::kAlreadyExists, "linkage_code", "code-held",
                      "the person's code is held under another addressee number: use that one, "
                      "or correct this individual number");
  }
  const std::string key = PersonKey(pending.addressee);
  NAKADACHI_ASSIGN_OR_RETURN(stored::v1::PersonCode person, Person(key, pending.addressee));
  person.set_linkage_code(std::string(arrival.code.RevealBytes()));
  person.clear_acquisition_number();
  person.clear_acquisition_expires_ms();
  Put(key, person.SerializeAsString());
  Put(code_key, std::move(pending.addressee));
  Delete(number_key);
  ++codes_;
  --pending_;
  return absl::OkStatus();
}

absl::Status Changes::Protect(const AddresseeNumber& addressee, bool automatic_reply_disabled,
                              const std::vector<std::string>& withheld_items) {
  const std::string key = PersonKey(addressee.Reveal());
  NAKADACHI_ASSIGN_OR_RETURN(stored::v1::PersonCode person, Person(key, addressee.Reveal()));
  person.set_automatic_reply_disabled(automatic_reply_disabled);
  person.clear_withheld_items();
  absl::flat_hash_set<absl::string_view> seen;
  for (const std::string& item : withheld_items) {
    if (seen.insert(item).second) person.add_withheld_items(item);
  }
  Put(key, person.SerializeAsString());
  return absl::OkStatus();
}

// The number may have been used or renewed since it was found.
absl::Status Changes::Forget(const std::string& number_key) {
  NAKADACHI_ASSIGN_OR_RETURN(const std::optional<std::string> value, Get(number_key));
  if (!value.has_value()) return absl::OkStatus();
  NAKADACHI_ASSIGN_OR_RETURN(const Pending pending, ParsePending(*value));
  const std::string key = PersonKey(pending.addressee);
  NAKADACHI_ASSIGN_OR_RETURN(stored::v1::PersonCode person, Person(key, pending.addressee));
  person.clear_acquisition_number();
  person.clear_acquisition_expires_ms();
  Put(key, person.SerializeAsString());
  Delete(number_key);
  --pending_;
  return absl::OkStatus();
}

}  // namespace

std::vector<absl::StatusOr<AcquisitionNumber>> CodeBook::IssueAcquisitionNumbers(
    const std::vector<AddresseeNumber>& persons) {
  std::vector<absl::StatusOr<AcquisitionNumber>> numbers;
  numbers.reserve(persons.size());
  absl::MutexLock lock(&mutex_);
  Changes changes(institution_);
  absl::Status status = changes.ReadCounts();
  for (const AddresseeNumber& person : persons) {
    if (!status.ok()) break;
    numbers.push_back(changes.Issue(person));
  }
  if (status.ok()) status = changes.Commit();
  if (!status.ok()) numbers.assign(persons.size(), status);
  return numbers;
}

std::vector<absl::Status> CodeBook::ReceiveCodes(const std::vector<Arrival>& arrivals) {
  std::vector<absl::Status> results;
  results.reserve(arrivals.size());
  absl::MutexLock lock(&mutex_);
  Changes changes(institution_);
  absl::Status status = changes.ReadCounts();
  for (const Arrival& arrival : arrivals) {
    if (!status.ok()) break;
    results.push_back(changes.Receive(arrival));
  }
  if (status.ok()) status = changes.Commit();
  if (!status.ok()) results.assign(arrivals.size(), status);
  return results;
}

absl::StatusOr<LinkageCode> CodeBook::CodeOf(const AddresseeNumber& person) {
  const std::string key = CodesKey(kPerson, institution_->PersonKey(person));
  NAKADACHI_ASSIGN_OR_RETURN(const std::optional<stored::v1::PersonCode> record,
                             ReadPerson(institution_->database(), key));
  if (!record.has_value() || record->linkage_code().empty()) {
    return FieldError(absl::StatusCode::kNotFound, "addressee_number", "no-linkage-code",
                      "no linkage code was acquired for the person");
  }
  return LinkageCode::FromBytes(record->linkage_code());
}

absl::StatusOr<std::optional<stored::v1::PersonCode>> CodeBook::PersonOf(const LinkageCode& code) {
  const storage::Database& database = institution_->database();
  const std::string code_key = CodesKey(kCode, database.BlindKey(kBlindCode, code.RevealBytes()));
  NAKADACHI_ASSIGN_OR_RETURN(const std::optional<std::string> addressee,
                             database.Get(kCodes, code_key));
  if (!addressee.has_value()) return std::optional<stored::v1::PersonCode>();
  const std::string key = CodesKey(kPerson, database.BlindKey(kBlindAddressee, *addressee));
  NAKADACHI_ASSIGN_OR_RETURN(std::optional<stored::v1::PersonCode> person,
                             ReadPerson(database, key));
  if (!person.has_value()) return Corrupt();
  return person;
}

absl::Status CodeBook::SetProtection(const AddresseeNumber& person, bool automatic_reply_disabled,
                                     const std::vector<std::string>& withheld_items) {
  const ListedItems items(*institution_->platform().directory, institution_->NowMs());
  for (size_t i = 0; i < withheld_items.size(); ++i) {
    NAKADACHI_RETURN_IF_ERROR(
        items.Check(withheld_items[i], absl::StrCat("withheld_items[", i, "]")));
  }
  absl::MutexLock lock(&mutex_);
  Changes changes(institution_);
  NAKADACHI_RETURN_IF_ERROR(changes.ReadCounts());
  NAKADACHI_RETURN_IF_ERROR(changes.Protect(person, automatic_reply_disabled, withheld_items));
  return changes.Commit();
}

absl::Status CodeBook::Sweep() {
  std::vector<std::string> past;
  absl::Status parsed;
  const int64_t now_ms = institution_->NowMs();
  NAKADACHI_RETURN_IF_ERROR(institution_->database().Scan(
      kCodes, absl::string_view(&kAcquisition, 1), absl::string_view(&kAcquisition, 1),
      [&](absl::string_view key, absl::string_view value) {
        const absl::StatusOr<Pending> pending = ParsePending(value);
        parsed = pending.status();
        if (pending.ok() && pending->expires_ms <= now_ms) past.emplace_back(key);
        return parsed.ok();
      }));
  NAKADACHI_RETURN_IF_ERROR(parsed);
  for (size_t start = 0; start < past.size(); start += kSweptAtOnce) {
    absl::MutexLock lock(&mutex_);
    Changes changes(institution_);
    NAKADACHI_RETURN_IF_ERROR(changes.ReadCounts());
    for (size_t i = start; i < past.size() && i < start + kSweptAtOnce; ++i) {
      NAKADACHI_RETURN_IF_ERROR(changes.Forget(past[i]));
    }
    NAKADACHI_RETURN_IF_ERROR(changes.Commit());
  }
  return absl::OkStatus();
}

}  // namespace nakadachi::intermediate
