#include "common/storage/period_keys.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"
#include "common/crypto/private_file.h"
#include "common/storage/database.h"
#include "common/storage/wrapped_key.h"

namespace nakadachi::storage {
namespace {

constexpr absl::string_view kPrefix = "period-";
constexpr absl::string_view kDestroyed = "-destroyed";

absl::Status PeriodError(absl::StatusCode code, int period, absl::string_view rule,
                         absl::string_view message) {
  return FieldError(code, "period", rule, absl::StrCat(period, " ", message));
}

}  // namespace

absl::StatusOr<std::unique_ptr<PeriodKeys>> PeriodKeys::Open(const std::string& folder,
                                                             const std::string& owner,
                                                             KeyProvider* provider,
                                                             Random* random) {
  std::unique_ptr<PeriodKeys> keys(new PeriodKeys(folder, owner, provider, random));
  NAKADACHI_RETURN_IF_ERROR(keys->ReadFolder());
  return keys;
}

absl::Status PeriodKeys::ReadFolder() {
  absl::MutexLock lock(&mutex_);
  int newest = 0;
  std::error_code error;
  std::filesystem::directory_iterator entry(folder_, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    absl::string_view text = name;
    if (!absl::ConsumePrefix(&text, kPrefix)) continue;
    const bool destroyed = absl::ConsumeSuffix(&text, kDestroyed);
    int period = 0;
    // What a crash left of a file that was being written has another name.
    if (!absl::SimpleAtoi(text, &period) || absl::StrCat(period) != text) continue;
    newest = std::max(newest, period);
    if (destroyed) destroyed_.insert(period);
  }
  if (error)
    return FieldError(absl::StatusCode::kUnavailable, "storage", "io",
                      absl::StrCat("cannot read the folder: ", error.message()));
  for (const int period : destroyed_)
    NAKADACHI_RETURN_IF_ERROR(
        DestroyPrivateFile(WrappedKeyFile::Period(folder_, owner_, period).path));
  current_.store(newest, std::memory_order_release);
  return absl::OkStatus();
}

std::string PeriodKeys::MarkOf(int period) const {
  return absl::StrCat(WrappedKeyFile::Period(folder_, owner_, period).path, kDestroyed);
}

absl::Status PeriodKeys::Enter(int period) {
  if (period <= current()) return absl::OkStatus();
  if (period > kLastPeriod)
    return PeriodError(absl::StatusCode::kInvalidArgument, period, "range", "is no period");
  absl::MutexLock lock(&mutex_);
  if (period <= current()) return absl::OkStatus();
  NAKADACHI_ASSIGN_OR_RETURN(
      Secret key,
      CreateWrappedKey(WrappedKeyFile::Period(folder_, owner_, period), provider_, random_));
  keys_.insert_or_assign(period, std::move(key));
  current_.store(period, std::memory_order_release);
  return absl::OkStatus();
}

absl::Status PeriodKeys::Destroy(int period) {
  absl::MutexLock lock(&mutex_);
  if (destroyed_.count(period) != 0) return absl::OkStatus();
  if (period <= 0 || period >= current())
    return PeriodError(absl::StatusCode::kFailedPrecondition, period, "period-in-use",
                       "is not over");
  // The mark comes first: what it promises is completed at the next opening.
  NAKADACHI_RETURN_IF_ERROR(WritePrivateFile(MarkOf(period), Secret(), Overwrite::kAllowed));
  destroyed_.insert(period);
  keys_.erase(period);
  return DestroyPrivateFile(WrappedKeyFile::Period(folder_, owner_, period).path);
}

bool PeriodKeys::IsDestroyed(int period) const {
  absl::ReaderMutexLock lock(&mutex_);
  return destroyed_.count(period) != 0;
}

absl::StatusOr<Secret> PeriodKeys::Find(int period) {
  absl::MutexLock lock(&mutex_);
  const auto known = keys_.find(period);
  if (known != keys_.end()) return known->second;
  std::optional<Secret> key;
  if (destroyed_.count(period) == 0) {
    NAKADACHI_ASSIGN_OR_RETURN(
        key, LoadWrappedKey(WrappedKeyFile::Period(folder_, owner_, period), provider_));
  }
  if (!key.has_value())
    return PeriodError(absl::StatusCode::kDataLoss, period, "period-key", "has no key");
  return keys_.emplace(period, *std::move(key)).first->second;
}

}  // namespace nakadachi::storage
