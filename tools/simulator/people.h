// The residents of a running scenario: who lives where, under which numbers, and what each
// institution has registered of them.
#ifndef NAKADACHI_TOOLS_SIMULATOR_PEOPLE_H_
#define NAKADACHI_TOOLS_SIMULATOR_PEOPLE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/simulator/network.h"
#include "tools/simulator/population.h"

namespace nakadachi::simulator {

struct Person {
  Resident resident;
  LocalGovernmentCode home;
  std::map<LocalGovernmentCode, AddresseeNumber> numbers;
  std::map<LocalGovernmentCode, std::vector<v1::ReplicaSet>> registered;
};

// A person's place in People; stays right as more join.
using PersonIndex = size_t;

// Not thread-safe.
class People {
 public:
  People(Network* network, uint64_t seed) : network_(network), population_(seed), random_(seed) {}

  const Person& Get(PersonIndex index) const { return people_[index]; }
  size_t size() const { return people_.size(); }

  // New residents with plausible histories: registered at juki net, codes acquired, replicas
  // loaded.
  absl::StatusOr<std::vector<PersonIndex>> Settle(const LocalGovernmentCode& home, size_t count);
  struct Single {
    bool acquire_code = true;
    int records = -1;  // -1: a plausible history
  };
  absl::StatusOr<PersonIndex> SettleOne(const LocalGovernmentCode& home, const Single& how);

  // The institution takes the persons into its addressee system and acquires their codes.
  absl::Status Enroll(const std::vector<PersonIndex>& persons, const LocalGovernmentCode& code);
  absl::Status Move(const std::vector<PersonIndex>& persons, const LocalGovernmentCode& to);
  // `count` residents of `from` drawn at random.
  absl::StatusOr<std::vector<PersonIndex>> DrawResidents(const LocalGovernmentCode& from,
                                                         size_t count);
  // A newer version: one more record of the first set, or a first one.
  absl::Status Correct(PersonIndex person, const LocalGovernmentCode& code);

 private:
  PersonIndex AddPerson(const LocalGovernmentCode& home);
  AddresseeNumber NextNumber(const LocalGovernmentCode& code);
  absl::Status RegisterAtJuki(const std::vector<PersonIndex>& persons,
                              const LocalGovernmentCode& home);
  absl::Status AcquireCodes(const std::vector<PersonIndex>& persons,
                            const LocalGovernmentCode& code);
  absl::Status LoadReplicas(const std::vector<PersonIndex>& persons,
                            const LocalGovernmentCode& code);
  absl::CivilDay Today() const;

  Network* network_;
  Population population_;
  SeededRandom random_;
  std::vector<Person> people_;
  std::map<LocalGovernmentCode, uint64_t> last_number_;
};

}  // namespace nakadachi::simulator

#endif  // NAKADACHI_TOOLS_SIMULATOR_PEOPLE_H_
