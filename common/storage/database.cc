#include "common/storage/database.h"

#include <fcntl.h>
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/container/node_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/storage/data_key.h"
#include "common/storage/environment.h"
#include "common/storage/log_check.h"
#include "common/storage/wal_file_system.h"

namespace nakadachi::storage {
namespace {

constexpr size_t kKeySize = 32;
constexpr size_t kStoredNonceSize = 8;
constexpr size_t kBlindKeySize = 16;
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

// A column family that was asked for. `seal` is empty where it is plain.
struct Family {
  rocksdb::ColumnFamilyHandle* handle = nullptr;
  std::optional<Aead> seal;
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
  // By RocksDB's own id.
  rocksdb::ColumnFamilyHandle* HandleOf(uint32_t id) const;

  absl::Status Commit(Batch&& batch) override { return Write(std::move(batch), true); }
  absl::Status CommitUnsynced(Batch&& batch) override { return Write(std::move(batch), false); }
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
  absl::Status Write(Batch&& batch, bool sync);
  absl::StatusOr<std::string> Unseal(const Family& family, absl::string_view key,
                                     absl::string_view stored) const;
  // Stays where it is for the life of the database.
  const Secret& BlindingKey(absl::string_view purpose) const;

  const std::shared_ptr<RocksEnvironment> environment_;
  Random* const random_;
  const FolderLock lock_;
  const std::shared_ptr<WalFileSystem> wal_;
  const std::unique_ptr<rocksdb::Env> env_;
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
};

Batch::Batch(const Database& database)
    : impl_(std::make_unique<Impl>(static_cast<const DatabaseImpl&>(database))) {}
Batch::Batch() noexcept = default;
Batch::~Batch() = default;
Batch::Batch(Batch&&) noexcept = default;
Batch& Batch::operator=(Batch&&) noexcept = default;

void Batch::Put(int family, absl::string_view key, absl::string_view value) {
  if (impl_ == nullptr) return;
  const Family& kept = impl_->database->family(family);
  if (!kept.seal.has_value()) {
    NAKADACHI_CHECK(impl_->writes.Put(kept.handle, ToSlice(key), ToSlice(value)).ok());
    return;
  }
  impl_->associated.assign(kept.associated_prefix).append(key.data(), key.size());
  const Nonce nonce = impl_->NextNonce();
  const std::string sealed =
      kept.seal->Seal(absl::string_view(nonce.data(), nonce.size()), value, impl_->associated);
  const rocksdb::Slice key_slice = ToSlice(key);
  const std::array<rocksdb::Slice, 2> parts = {rocksdb::Slice(nonce.data(), kStoredNonceSize),
                                               rocksdb::Slice(sealed)};
  NAKADACHI_CHECK(impl_->writes
                      .Put(kept.handle, rocksdb::SliceParts(&key_slice, 1),
                           rocksdb::SliceParts(parts.data(), static_cast<int>(parts.size())))
                      .ok());
}

void Batch::Delete(int family, absl::string_view key) {
  if (impl_ == nullptr) return;
  const Family& kept = impl_->database->family(family);
  NAKADACHI_CHECK(impl_->writes.Delete(kept.handle, ToSlice(key)).ok());
}

namespace {

// Repeats the changes of one batch in another.
class Repeat final : public rocksdb::WriteBatch::Handler {
 public:
  Repeat(const DatabaseImpl& database, rocksdb::WriteBatch& to) : database_(database), to_(to) {}
  rocksdb::Status PutCF(uint32_t id, const rocksdb::Slice& key,
                        const rocksdb::Slice& value) override {
    return to_.Put(database_.HandleOf(id), key, value);
  }
  rocksdb::Status DeleteCF(uint32_t id, const rocksdb::Slice& key) override {
    return to_.Delete(database_.HandleOf(id), key);
  }

 private:
  const DatabaseImpl& database_;
  rocksdb::WriteBatch& to_;
};

}  // namespace

void Batch::Append(Batch&& other) {
  if (impl_ == nullptr || other.impl_ == nullptr) return;
  NAKADACHI_CHECK(impl_->database == other.impl_->database);
  if (impl_->writes.Count() == 0) {
    std::swap(impl_, other.impl_);
    return;
  }
  Repeat repeat(*impl_->database, impl_->writes);
  NAKADACHI_CHECK(other.impl_->writes.Iterate(&repeat).ok());
  other.impl_->writes.Clear();
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
  NAKADACHI_ASSIGN_OR_RETURN(std::optional<Secret> key,
                             LoadDataKey(options.path, options.owner, *options.key_provider));
  if (key.has_value()) NAKADACHI_RETURN_IF_ERROR(CheckLogs(options.path));
  // Where there is a data key there was a database: an empty one must not take its place.
  NAKADACHI_RETURN_IF_ERROR(OpenRocks(options, /*may_create=*/!key.has_value()));
  if (!key.has_value()) {
    NAKADACHI_ASSIGN_OR_RETURN(const bool is_empty, IsEmpty());
    if (!is_empty)
      return StorageError(absl::StatusCode::kDataLoss, "wrapped-key", "the data key is gone");
    NAKADACHI_ASSIGN_OR_RETURN(
        key, CreateDataKey(options.path, options.owner, *options.key_provider, *random_));
  }
  data_key_ = *std::move(key);
  MakeFamilies(options);
  environment_->Add(this);
  return absl::OkStatus();
}

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
  for (const std::string& name : names)
    descriptors.emplace_back(name, environment_->FamilyOptions());
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

rocksdb::ColumnFamilyHandle* DatabaseImpl::HandleOf(uint32_t id) const {
  const auto at = std::find_if(families_.begin(), families_.end(),
                               [id](const Family& f) { return f.handle->GetID() == id; });
  NAKADACHI_CHECK(at != families_.end());
  return at->handle;
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

absl::StatusOr<std::string> DatabaseImpl::Unseal(const Family& family, absl::string_view key,
                                                 absl::string_view stored) const {
  if (!family.seal.has_value()) return std::string(stored);
  Nonce nonce{};
  const size_t nonce_size = std::min(stored.size(), kStoredNonceSize);
  std::memcpy(nonce.data(), stored.data(), nonce_size);
  return family.seal->Open(absl::string_view(nonce.data(), nonce.size()), stored.substr(nonce_size),
                           absl::StrCat(family.associated_prefix, key));
}

absl::StatusOr<std::optional<std::string>> DatabaseImpl::Get(int family,
                                                             absl::string_view key) const {
  const Family& kept = this->family(family);
  rocksdb::PinnableSlice stored;
  const rocksdb::Status status =
      db_->Get(rocksdb::ReadOptions(), kept.handle, ToSlice(key), &stored);
  if (status.IsNotFound()) return std::optional<std::string>();
  NAKADACHI_RETURN_IF_ERROR(FromRocks(status));
  NAKADACHI_ASSIGN_OR_RETURN(std::string value, Unseal(kept, key, ToView(stored)));
  return std::make_optional(std::move(value));
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
    NAKADACHI_ASSIGN_OR_RETURN(const std::string value, Unseal(kept, key, ToView(it->value())));
    if (!visit(key, value)) return absl::OkStatus();
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
