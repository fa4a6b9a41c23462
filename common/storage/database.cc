#include "common/storage/database.h"

#include <fcntl.h>
#include <rocksdb/compaction_filter.h>
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <utility>

#include "absl/container/node_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/storage/environment.h"
#include "common/storage/log_check.h"
#include "common/storage/period_keys.h"
#include "common/storage/wal_file_system.h"
#include "common/storage/wrapped_key.h"

namespace nakadachi::storage {
namespace {

constexpr size_t kKeySize = 32;
constexpr size_t kStoredNonceSize = 8;
constexpr size_t kBlindKeySize = 16;
constexpr size_t kPeriodSize = 2;
constexpr int kNoPeriod = 0;
// In the family that RocksDB always has: the newest period that was entered.
constexpr char kNewestPeriodKey[] = "newest-period";
using Nonce = std::array<char, Aead::kNonceSize>;

rocksdb::Slice ToSlice(absl::string_view view) { return {view.data(), view.size()}; }
absl::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

absl::Status StorageError(absl::StatusCode code, absl::string_view rule,
                          absl::string_view message) {
  return FieldError(code, "storage", rule, message);
}

absl::Status DiskFull() {
  return StorageError(absl::StatusCode::kResourceExhausted, "disk-full", "no space on the disk");
}

absl::Status Corrupt(absl::string_view message) {
  return StorageError(absl::StatusCode::kDataLoss, "corrupt", message);
}

// RocksDB's texts name files and offsets; keys do not identify persons.
absl::Status FromRocks(const rocksdb::Status& status) {
  if (status.ok()) return absl::OkStatus();
  if (status.IsCorruption()) return Corrupt(status.ToString());
  if (status.IsNoSpace()) return DiskFull();
  return StorageError(absl::StatusCode::kUnavailable, "io", status.ToString());
}

// The smallest key behind all that begin with `prefix`; empty where there is none.
std::string EndOfPrefix(absl::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xFF') end.pop_back();
  if (!end.empty()) ++end.back();
  return end;
}

// Held as long as the database is open, by one process and there once.
class FolderLock {
 public:
  FolderLock() = default;
  ~FolderLock() {
    if (fd_ >= 0) ::close(fd_);
  }
  FolderLock(FolderLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FolderLock& operator=(FolderLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  static absl::StatusOr<FolderLock> Take(const std::string& folder) {
    FolderLock lock;
    lock.fd_ = ::open((folder + "/in-use").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock.fd_ < 0)
      return StorageError(absl::StatusCode::kUnavailable, "io",
                          absl::StrCat("cannot create the lock file: ", std::strerror(errno)));
    if (::flock(lock.fd_, LOCK_EX | LOCK_NB) != 0)
      return StorageError(absl::StatusCode::kFailedPrecondition, "locked",
                          "the database is open elsewhere");
    return lock;
  }

 private:
  int fd_ = -1;
};

std::string EncodePeriod(int period) {
  return {static_cast<char>(period >> 8), static_cast<char>(period & 0xFF)};
}

// The period in front of a value; one that is too short to have one does not open either.
int PeriodOf(absl::string_view stored) {
  if (stored.size() < kPeriodSize) return kNoPeriod;
  return static_cast<uint8_t>(stored[0]) << 8 | static_cast<uint8_t>(stored[1]);
}

// The seals of a family, one for each period that was met.
class Seals {
 public:
  // `data_key` is what kNoPeriod is sealed under.
  Seals(absl::string_view family, const Secret& data_key, PeriodKeys* keys)
      : info_(absl::StrCat("nakadachi/seal/v1/", family)), keys_(*keys) {
    seals_.emplace(kNoPeriod, Make(data_key));
  }

  absl::StatusOr<std::shared_ptr<const Aead>> Of(int period) {
    {
      absl::ReaderMutexLock lock(&mutex_);
      const auto known = seals_.find(period);
      if (known != seals_.end()) return known->second;
    }
    // Found and kept in one step, lest Forget comes in between.
    absl::MutexLock lock(&mutex_);
    NAKADACHI_ASSIGN_OR_RETURN(const Secret key, keys_.Find(period));
    return seals_.emplace(period, Make(key)).first->second;
  }
  void Forget(int period) {
    absl::MutexLock lock(&mutex_);
    seals_.erase(period);
  }

 private:
  std::shared_ptr<const Aead> Make(const Secret& key) const {
    return std::make_shared<const Aead>(HkdfSha256(key, {}, info_, kKeySize));
  }

  const std::string info_;
  PeriodKeys& keys_;
  absl::Mutex mutex_;
  std::map<int, std::shared_ptr<const Aead>> seals_ ABSL_GUARDED_BY(mutex_);
};

// Takes the values of destroyed periods from the disk.
class DropDestroyed final : public rocksdb::CompactionFilter {
 public:
  explicit DropDestroyed(const PeriodKeys* keys) : keys_(*keys) {}
  bool Filter(int /*level*/, const rocksdb::Slice& key, const rocksdb::Slice& value,
              std::string* /*new_value*/, bool* /*value_changed*/) const override {
    const int period = PeriodOf(ToView(value));
    if (period == kNoPeriod || !keys_.IsDestroyed(period)) return false;
    dropped_.fetch_add(key.size() + value.size(), std::memory_order_relaxed);
    return true;
  }
  uint64_t dropped_bytes() const { return dropped_.load(std::memory_order_relaxed); }
  const char* Name() const override { return "nakadachi.DropDestroyed"; }

 private:
  const PeriodKeys& keys_;
  mutable std::atomic<uint64_t> dropped_{0};
};

// A column family that was asked for. `seal` is empty where it is plain.
struct Family {
  rocksdb::ColumnFamilyHandle* handle = nullptr;
  std::optional<Aead> seal;       // Form::kSealed
  std::unique_ptr<Seals> seals;   // Form::kPeriod
  std::string associated_prefix;  // owner || 0x00 || family || 0x00
};

}  // namespace

class DatabaseImpl final : public Database, private Buffered {
 public:
  DatabaseImpl(const OpenOptions& options, FolderLock lock);
  ~DatabaseImpl() override;
  absl::Status Start(const OpenOptions& options);

