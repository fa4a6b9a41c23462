// What juki net's database holds, and under which keys: the only place that knows. Every number of
// a person is hashed under the data key where it is a key, and sealed where it is a value.
#ifndef NAKADACHI_SERVER_JUKI_STORE_JUKI_STORE_H_
#define NAKADACHI_SERVER_JUKI_STORE_JUKI_STORE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/ids.h"
#include "common/storage/database.h"
#include "nakadachi/stored/v1/juki.pb.h"

namespace nakadachi::juki {

// Thread-safe.
class JukiStore {
 public:
  // Owner and column families are the store's own.
  static absl::StatusOr<std::unique_ptr<JukiStore>> Open(storage::OpenOptions options);

  std::string PersonKey(const IndividualNumber& number) const;
  std::string CodeKey(const ResidentCode& code) const;
  std::string AcquisitionKey(const AcquisitionNumber& number) const;
  std::string PartyKey(const LocalGovernmentCode& institution, const ResidentCode& person) const;

  absl::StatusOr<uint64_t> Residents() const;
  absl::StatusOr<uint64_t> Acquisitions() const;

  // Reads and changes that see each other and become durable together. One round at a time: a
  // second waits for the first to be destroyed. Not thread-safe. Reads fail with DATA_LOSS only.
  class Round {
   public:
    explicit Round(JukiStore& store);

    absl::StatusOr<std::optional<stored::v1::Resident>> FindResident(const std::string& person_key);
    absl::StatusOr<std::optional<stored::v1::CodeHolder>> FindHolder(const std::string& code_key);
    absl::Status AddResident(const std::string& person_key, const std::string& code_key,
                             const stored::v1::Resident& resident);
    void UpdateResident(const std::string& person_key, const stored::v1::Resident& resident);
    // The resident is held under another individual number from now on.
    void RenameResident(const std::string& old_person_key, const std::string& person_key,
                        const std::string& code_key, const stored::v1::Resident& resident);

    absl::StatusOr<std::optional<stored::v1::Acquisition>> FindAcquisition(
        const std::string& acquisition_key);
    void PutAcquisition(const std::string& acquisition_key, const stored::v1::Acquisition& value);
    absl::StatusOr<std::optional<stored::v1::Acquired>> FindAcquired(const std::string& party_key);
    // The acquisition has succeeded: it dies, and the party is remembered.
    absl::Status Succeed(const std::string& acquisition_key,
                         const stored::v1::Acquisition& acquisition);

    // Forgets at most `limit` acquisition numbers whose life is over at `now_ms`. How many.
    absl::StatusOr<size_t> Sweep(int64_t now_ms, size_t limit);

    // Durable on return. At most once.
    absl::Status Commit();

   private:
    template <typename Message>
    absl::StatusOr<std::optional<Message>> Find(int family, const std::string& key);
    absl::StatusOr<std::optional<std::string>> Get(int family, const std::string& key);
    void Put(int family, const std::string& key, const std::string& value);
    void Delete(int family, const std::string& key);
    absl::Status Count(const std::string& counter);

    JukiStore& store_;
    absl::MutexLock lock_;
    storage::Batch batch_;
    std::map<std::pair<int, std::string>, std::optional<std::string>> changed_;
  };

 private:
  explicit JukiStore(std::unique_ptr<storage::Database> database)
      : database_(std::move(database)) {}
  absl::StatusOr<uint64_t> ReadCounter(const std::string& counter) const;

  const std::unique_ptr<storage::Database> database_;
  absl::Mutex round_mutex_;
};

}  // namespace nakadachi::juki

#endif  // NAKADACHI_SERVER_JUKI_STORE_JUKI_STORE_H_
