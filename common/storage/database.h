// A sealed RocksDB; only this folder includes RocksDB. One database per municipality (or system);
// its column families hold values sealed with AES-256-GCM-SIV under the database's own data key
// (associated data: owner, column family, key), so that nothing on the disk can be read, moved
// or altered unnoticed.
//
// A sealed value is stored as nonce (8 bytes) || ciphertext || tag (16). The nonce counts up from
// a random start drawn per batch, and is followed by four zero bytes: 64 bits repeat only after
// some 2^32 batches, and what GCM-SIV then reveals is no more than that the same value was stored
// twice under the same key. A random number per value would cost as much as the sealing.
//
// Families may be kept by retention periods (Form::kPeriod): a value is sealed under the key of
// the period that is current when it is put, and stored as period (2 bytes, big-endian) || nonce
// || ciphertext || tag, the period bound into the seal behind the key. When a period's key is
// destroyed, its values are gone at once; compaction takes what is left of them from the disk.
#ifndef NAKADACHI_COMMON_STORAGE_DATABASE_H_
#define NAKADACHI_COMMON_STORAGE_DATABASE_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/crypto/crypto.h"
#include "common/storage/key_provider.h"

namespace nakadachi::storage {

// How a column family is kept.
enum class Form {
  kSealed,  // values sealed
  kPeriod,  // values sealed, each for as long as the key of its period exists
  kPlain,   // values as they are: hashes and commitments that say nothing
};

// How long a value of a family of Form::kPeriod is kept.
enum class Keep {
  kPeriod,  // as its period
  kAlways,  // as the database: sealed under the data key, under the number 0
};
// Periods are numbers that rise: fiscal years.
inline constexpr int kLastPeriod = 0xFFFF;

// What Get mostly finds in a family.
enum class Expect {
  kPresent,
  kAbsent,  // nothing: new keys arrive in masses, and each is looked up first
};

struct ColumnFamily {
  std::string name;
  Form form = Form::kSealed;
  Expect expect = Expect::kPresent;
};

// Shared by the databases of a process: block cache, write-buffer manager, rate limiter, threads.
class Environment {
 public:
  // Memory for caches and write buffers together.
  static std::shared_ptr<Environment> Create(size_t memory_budget_bytes);
  virtual ~Environment() = default;
};

struct OpenOptions {
  std::string path;   // folder, created where absent
  std::string owner;  // e.g. "072028"; bound into every seal
  std::vector<ColumnFamily> families;
  std::shared_ptr<Environment> environment;
  KeyProvider* key_provider = nullptr;  // outlives the database
  Random* random = nullptr;             // outlives the database
};

class Database;
class DatabaseImpl;

// Changes that become durable together. Not thread-safe.
class Batch {
 public:
  explicit Batch(const Database& database);
  // Of no database: takes nothing up, stays empty. For ledgers that are kept elsewhere.
  Batch() noexcept;
  ~Batch();
  Batch(Batch&&) noexcept;
  Batch& operator=(Batch&&) noexcept;
  void Put(int family, absl::string_view key, absl::string_view value, Keep keep = Keep::kPeriod);
  void Delete(int family, absl::string_view key);
  size_t bytes() const;

 private:
  friend class DatabaseImpl;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Thread-safe.
class Database {
 public:
  // DATA_LOSS where the data key does not unwrap (rule "wrapped-key") or a file is damaged or
  // missing ("corrupt"); FAILED_PRECONDITION, rule "locked", where it is open elsewhere, also in
  // this process. Families that exist but are not named in the options are left alone.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const OpenOptions& options);
  virtual ~Database() = default;

  // On return the batch is on the disk (synced write-ahead log), and with it every earlier commit.
  // RESOURCE_EXHAUSTED, rule "disk-full": nothing was written; later commits succeed when there is
  // space again. DATA_LOSS, rule "corrupt": nothing was written, a file was found damaged. A write
  // or fsync that fails otherwise ends the process: what the disk then holds is unknown, and a
  // retry could lie. An empty batch does nothing.
  virtual absl::Status Commit(Batch&& batch) = 0;
  // As Commit, but a crash may lose it (never part of it, never out of order).
  virtual absl::Status CommitUnsynced(Batch&& batch) = 0;

  // What is put from now on, into families of Form::kPeriod, belongs to this period; its key is
  // made and durable. Nothing happens unless the period is newer than the current one. Before the
  // first call there is no period: values are kept always. RESOURCE_EXHAUSTED or UNAVAILABLE where
  // the key cannot be written.
  virtual absl::Status EnterPeriod(int period) = 0;
  // Destroys a period's key, for good: on return its values read as absent. Does nothing where it
  // is destroyed; completed at the next opening where a crash comes between. FAILED_PRECONDITION,
  // rule "period-in-use", unless the period lies before the current one.
  virtual absl::Status DestroyPeriod(int period) = 0;
  virtual bool IsDestroyed(int period) const = 0;
  // Bytes of keys and values of destroyed periods that compaction has taken from the disk, since
  // the database was opened.
  virtual uint64_t DroppedBytes() const = 0;

  // Absent keys give nullopt; an altered value gives DATA_LOSS, rule "seal", a damaged file rule
  // "corrupt".
  virtual absl::StatusOr<std::optional<std::string>> Get(int family,
                                                         absl::string_view key) const = 0;
  // Calls `visit` in key order from `start` while keys begin with `prefix` and it returns true.
  virtual absl::Status Scan(
      int family, absl::string_view prefix, absl::string_view start,
      const std::function<bool(absl::string_view key, absl::string_view value)>& visit) const = 0;

  // HMAC-SHA-256 under a key derived from the data key for `purpose`, cut to 16 bytes: what a key
  // that would identify a person is stored as.
  virtual std::string BlindKey(absl::string_view purpose, absl::string_view value) const = 0;

  // RocksDB's property, e.g. "rocksdb.total-sst-files-size", of all families; for figures.
  virtual uint64_t SumProperty(absl::string_view property) const = 0;
  virtual absl::Status Flush() = 0;
  // Flushes and compacts every family; freed bytes are then free.
  virtual absl::Status Compact() = 0;
};

// Fixed-width big-endian, so that keys sort as numbers do.
std::string KeyU64(uint64_t value);
uint64_t U64FromKey(absl::string_view key);

}  // namespace nakadachi::storage

#endif  // NAKADACHI_COMMON_STORAGE_DATABASE_H_