  const Family& family(int number) const {
    NAKADACHI_CHECK(number >= 0 && static_cast<size_t>(number) < families_.size());
    return families_[static_cast<size_t>(number)];
  }
  Random& random() const { return *random_; }
  int current_period() const { return period_keys_->current(); }

  absl::Status Commit(Batch&& batch) override { return Write(std::move(batch), true); }
  absl::Status CommitUnsynced(Batch&& batch) override { return Write(std::move(batch), false); }
  absl::Status EnterPeriod(int period) override;
  absl::Status DestroyPeriod(int period) override;
  bool IsDestroyed(int period) const override { return period_keys_->IsDestroyed(period); }
  uint64_t DroppedBytes() const override { return drop_destroyed_->dropped_bytes(); }
  absl::StatusOr<std::optional<std::string>> Get(int family, absl::string_view key) const override;
  absl::Status Scan(
      int family, absl::string_view prefix, absl::string_view start,
      const std::function<bool(absl::string_view, absl::string_view)>& visit) const override;
  std::string BlindKey(absl::string_view purpose, absl::string_view value) const override;
  uint64_t SumProperty(absl::string_view property) const override;
  absl::Status Flush() override;
  absl::Status Compact() override;

 private:
  uint64_t BufferedBytes() const override {
    return SumProperty(ToView(rocksdb::DB::Properties::kCurSizeActiveMemTable));
  }
  void StartFlush() override;

  absl::Status OpenRocks(const OpenOptions& options, bool may_create);
  void MakeFamilies(const OpenOptions& options);
  absl::StatusOr<bool> IsEmpty() const;
  absl::Status CheckNewestPeriod();
  absl::Status NotePeriod(int period);
  absl::Status Write(Batch&& batch, bool sync);
  // nullopt where the value's period is destroyed.
  absl::StatusOr<std::optional<std::string>> Unseal(const Family& family, absl::string_view key,
                                                    absl::string_view stored) const;
  // Stays where it is for the life of the database.
  const Secret& BlindingKey(absl::string_view purpose) const;

  const std::shared_ptr<RocksEnvironment> environment_;
  Random* const random_;
  const FolderLock lock_;
  const std::shared_ptr<WalFileSystem> wal_;
  const std::unique_ptr<rocksdb::Env> env_;
  std::unique_ptr<PeriodKeys> period_keys_;
  std::unique_ptr<DropDestroyed> drop_destroyed_;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;  // all on the disk
  std::vector<Family> families_;                       // those asked for
  Secret data_key_;
  mutable absl::Mutex blinding_mutex_;
  mutable absl::node_hash_map<std::string, Secret> blinding_keys_ ABSL_GUARDED_BY(blinding_mutex_);
};

// ---------------------------------------------------------------- Batch

struct Batch::Impl {
  explicit Impl(const DatabaseImpl& of) : database(&of) {}

