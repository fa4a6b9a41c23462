// Replica sets for tests.
#ifndef NAKADACHI_TESTS_SERVER_INTERMEDIATE_REPLICA_SETS_H_
#define NAKADACHI_TESTS_SERVER_INTERMEDIATE_REPLICA_SETS_H_

#include <cstdint>
#include <string>

#include "nakadachi/v1/vaccination.pb.h"

namespace nakadachi::intermediate {

inline v1::ReplicaSet ImmunizationSet(uint64_t version, int seed, int records = 3) {
  v1::ReplicaSet set;
  set.set_item("immunization");
  set.set_source_version(version);
  set.set_source_time_ms(1'700'000'000'000 + static_cast<int64_t>(version));
  for (int i = 0; i < records; ++i) {
    v1::ReplicaRecord& record = *set.add_records();
    record.set_item(set.item());
    record.set_record_id("dose-" + std::to_string(i));
    v1::Vaccination& vaccination = *record.mutable_vaccination();
    vaccination.set_vaccine_kind("30001");
    vaccination.set_dose(static_cast<uint32_t>(i % 7 + 1));
    vaccination.mutable_date()->set_yyyymmdd("2021060" + std::to_string(i % 9 + 1));
    vaccination.set_manufacturer("ファイザー");
    vaccination.set_lot("LOT" + std::to_string(seed));
    vaccination.set_volume_ml("0.30");
    vaccination.set_place("仙台市民センター");
    vaccination.set_physician("佐藤 花子");
    vaccination.set_done(true);
    vaccination.set_ticket_number("0000000001");
    vaccination.set_municipality("041009");
  }
  return set;
}

inline v1::ReplicaSet OtherSet(const std::string& item, uint64_t version) {
  v1::ReplicaSet set;
  set.set_item(item);
  set.set_source_version(version);
  set.set_source_time_ms(1'700'000'000'000);
  v1::ReplicaRecord& record = *set.add_records();
  record.set_item(item);
  record.set_record_id("1");
  v1::OtherInformation::Entry& entry = *record.mutable_other()->add_entries();
  entry.set_name("amount");
  entry.set_value(std::to_string(version));
  return set;
}

// A set's bytes but for the records' ids, which are others for each requester.
inline std::string WithoutIds(v1::ReplicaSet set) {
  for (v1::ReplicaRecord& record : *set.mutable_records()) record.clear_record_id();
  return set.SerializeAsString();
}

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_TESTS_SERVER_INTERMEDIATE_REPLICA_SETS_H_
