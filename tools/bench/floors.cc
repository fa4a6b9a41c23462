#include "tools/bench/floors.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <utility>

#include "absl/time/clock.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"
#include "common/storage/database.h"
#include "tools/bench/load.h"
#include "tools/bench/record_file.h"

namespace nakadachi::bench {
namespace {

constexpr int kShortRounds = 5;
// As many sets as a client sends at once.
constexpr size_t kSetsPerBatch = 200;

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

// The median of one round.
absl::StatusOr<double> SyncRound(RecordFile& file, absl::Duration time) {
  std::vector<double> micros;
  const absl::Time end = absl::Now() + time;
  do {
    const absl::Time start = absl::Now();
    NAKADACHI_RETURN_IF_ERROR(file.Write());
    micros.push_back(absl::ToDoubleMicroseconds(absl::Now() - start));
  } while (absl::Now() < end);
  return Median(std::move(micros));
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
  NAKADACHI_ASSIGN_OR_RETURN(const auto file, RecordFile::Create(folder + "/sync"));
  double least = std::numeric_limits<double>::infinity();
  for (int round = 0; round < kShortRounds; ++round) {
    NAKADACHI_ASSIGN_OR_RETURN(const double median, SyncRound(*file, time / kShortRounds));
    least = std::min(least, median);
  }
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
