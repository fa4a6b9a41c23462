// A whole network in a folder of its own, and persons of whom a test knows every number and word.
#ifndef NAKADACHI_TESTS_INTEGRATION_TOWN_H_
#define NAKADACHI_TESTS_INTEGRATION_TOWN_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "tests/integration/needles.h"
#include "tests/support/temporary_folder.h"
#include "tools/simulator/network.h"

namespace nakadachi::integration {

inline constexpr char kAizu[] = "072028";
inline constexpr char kSendai[] = "041009";
inline constexpr char kKoriyama[] = "072036";
inline constexpr char kFukushima[] = "070009";  // the prefecture

inline LocalGovernmentCode City(const std::string& code) {
  return LocalGovernmentCode::Parse(code).value();
}

struct Person {
  std::string name;
  IndividualNumber individual_number;
  ResidentCode resident_code;
  std::map<std::string, AddresseeNumber> numbers;    // by institution
  std::map<std::string, v1::ReplicaSet> registered;  // by provider
};

// Waits until `done`, looking again and again; false after `limit`.
bool Eventually(const std::function<bool()>& done, absl::Duration limit = absl::Seconds(30));

// Anything that fails while it is set up ends the program: there is nothing to test then. The
// network lies in a new folder below `below`; empty: $TMPDIR or /tmp.
class Town {
 public:
  explicit Town(simulator::Mode mode,
                const std::function<void(simulator::NetworkOptions&)>& change = nullptr,
                const std::string& below = "");
  ~Town();

  simulator::Network& network() { return *network_; }
  const std::string& folder() const { return folder_.path(); }
  std::string KeyEncryptionKey(const std::string& process) const;

  // `codes` share a process of that name.
  void AddPlatform(const std::string& name, const std::vector<std::string>& codes);

  // Registered at juki net by `home`. Known nowhere else yet.
  size_t AddPerson(const std::string& home);
  // The institution takes the person up and acquires a linkage code.
  void Enroll(size_t person, const std::string& institution);
  // As Enroll, but no code.
  void NumberOnly(size_t person, const std::string& institution);
  // `records` vaccinations whose words name the person and the provider.
  void Register(size_t person, const std::string& provider, int records);
  const Person& person(size_t index) const { return persons_[index]; }
  size_t persons() const { return persons_.size(); }

  // The institution's own systems with another patience than the network's own client has.
  std::unique_ptr<client::MunicipalConnection> Connect(const std::string& institution,
                                                       const client::RetryPolicy& policy) const;

  v1::QueryRequest Question(size_t person, const std::string& requester,
                            const std::string& provider) const;
  absl::StatusOr<v1::QueryResponse> Ask(const v1::QueryRequest& question);
  // What the answer must be made of where the person's set is provided.
  bool IsWhatWasRegistered(const v1::QueryResponse& answer, size_t person,
                           const std::string& provider) const;

  // Derived as the broker derives it, from its code key.
  LinkageCode CodeOf(size_t person, const std::string& institution) const;

 private:
  const TemporaryFolder folder_;
  std::unique_ptr<simulator::Network> network_;
  std::vector<Person> persons_;
  std::vector<std::string> institutions_;
  uint64_t last_number_ = 0;
};

}  // namespace nakadachi::integration

#endif  // NAKADACHI_TESTS_INTEGRATION_TOWN_H_
