#include "tools/bench/floors.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <memory>

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

}  // namespace

absl::StatusOr<double> MeasureSync(const std::string& folder, absl::Duration time) {
  const File file(folder + "/sync");
  bool good = file.Write(std::string(kSyncFileBytes, 'x'), 0) && file.Sync();
  const std::string bytes(kSyncBytes, 'y');
  std::vector<double> micros;
  const absl::Time end = absl::Now() + time;
  for (size_t at = 0; good && absl::Now() < end; at += kSyncBytes) {
    const absl::Time start = absl::Now();
    good = file.Write(bytes, at % kSyncFileBytes) && file.Sync();
    micros.push_back(absl::ToDoubleMicroseconds(absl::Now() - start));
  }
  if (!good) return absl::UnavailableError(absl::StrCat("cannot write and sync in ", folder));
  return Median(std::move(micros));
}

SignatureCost MeasureSignatures(absl::Duration time) {
  const Ed25519PrivateKey key = Ed25519PrivateKey::Generate(SystemRandom());
  const std::string message(kCheckpointBytes, 'm');
  const Ed25519Signature signature = key.Sign(message);
  const absl::string_view bytes(reinterpret_cast<const char*>(signature.data()), signature.size());
  SignatureCost cost;
  cost.sign_us = TimeEach(time / 2, [&] { key.Sign(message); });
  cost.verify_us =
      TimeEach(time / 2, [&] { NAKADACHI_CHECK(Ed25519Verify(key.public_key(), message, bytes)); });
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
  uint64_t records = 0;
  const absl::Time start = absl::Now();
  while (absl::Now() - start < time) {
    storage::Batch batch(*database);
    for (size_t i = 0; i < kSetsPerBatch; ++i, ++key) {
      const v1::ReplicaSet& set = entries[key % entries.size()].set();
      const std::string name = storage::KeyU64(key);
      batch.Put(0, name, seal.Seal(nonce, set.SerializeAsString(), name));
      records += static_cast<uint64_t>(set.records_size());
    }
    NAKADACHI_RETURN_IF_ERROR(database->Commit(std::move(batch)));
  }
  return static_cast<double>(records) / absl::ToDoubleSeconds(absl::Now() - start);
}

}  // namespace nakadachi::bench