  const DatabaseImpl* database;
  rocksdb::WriteBatch writes;
  std::string associated;  // kept for its capacity
  uint64_t next_nonce = 0;
  bool has_nonce = false;

  Nonce NextNonce() {
    if (!has_nonce) {
      database->random().Fill(reinterpret_cast<uint8_t*>(&next_nonce), sizeof(next_nonce));
      has_nonce = true;
    }
    Nonce nonce{};
    static_assert(sizeof(next_nonce) == kStoredNonceSize);
    std::memcpy(nonce.data(), &next_nonce, sizeof(next_nonce));
    ++next_nonce;
    return nonce;
  }

  void Seal(const Family& family, const Aead& seal, absl::string_view period, absl::string_view key,
            absl::string_view value) {
    associated.assign(family.associated_prefix).append(key.data(), key.size());
    associated.append(period.data(), period.size());
    const Nonce nonce = NextNonce();
    const std::string sealed =
        seal.Seal(absl::string_view(nonce.data(), nonce.size()), value, associated);
    const rocksdb::Slice key_slice = ToSlice(key);
    const std::array<rocksdb::Slice, 3> parts = {
        ToSlice(period), rocksdb::Slice(nonce.data(), kStoredNonceSize), rocksdb::Slice(sealed)};
    NAKADACHI_CHECK(writes
                        .Put(family.handle, rocksdb::SliceParts(&key_slice, 1),
                             rocksdb::SliceParts(parts.data(), static_cast<int>(parts.size())))
                        .ok());
  }
};

Batch::Batch(const Database& database)
    : impl_(std::make_unique<Impl>(static_cast<const DatabaseImpl&>(database))) {}
Batch::Batch() noexcept = default;
Batch::~Batch() = default;
Batch::Batch(Batch&&) noexcept = default;
Batch& Batch::operator=(Batch&&) noexcept = default;

void Batch::Put(int family, absl::string_view key, absl::string_view value, Keep keep) {
  if (impl_ == nullptr) return;
  const Family& kept = impl_->database->family(family);
  if (kept.seal.has_value()) {
    impl_->Seal(kept, *kept.seal, {}, key, value);
    return;
  }
  if (kept.seals == nullptr) {
    NAKADACHI_CHECK(impl_->writes.Put(kept.handle, ToSlice(key), ToSlice(value)).ok());
    return;
  }
  const int period = keep == Keep::kAlways ? kNoPeriod : impl_->database->current_period();
  const auto seal = kept.seals->Of(period);
  NAKADACHI_CHECK(seal.ok());  // its key was made when the period was entered
  impl_->Seal(kept, **seal, EncodePeriod(period), key, value);
}

void Batch::Delete(int family, absl::string_view key) {
  if (impl_ == nullptr) return;
  const Family& kept = impl_->database->family(family);
  NAKADACHI_CHECK(impl_->writes.Delete(kept.handle, ToSlice(key)).ok());
}

size_t Batch::bytes() const {
  if (impl_ == nullptr || impl_->writes.Count() == 0) return 0;
  return impl_->writes.GetDataSize();
}

// ---------------------------------------------------------------- Database

DatabaseImpl::DatabaseImpl(const OpenOptions& options, FolderLock lock)
    : environment_(std::static_pointer_cast<RocksEnvironment>(options.environment)),
      random_(options.random),
      lock_(std::move(lock)),
      wal_(std::make_shared<WalFileSystem>(options.path)),
      env_(rocksdb::NewCompositeEnv(wal_)) {}

DatabaseImpl::~DatabaseImpl() {
  environment_->Remove(this);
  if (db_ == nullptr) return;
  for (rocksdb::ColumnFamilyHandle* handle : handles_) db_->DestroyColumnFamilyHandle(handle);
  db_->Close().PermitUncheckedError();
}

absl::Status DatabaseImpl::Start(const OpenOptions& options) {
  const WrappedKeyFile file = WrappedKeyFile::Data(options.path, options.owner);
  NAKADACHI_ASSIGN_OR_RETURN(std::optional<Secret> key,
                             LoadWrappedKey(file, *options.key_provider));
  if (key.has_value()) NAKADACHI_RETURN_IF_ERROR(CheckLogs(options.path));
  NAKADACHI_ASSIGN_OR_RETURN(
      period_keys_, PeriodKeys::Open(options.path, options.owner, options.key_provider, random_));
  drop_destroyed_ = std::make_unique<DropDestroyed>(period_keys_.get());
  // Where there is a data key there was a database: an empty one must not take its place.
  NAKADACHI_RETURN_IF_ERROR(OpenRocks(options, /*may_create=*/!key.has_value()));
  if (!key.has_value()) {
    NAKADACHI_ASSIGN_OR_RETURN(const bool is_empty, IsEmpty());
    if (!is_empty)
      return StorageError(absl::StatusCode::kDataLoss, "wrapped-key", "the data key is gone");
    NAKADACHI_ASSIGN_OR_RETURN(key, CreateWrappedKey(file, *options.key_provider, *random_));
  }
  data_key_ = *std::move(key);
  MakeFamilies(options);
  NAKADACHI_RETURN_IF_ERROR(CheckNewestPeriod());
  environment_->Add(this);
  return absl::OkStatus();
}

absl::Status DatabaseImpl::EnterPeriod(int period) {
  if (period <= period_keys_->current()) return absl::OkStatus();
  NAKADACHI_RETURN_IF_ERROR(period_keys_->Enter(period));
  return NotePeriod(period);
}

// Whoever writes from now on needs its key; and one that is gone is not to be replaced.
absl::Status DatabaseImpl::CheckNewestPeriod() {
  std::string noted;
  const rocksdb::Status read =
      db_->Get(rocksdb::ReadOptions(), db_->DefaultColumnFamily(), kNewestPeriodKey, &noted);
  if (!read.ok() && !read.IsNotFound()) return FromRocks(read);
  const int before = read.IsNotFound() ? kNoPeriod : PeriodOf(noted);
  const int current = std::max(before, period_keys_->current());
  if (current == kNoPeriod) return absl::OkStatus();
  NAKADACHI_RETURN_IF_ERROR(period_keys_->Find(current).status());
  return current == before ? absl::OkStatus() : NotePeriod(current);
}

absl::Status DatabaseImpl::NotePeriod(int period) {
  Batch batch(*this);
  NAKADACHI_CHECK(
      batch.impl_->writes.Put(db_->DefaultColumnFamily(), kNewestPeriodKey, EncodePeriod(period))
          .ok());
  return Commit(std::move(batch));
}

namespace {

const ColumnFamily* FindFamily(const OpenOptions& options, const std::string& name) {
  const auto at = std::find_if(options.families.begin(), options.families.end(),
                               [&](const auto& family) { return family.name == name; });
  return at == options.families.end() ? nullptr : &*at;
}

}  // namespace

absl::Status DatabaseImpl::OpenRocks(const OpenOptions& options, bool may_create) {
  rocksdb::DBOptions db_options = environment_->DatabaseOptions(env_.get());
  db_options.create_if_missing = may_create;

  std::vector<std::string> names = {rocksdb::kDefaultColumnFamilyName};
  for (const ColumnFamily& family : options.families) names.push_back(family.name);
  // RocksDB wants every family that exists to be opened.
  std::vector<std::string> existing;
  if (rocksdb::DB::ListColumnFamilies(db_options, options.path, &existing).ok())
    names.insert(names.end(), existing.begin(), existing.end());
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());

  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  descriptors.reserve(names.size());
  for (const std::string& name : names) {
    const ColumnFamily* const asked = FindFamily(options, name);
    rocksdb::ColumnFamilyOptions family =
        environment_->FamilyOptions(asked == nullptr ? Expect::kPresent : asked->expect);
    if (asked != nullptr && asked->form == Form::kPeriod)
      family.compaction_filter = drop_destroyed_.get();
    descriptors.emplace_back(name, family);
  }
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status =
      rocksdb::DB::Open(db_options, options.path, descriptors, &handles_, &db);
  db_.reset(db);
  if (status.ok()) return absl::OkStatus();
  // A file that RocksDB expects and does not find is lost.
  if (status.IsPathNotFound() || status.IsInvalidArgument()) return Corrupt(status.ToString());
  return FromRocks(status);
}

void DatabaseImpl::MakeFamilies(const OpenOptions& options) {
  for (const ColumnFamily& asked : options.families) {
    const auto at = std::find_if(handles_.begin(), handles_.end(),
                                 [&](const auto* h) { return h->GetName() == asked.name; });
    NAKADACHI_CHECK(at != handles_.end());
    Family family;
    family.handle = *at;
    family.associated_prefix = absl::StrCat(options.owner, absl::string_view("\0", 1), asked.name,
                                            absl::string_view("\0", 1));
    if (asked.form == Form::kSealed)
      family.seal.emplace(
          HkdfSha256(data_key_, {}, absl::StrCat("nakadachi/seal/v1/", asked.name), kKeySize));
    if (asked.form == Form::kPeriod)
      family.seals = std::make_unique<Seals>(asked.name, data_key_, period_keys_.get());
    families_.push_back(std::move(family));
  }
}

absl::StatusOr<bool> DatabaseImpl::IsEmpty() const {
  for (rocksdb::ColumnFamilyHandle* handle : handles_) {
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(rocksdb::ReadOptions(), handle));
    it->SeekToFirst();
    if (it->Valid()) return false;
    NAKADACHI_RETURN_IF_ERROR(FromRocks(it->status()));
  }
  return true;
}

absl::Status DatabaseImpl::Write(Batch&& batch, bool sync) {
  if (batch.bytes() == 0) return absl::OkStatus();
  NAKADACHI_CHECK(batch.impl_->database == this);
  // A header of 7 bytes each 32 KiB is the most that the log adds, and one for the group.
  const size_t reserved = batch.bytes() + batch.bytes() / 1024 + 64;
  if (!wal_->Reserve(reserved)) return DiskFull();
  rocksdb::WriteOptions options;
  options.sync = sync;
  const rocksdb::Status status = db_->Write(options, &batch.impl_->writes);
  wal_->Release(reserved);
  environment_->RelieveBuffers();
  if (status.ok() || status.IsCorruption()) return FromRocks(status);
  // A flush found the disk full; RocksDB takes up writes again by itself when there is space.
  if (status.IsNoSpace() && status.severity() < rocksdb::Status::kFatalError) return DiskFull();
  const std::string message = absl::StrCat("commit: ", status.ToString());
  CheckFailed(__FILE__, __LINE__, message.c_str());
}

namespace {

// `stored`: nonce || ciphertext || tag.
absl::StatusOr<std::optional<std::string>> OpenSeal(const Aead& seal, const std::string& associated,
                                                    absl::string_view stored) {
  Nonce nonce{};
  const size_t nonce_size = std::min(stored.size(), kStoredNonceSize);
  std::memcpy(nonce.data(), stored.data(), nonce_size);
  NAKADACHI_ASSIGN_OR_RETURN(std::string value,
                             seal.Open(absl::string_view(nonce.data(), nonce.size()),
                                       stored.substr(nonce_size), associated));
  return std::make_optional(std::move(value));
}

}  // namespace

absl::Status DatabaseImpl::DestroyPeriod(int period) {
  NAKADACHI_RETURN_IF_ERROR(period_keys_->Destroy(period));
  for (const Family& family : families_)
    if (family.seals != nullptr) family.seals->Forget(period);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> DatabaseImpl::Unseal(const Family& family,
                                                                absl::string_view key,
                                                                absl::string_view stored) const {
  if (family.seal.has_value())
    return OpenSeal(*family.seal, absl::StrCat(family.associated_prefix, key), stored);
  if (family.seals == nullptr) return std::make_optional(std::string(stored));
  const int period = PeriodOf(stored);
  const absl::string_view period_bytes = stored.substr(0, kPeriodSize);
  const auto seal = family.seals->Of(period);
  if (!seal.ok() && IsDestroyed(period)) return std::optional<std::string>();
  NAKADACHI_RETURN_IF_ERROR(seal.status());
  return OpenSeal(**seal, absl::StrCat(family.associated_prefix, key, period_bytes),
                  stored.substr(period_bytes.size()));
}

absl::StatusOr<std::optional<std::string>> DatabaseImpl::Get(int family,
                                                             absl::string_view key) const {
  const Family& kept = this->family(family);
  rocksdb::PinnableSlice stored;
  const rocksdb::Status status =
      db_->Get(rocksdb::ReadOptions(), kept.handle, ToSlice(key), &stored);
  if (status.IsNotFound()) return std::optional<std::string>();
  NAKADACHI_RETURN_IF_ERROR(FromRocks(status));
  return Unseal(kept, key, ToView(stored));
}

absl::Status DatabaseImpl::Scan(
    int family, absl::string_view prefix, absl::string_view start,
    const std::function<bool(absl::string_view, absl::string_view)>& visit) const {
  const Family& kept = this->family(family);
  const std::string end = EndOfPrefix(prefix);
  const rocksdb::Slice bound(end);
  rocksdb::ReadOptions options;
  if (!end.empty()) options.iterate_upper_bound = &bound;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options, kept.handle));
  for (it->Seek(ToSlice(std::max(prefix, start))); it->Valid(); it->Next()) {
    const absl::string_view key = ToView(it->key());
    // Behind a prefix of 0xFF bytes only there is no bound; `start` may lie behind the prefix.
    if (!absl::StartsWith(key, prefix)) return absl::OkStatus();
    NAKADACHI_ASSIGN_OR_RETURN(const std::optional<std::string> value,
                               Unseal(kept, key, ToView(it->value())));
    if (value.has_value() && !visit(key, *value)) return absl::OkStatus();
  }
  return FromRocks(it->status());
}

