#include "tests/integration/town.h"
#include "tools/simulator/population.h"

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "common/base/check.h"
#include "common/crypto/key_file.h"
#include "common/rpc/channel.h"
#include "common/rpc/config.h"
#include "common/rpc/status_mapping.h"
#include "nakadachi/v1/config.pb.h"
#include "server/broker/model/code_deriver.h"
#include "tools/simulator/built_in.h"

namespace nakadachi::integration {
namespace {

void Must(const absl::Status& status) {
  if (!status.ok()) absl::FPrintF(stderr, "%s\n", status.ToString());
  NAKADACHI_CHECK(status.ok());
}

std::string FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

bool Eventually(const std::function<bool()>& done, absl::Duration limit) {
  const absl::Time give_up = absl::Now() + limit;
  while (!done()) {
    if (absl::Now() > give_up) return false;
    absl::SleepFor(absl::Milliseconds(5));
  }
  return true;
}

Town::Town(simulator::Mode mode, const std::function<void(simulator::NetworkOptions&)>& change,
           const std::string& below)
    : folder_(below) {
  simulator::NetworkOptions options;
  options.folder = folder_ / "network";
  options.mode = mode;
  options.bin_folder = FromEnvironment("NAKADACHI_BIN_DIR");
  options.permission_list_csv = simulator::kJapanList;
  if (change != nullptr) change(options);
  auto network = simulator::Network::Start(options);
  Must(network.status());
  network_ = *std::move(network);
}

Town::~Town() { network_.reset(); }

std::string Town::KeyEncryptionKey(const std::string& process) const {
  return absl::StrCat(folder_ / "network/", process, "/key-encryption-key");
}

void Town::AddPlatform(const std::string& name, const std::vector<std::string>& codes) {
  std::vector<simulator::InstitutionSpec> specs;
  for (const std::string& code : codes) {
    const LocalGovernmentCode parsed = City(code);
    specs.push_back({parsed, absl::StrCat("institution ", code),
                     parsed.IsPrefecture() ? "prefecture" : "municipality"});
    institutions_.push_back(code);
  }
  Must(network_->AddPlatform(name, specs));
  Must(network_->WaitForDirectory(absl::Seconds(30)));
}

size_t Town::AddPerson(const std::string& home) {
  const uint64_t serial = 90'000'000'000 + 7'919 * (persons_.size() + 1);
  persons_.push_back({absl::StrFormat("会津　試験子%06d", persons_.size() + 1),
                      IndividualNumber::FromSerial(serial),
                      ResidentCode::FromSerial(serial / 10),
                      {},
                      {}});
  const Person& person = persons_.back();
  v1::RegisterResidentsRequest request;
  request.set_municipality(home);
  auto& entry = *request.add_entries();
  entry.set_individual_number(person.individual_number.Reveal());
  entry.set_resident_code(person.resident_code.Reveal());
  const auto response = network_->Juki(City(home))->RegisterResidents(request);
  Must(response.status());
  Must(rpc::FromBytes(response->errors(0)));
  return persons_.size() - 1;
}

void Town::NumberOnly(size_t person, const std::string& institution) {
  // Numbers of different institutions differ, so that one that crosses is noticed.
  const std::string digits = absl::StrFormat("%015d", 100'000'007 * ++last_number_);
  persons_[person].numbers.emplace(institution, AddresseeNumber::Parse(digits).value());
}

void Town::Enroll(size_t person, const std::string& institution) {
  NumberOnly(person, institution);
  const auto statuses =
      network_->Municipality(City(institution))
          ->AcquireCodes(
              *network_->Juki(City(institution)),
              {{persons_[person].numbers.at(institution), persons_[person].individual_number}});
  Must(statuses.status());
  Must(statuses->at(0));
}

void Town::Register(size_t person, const std::string& provider, int records) {
  v1::ReplicaSet& set = persons_[person].registered[provider];
  set.set_item("immunization");
  set.set_source_version(set.source_version() + 1);
  set.set_source_time_ms(network_->clock().NowMs());
  set.clear_records();
  for (int i = 0; i < records; ++i) {
    v1::ReplicaRecord& record = *set.add_records();
    record.set_item(set.item());
    record.set_record_id(absl::StrFormat("record-%s-%04d-%d", provider, person, i));
    v1::Vaccination& dose = *record.mutable_vaccination();
    dose.set_vaccine_kind("20001");
    dose.set_dose(1);
    dose.mutable_date()->set_yyyymmdd(absl::StrFormat("20%02d1015", 10 + i));
    dose.set_lot(absl::StrFormat("LOT%s%04d%04d", provider, person, i));
    dose.set_physician(absl::StrFormat("DR-%s-%04d", provider, person));
    dose.set_done(true);
    dose.set_municipality(provider);
  }
  v1::ReplicaEntry entry;
  entry.set_addressee_number(persons_[person].numbers.at(provider).Reveal());
  *entry.mutable_set() = set;
  const auto statuses = network_->Municipality(City(provider))->RegisterReplicas({entry});
  Must(statuses.status());
  Must(statuses->at(0));
}

std::unique_ptr<client::MunicipalConnection> Town::Connect(
    const std::string& institution, const client::RetryPolicy& policy) const {
  v1::ProfileConfig profile;
  Must(rpc::LoadConfig(network_->ProfilePath(City(institution)), &profile));
  auto tls = rpc::ReadTls(profile.tls(), folder_.path());
  Must(tls.status());
  return client::ConnectMunicipal(
      {profile.intermediate().address(), profile.intermediate().tls_name(), *std::move(tls)},
      policy);
}

v1::QueryRequest Town::Question(size_t person, const std::string& requester,
                                const std::string& provider) const {
  v1::QueryRequest question = network_->Municipality(City(requester))
                                  ->NewQuery(persons_[person].numbers.at(requester), City(provider),
                                             "immunization", {"immunization"});
  question.set_department("health");
  question.set_staff_pseudonym(absl::StrCat("staff-of-", requester));
  return question;
}

absl::StatusOr<v1::QueryResponse> Town::Ask(const v1::QueryRequest& question) {
  return network_->Municipality(City(question.municipality()))->connection().Query(question);
}

bool Town::IsWhatWasRegistered(const v1::QueryResponse& answer, size_t person,
                               const std::string& provider) const {
  const auto registered = persons_[person].registered.find(provider);
  return registered != persons_[person].registered.end() && answer.sets_size() == 1 &&
         simulator::IsWhatWasRegistered(answer.sets(0), registered->second);
}

LinkageCode Town::CodeOf(size_t person, const std::string& institution) const {
  const broker::CodeDeriver deriver(LoadHexSecret(folder_ / "network/broker/code-key").value());
  return deriver.CodeFor(deriver.Identify(persons_[person].resident_code), City(institution));
}

}  // namespace nakadachi::integration
