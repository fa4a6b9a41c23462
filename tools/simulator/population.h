// Synthetic residents: Japanese names, numbers with right check digits, immunisation histories
// that the schedules of their years make plausible. The same seed gives the same people. Nobody
// real is meant: names are common words drawn at random, numbers are drawn from a reserved range.
#ifndef NAKADACHI_TOOLS_SIMULATOR_POPULATION_H_
#define NAKADACHI_TOOLS_SIMULATOR_POPULATION_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/time/civil_time.h"
#include "common/base/ids.h"
#include "common/base/random.h"
#include "nakadachi/v1/vaccination.pb.h"

namespace nakadachi::simulator {

// Reproducible bytes, for populations only: never for keys, salts or nonces.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : engine_(seed) {}
  void Fill(uint8_t* out, size_t size) override;
  // Uniform in [0, bound).
  uint64_t Below(uint64_t bound);

 private:
  std::mt19937_64 engine_;
};

struct Resident {
  std::string name;  // kanji, family and given name apart by an ideographic space
  std::string kana;
  bool female = false;
  absl::CivilDay born;
  IndividualNumber individual_number;
  ResidentCode resident_code;
};

class Population {
 public:
  explicit Population(uint64_t seed) : random_(seed) {}

  // A new resident, alive on `today`, with numbers that no other resident of this object has.
  Resident NewResident(absl::CivilDay today);

  // What a health management system would hold of the resident on `today`: a set for item
  // "immunization" and, in some cases, one for "special-measures-immunization" (COVID-19 doses
  // given as special temporary vaccination, until 2024-03-31). Empty sets are left out.
  std::vector<v1::ReplicaSet> History(const Resident& resident,
                                      const LocalGovernmentCode& municipality,
                                      absl::CivilDay today);

 private:
  SeededRandom random_;
  uint64_t next_serial_ = 0;
};

// True where a requester received what the provider registered: all is the same but the records'
// ids, which are of the requester's alone.
bool IsWhatWasRegistered(v1::ReplicaSet received, v1::ReplicaSet registered);

}  // namespace nakadachi::simulator

#endif  // NAKADACHI_TOOLS_SIMULATOR_POPULATION_H_