const Secret& DatabaseImpl::BlindingKey(absl::string_view purpose) const {
  {
    absl::ReaderMutexLock lock(&blinding_mutex_);
    const auto at = blinding_keys_.find(purpose);
    if (at != blinding_keys_.end()) return at->second;
  }
  Secret key = HkdfSha256(data_key_, {}, absl::StrCat("nakadachi/blind/v1/", purpose), kKeySize);
  absl::MutexLock lock(&blinding_mutex_);
  return blinding_keys_.try_emplace(std::string(purpose), std::move(key)).first->second;
}

std::string DatabaseImpl::BlindKey(absl::string_view purpose, absl::string_view value) const {
  const Hash mac = HmacSha256(BlindingKey(purpose), value);
  return std::string(AsView(mac).substr(0, kBlindKeySize));
}

uint64_t DatabaseImpl::SumProperty(absl::string_view property) const {
  uint64_t sum = 0;
  if (!db_->GetAggregatedIntProperty(ToSlice(property), &sum)) return 0;
  return sum;
}

void DatabaseImpl::StartFlush() {
  rocksdb::FlushOptions options;
  options.wait = false;
  options.allow_write_stall = true;
  // An error shows at this database's own next commit.
  db_->Flush(options, handles_).PermitUncheckedError();
}

