#include "tools/bench/floors.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"
#include "common/storage/database.h"
#include "tools/bench/load.h"

namespace nakadachi::bench {
namespace {

constexpr size_t kSyncBytes = 1024;
constexpr size_t kSyncFileBytes = 4 << 20;
constexpr size_t kCheckpointBytes = 160;
constexpr int kShortRounds = 5;
// As many sets as a client sends at once.
constexpr size_t kSetsPerBatch = 200;

class File {
 public:
  explicit File(const std::string& path) : path_(path) {
    file_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  }
  ~File() {
    if (file_ < 0) return;
    close(file_);
    unlink(path_.c_str());
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool Write(const std::string& bytes, size_t offset) const {
    return pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(offset)) ==
           static_cast<ssize_t>(bytes.size());
  }
  bool Sync() const { return fdatasync(file_) == 0; }

 private:
  const std::string path_;
  int file_;
};

// Microseconds a call.
template <typename Work>
double TimeEach(absl::Duration time, const Work& work) {
  const absl::Time start = absl::Now();
  int64_t times = 0;
  absl::Duration taken;
  do {
    work();
    ++times;
    taken = absl::Now() - start;
  } while (taken < time);
  return absl::ToDoubleMicroseconds(taken) / static_cast<double>(times);
}

// Microseconds a call, in the best of the rounds.
template <typename Work>
double LeastOfEach(absl::Duration time, const Work& work) {
  double least = std::numeric_limits<double>::infinity();
  for (int round = 0; round < kShortRounds; ++round)
    least = std::min(least, TimeEach(time / kShortRounds, work));
  return least;
}

// The median of one round; each write goes behind the last one. False where the disk fails.
bool SyncRound(const File& file, absl::Duration time, size_t* at, double* median) {
  const std::string bytes(kSyncBytes, 'y');
  std::vector<double> micros;
  const absl::Time end = absl::Now() + time;
  do {
    const absl::Time start = absl::Now();
    if (!file.Write(bytes, *at % kSyncFileBytes) || !file.Sync()) return false;
    micros.push_back(absl::ToDoubleMicroseconds(absl::Now() - start));
    *at += kSyncBytes;
  } while (absl::Now() < end);
  *median = Median(std::move(micros));
  return true;
}

// A second, of what each call says that it did.
absl::StatusOr<double> RateOf(absl::Duration time,
                              const std::function<absl::StatusOr<uint64_t>()>& work) {
  const absl::Time start = absl::Now();
  uint64_t done = 0;
  do {
    NAKADACHI_ASSIGN_OR_RETURN(const uint64_t more, work());
    done += more;
  } while (absl::Now() - start < time);
  return static_cast<double>(done) / absl::ToDoubleSeconds(absl::Now() - start);
}

}  // namespace

absl::StatusOr<double> MeasureSync(const std::string& folder, absl::Duration time) {
  const File file(folder + "/sync");
  bool good = file.Write(std::string(kSyncFileBytes, 'x'), 0) && file.Sync();
  double least = std::numeric_limits<double>::infinity();
  size_t at = 0;
  for (int round = 0; good && round < kShortRounds; ++round) {
    double median = 0;
    good = SyncRound(file, time / kShortRounds, &at, &median);
    least = std::min(least, median);
  }
  if (!good) return absl::UnavailableError(absl::StrCat("cannot write and sync in ", folder));
  return least;
}

SignatureCost MeasureSignatures(absl::Duration time) {
  const Ed25519PrivateKey key = Ed25519PrivateKey::Generate(SystemRandom());
  const std::string message(kCheckpointBytes, 'm');
  const Ed25519Signature signature = key.Sign(message);
  const absl::string_view bytes(reinterpret_cast<const char*>(signature.data()), signature.size());
  SignatureCost cost;
  cost.sign_us = LeastOfEach(time / 2, [&] { key.Sign(message); });
  cost.verify_us = LeastOfEach(
      time / 2, [&] { NAKADACHI_CHECK(Ed25519Verify(key.public_key(), message, bytes)); });
  return cost;
}

absl::StatusOr<double> MeasureSealAndWrite(const std::string& folder,
                                           const std::vector<v1::ReplicaEntry>& entries,
                                           absl::Duration time) {
  const auto provider = storage::MakeMemoryKeyProvider(Secret::Generate(SystemRandom(), 32));
  storage::OpenOptions options;
  options.path = folder + "/sealed-and-written";
  options.owner = "floor";
  options.families = {{"plain", storage::Form::kPlain}};
  options.environment = storage::Environment::Create(size_t{256} << 20);
  options.key_provider = provider.get();
  options.random = &SystemRandom();
  NAKADACHI_ASSIGN_OR_RETURN(const auto database, storage::Database::Open(options));
  const Aead seal(Secret::Generate(SystemRandom(), 32));
  const std::string nonce(Aead::kNonceSize, '\0');

  uint64_t key = 0;
  const auto write_a_batch = [&]() -> absl::StatusOr<uint64_t> {
    uint64_t records = 0;
    storage::Batch batch(*database);
    for (size_t i = 0; i < kSetsPerBatch; ++i, ++key) {
      const v1::ReplicaSet& set = entries[key % entries.size()].set();
      const std::string name = storage::KeyU64(key);
      batch.Put(0, name, seal.Seal(nonce, set.SerializeAsString(), name));
      records += static_cast<uint64_t>(set.records_size());
    }
    NAKADACHI_RETURN_IF_ERROR(database->Commit(std::move(batch)));
    return records;
  };
  double most = 0;
  for (int round = 0; round < kShortRounds; ++round) {
    NAKADACHI_ASSIGN_OR_RETURN(const double rate, RateOf(time / kShortRounds, write_a_batch));
    most = std::max(most, rate);
  }
  return most;
}

}  // namespace nakadachi::bench
