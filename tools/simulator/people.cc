#include "tools/simulator/people.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/status.h"
#include "common/permission/permission_list.h"
#include "common/rpc/status_mapping.h"

namespace nakadachi::simulator {
namespace {

constexpr size_t kJukiBatch = 1000;
constexpr char kRoutineItem[] = "immunization";

absl::Status UnknownInstitution() {
  return FieldError(absl::StatusCode::kNotFound, "code", "unknown-institution",
                    "no such institution has joined");
}

absl::Status FirstError(const std::vector<absl::Status>& statuses) {
  for (const absl::Status& status : statuses) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

void AddPlainDose(v1::ReplicaSet& set, const LocalGovernmentCode& code, absl::CivilDay day) {
  const int number = set.records_size() + 1;
  v1::ReplicaRecord& record = *set.add_records();
  record.set_item(set.item());
  record.set_record_id(absl::StrCat("20001-", number));
  v1::Vaccination& dose = *record.mutable_vaccination();
  dose.set_vaccine_kind("20001");
  dose.set_dose(1);
  dose.mutable_date()->set_yyyymmdd(
      absl::StrFormat("%04d1015", static_cast<int>(day.year()) - number));
  dose.set_manufacturer("デンカ");
  dose.set_lot(absl::StrFormat("FL%04d", number));
  dose.set_volume_ml("0.50");
  dose.set_place("市民保健センター");
  dose.set_physician("会津 一郎");
  dose.set_done(true);
  dose.set_municipality(code.ToString());
}

}  // namespace

absl::CivilDay People::Today() const { return permission::JapanDay(network_->clock().NowMs()); }

PersonIndex People::AddPerson(const LocalGovernmentCode& home) {
  people_.push_back({population_.NewResident(Today()), home, {}, {}});
  return people_.size() - 1;
}

AddresseeNumber People::NextNumber(const LocalGovernmentCode& code) {
  const std::string digits = absl::StrFormat("%010d", ++last_number_[code]);
  return *AddresseeNumber::Parse(digits);
}

absl::StatusOr<std::vector<PersonIndex>> People::Settle(const LocalGovernmentCode& home,
                                                        size_t count) {
  std::vector<PersonIndex> persons;
  for (size_t i = 0; i < count; ++i) {
    const PersonIndex person = AddPerson(home);
    people_[person].registered[home] = population_.History(people_[person].resident, home, Today());
    persons.push_back(person);
  }
  NAKADACHI_RETURN_IF_ERROR(RegisterAtJuki(persons, home));
  NAKADACHI_RETURN_IF_ERROR(Enroll(persons, home));
  NAKADACHI_RETURN_IF_ERROR(LoadReplicas(persons, home));
  return persons;
}

absl::StatusOr<PersonIndex> People::SettleOne(const LocalGovernmentCode& home, const Single& how) {
  const PersonIndex person = AddPerson(home);
  std::vector<v1::ReplicaSet> sets;
  if (how.records < 0) {
    sets = population_.History(people_[person].resident, home, Today());
  } else if (how.records > 0) {
    v1::ReplicaSet set;
    set.set_item(kRoutineItem);
    set.set_source_version(1);
    set.set_source_time_ms(network_->clock().NowMs());
    for (int i = 0; i < how.records; ++i) AddPlainDose(set, home, Today());
    sets.push_back(std::move(set));
  }
  people_[person].registered[home] = std::move(sets);
  NAKADACHI_RETURN_IF_ERROR(RegisterAtJuki({person}, home));
  if (how.acquire_code) {
    NAKADACHI_RETURN_IF_ERROR(Enroll({person}, home));
  } else {
    people_[person].numbers.emplace(home, NextNumber(home));
  }
  NAKADACHI_RETURN_IF_ERROR(LoadReplicas({person}, home));
  return person;
}

absl::Status People::Enroll(const std::vector<PersonIndex>& persons,
                            const LocalGovernmentCode& code) {
  std::vector<PersonIndex> fresh;
  for (const PersonIndex person : persons) {
    if (people_[person].numbers.count(code) > 0) continue;
    people_[person].numbers.emplace(code, NextNumber(code));
    fresh.push_back(person);
  }
  return AcquireCodes(fresh, code);
}

absl::Status People::Move(const std::vector<PersonIndex>& persons, const LocalGovernmentCode& to) {
  NAKADACHI_RETURN_IF_ERROR(Enroll(persons, to));
  for (const PersonIndex person : persons) people_[person].home = to;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<PersonIndex>> People::DrawResidents(const LocalGovernmentCode& from,
                                                               size_t count) {
  std::vector<PersonIndex> residents;
  for (PersonIndex i = 0; i < people_.size(); ++i) {
    if (people_[i].home == from) residents.push_back(i);
  }
  if (residents.size() < count) {
    return FieldError(absl::StatusCode::kFailedPrecondition, "n", "too-many",
                      absl::StrCat("only ", residents.size(), " live there"));
  }
  for (size_t i = 0; i < count; ++i) {
    std::swap(residents[i], residents[i + random_.Below(residents.size() - i)]);
  }
  residents.resize(count);
  return residents;
}

absl::Status People::Correct(PersonIndex person, const LocalGovernmentCode& code) {
  std::vector<v1::ReplicaSet>& sets = people_[person].registered[code];
  if (sets.empty()) {
    sets.emplace_back().set_item(kRoutineItem);
  }
  v1::ReplicaSet& set = sets.front();
  AddPlainDose(set, code, Today() - 366 * 10);
  set.set_source_version(set.source_version() + 1);
  set.set_source_time_ms(network_->clock().NowMs());
  return LoadReplicas({person}, code);
}

absl::Status People::RegisterAtJuki(const std::vector<PersonIndex>& persons,
                                    const LocalGovernmentCode& home) {
  client::JukiConnection* juki = network_->Juki(home);
  if (juki == nullptr) return UnknownInstitution();
  for (size_t begin = 0; begin < persons.size(); begin += kJukiBatch) {
    v1::RegisterResidentsRequest request;
    request.set_municipality(home.ToString());
    const size_t end = std::min(begin + kJukiBatch, persons.size());
    for (size_t i = begin; i < end; ++i) {
      const Resident& resident = people_[persons[i]].resident;
      auto& entry = *request.add_entries();
      entry.set_individual_number(resident.individual_number.Reveal());
      entry.set_resident_code(resident.resident_code.Reveal());
    }
    NAKADACHI_ASSIGN_OR_RETURN(const auto response, juki->RegisterResidents(request));
    for (const std::string& error : response.errors()) {
      NAKADACHI_RETURN_IF_ERROR(rpc::FromBytes(error));
    }
  }
  return absl::OkStatus();
}

absl::Status People::AcquireCodes(const std::vector<PersonIndex>& persons,
                                  const LocalGovernmentCode& code) {
  client::MunicipalClient* office = network_->Municipality(code);
  if (office == nullptr) return UnknownInstitution();
  std::vector<client::MunicipalClient::Person> asked;
  asked.reserve(persons.size());
  for (const PersonIndex person : persons) {
    asked.push_back({people_[person].numbers.at(code), people_[person].resident.individual_number});
  }
  NAKADACHI_ASSIGN_OR_RETURN(const auto statuses,
                             office->AcquireCodes(*network_->Juki(code), asked));
  return FirstError(statuses);
}

absl::Status People::LoadReplicas(const std::vector<PersonIndex>& persons,
                                  const LocalGovernmentCode& code) {
  std::vector<v1::ReplicaEntry> entries;
  for (const PersonIndex person : persons) {
    for (const v1::ReplicaSet& set : people_[person].registered[code]) {
      v1::ReplicaEntry& entry = entries.emplace_back();
      entry.set_addressee_number(people_[person].numbers.at(code).Reveal());
      *entry.mutable_set() = set;
    }
  }
  if (entries.empty()) return absl::OkStatus();
  NAKADACHI_ASSIGN_OR_RETURN(const auto statuses,
                             network_->Municipality(code)->RegisterReplicas(entries));
  return FirstError(statuses);
}

}  // namespace nakadachi::simulator