absl::Status DatabaseImpl::Flush() {
  return FromRocks(db_->Flush(rocksdb::FlushOptions(), handles_));
}

absl::Status DatabaseImpl::Compact() {
  NAKADACHI_RETURN_IF_ERROR(Flush());
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  for (rocksdb::ColumnFamilyHandle* handle : handles_)
    NAKADACHI_RETURN_IF_ERROR(FromRocks(db_->CompactRange(options, handle, nullptr, nullptr)));
  return absl::OkStatus();
}

namespace {

absl::Status CheckOptions(const OpenOptions& options) {
  NAKADACHI_CHECK(options.environment != nullptr && options.key_provider != nullptr &&
                  options.random != nullptr);
  // 0x00 parts owner, family and key in what a seal binds.
  NAKADACHI_CHECK(!absl::StrContains(options.owner, absl::string_view("\0", 1)));
  for (const ColumnFamily& family : options.families)
    NAKADACHI_CHECK(!absl::StrContains(family.name, absl::string_view("\0", 1)));
  std::error_code error;
  std::filesystem::create_directories(options.path, error);
  if (error)
    return StorageError(absl::StatusCode::kUnavailable, "io",
                        absl::StrCat("cannot create the folder: ", error.message()));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const OpenOptions& options) {
  NAKADACHI_RETURN_IF_ERROR(CheckOptions(options));
  NAKADACHI_ASSIGN_OR_RETURN(FolderLock lock, FolderLock::Take(options.path));
  auto database = std::make_unique<DatabaseImpl>(options, std::move(lock));
  NAKADACHI_RETURN_IF_ERROR(database->Start(options));
  return database;
}

std::string KeyU64(uint64_t value) {
  std::string key(sizeof(value), '\0');
  for (size_t i = key.size(); i > 0; --i, value >>= 8) key[i - 1] = static_cast<char>(value & 0xFF);
  return key;
}

uint64_t U64FromKey(absl::string_view key) {
  NAKADACHI_CHECK(key.size() == sizeof(uint64_t));
  uint64_t value = 0;
  for (const char c : key) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

}  // namespace nakadachi::storage
