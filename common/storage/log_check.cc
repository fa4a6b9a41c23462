#include "common/storage/log_check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "common/base/posix_file.h"
#include "common/base/status.h"
#include "common/crypto/private_file.h"
#include "common/storage/wal_format.h"

namespace nakadachi::storage {
namespace {

// RocksDB's log format: blocks of 32 KiB; a record never crosses a block; header = masked CRC-32C
// (4 bytes) over type and payload, payload length (2), type (1), little-endian. What is left of a
// block behind its last record and is shorter than a header is zero.
constexpr size_t kBlock = size_t{32} << 10;
constexpr size_t kHeader = 7;
enum Type : uint8_t { kNone = 0, kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

// What a disk writes whole or not at all.
constexpr size_t kSector = 512;
// Sealed and hashed bytes do not hold as many zeros in a row as this.
constexpr size_t kNeverAllZero = 32;

static_assert(kWalExtent % kBlock == 0);

constexpr std::array<uint32_t, 256> Crc32cTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78U : 0U);
    table[i] = crc;
  }
  return table;
}

constexpr uint32_t kCrcStart = 0xFFFFFFFFU;

uint32_t ExtendCrc32c(uint32_t crc, char c) {
  static constexpr std::array<uint32_t, 256> kTable = Crc32cTable();
  return kTable[(crc ^ static_cast<uint8_t>(c)) & 0xFF] ^ (crc >> 8);
}

uint32_t MaskCrc32c(uint32_t crc) {
  crc = ~crc;
  return ((crc >> 15) | (crc << 17)) + 0xA282EAD8U;
}

uint32_t MaskedCrc32c(absl::string_view bytes) {
  uint32_t crc = kCrcStart;
  for (const char c : bytes) crc = ExtendCrc32c(crc, c);
  return MaskCrc32c(crc);
}

uint32_t LittleEndian(absl::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) value = value << 8 | static_cast<uint8_t>(bytes[i - 1]);
  return value;
}

bool AllZero(absl::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
}

// The logical view of one log's bytes.
class Log {
 public:
  explicit Log(absl::string_view bytes) : bytes_(bytes) {}

  // The start of the first commit that is not whole; nullopt where all are. Blank space ends the
  // log; inside a commit it is what is missing of it.
  std::optional<size_t> FirstFault() const {
    size_t commit = 0;  // start of the present commit
    bool in_commit = false;
    for (size_t at = 0; at < bytes_.size();) {
      if (!in_commit) commit = at;
      if (LeftInBlock(at) < kHeader) {
        if (!AllZero(bytes_.substr(at, LeftInBlock(at)))) return commit;
        at += LeftInBlock(at);
        continue;
      }
      if (!in_commit && IsBlank(at) && AllZero(bytes_.substr(at))) return std::nullopt;
      if (!IsValid(at)) return commit;
      const Type type = TypeAt(at);
      if (in_commit != (type == kMiddle || type == kLast)) return commit;
      in_commit = type == kFirst || type == kMiddle;
      at += kHeader + LengthAt(at);
    }
    if (in_commit) return commit;
    return std::nullopt;
  }

  // Whether the faulty commit at `fault` is one that was being written when all stopped.
  bool IsTorn(size_t fault) const {
    return !HasCommitBehind(fault) && !IsWholeAtAnotherLength(fault) && MissesSectors(fault);
  }

  // Whether only the length of the faulty record was altered: its checksum does not cover that.
  // Random bytes have a matching checksum at one of a block's 32 Ki places once in 2^17 times, so
  // what would follow the record must make sense there as well.
  bool IsWholeAtAnotherLength(size_t fault) const {
    const size_t at = FirstFaultyRecord(fault);
    if (LeftInBlock(at) <= kHeader || IsBlank(at)) return false;
    const uint32_t expected = LittleEndian(bytes_.substr(at, 4));
    const size_t border = at + LeftInBlock(at);
    uint32_t crc = kCrcStart;
    for (size_t end = at + kHeader; end <= border; ++end) {
      crc = ExtendCrc32c(crc, bytes_[end - 1]);
      if (MaskCrc32c(crc) == expected && MayEnd(TypeAt(at), end)) return true;
    }
    return false;
  }

 private:
  size_t LeftInBlock(size_t at) const { return std::min(kBlock - at % kBlock, bytes_.size() - at); }
  size_t LengthAt(size_t at) const { return LittleEndian(bytes_.substr(at + 4, 2)); }
  Type TypeAt(size_t at) const { return static_cast<Type>(bytes_[at + 6]); }
  bool IsBlank(size_t at) const { return AllZero(bytes_.substr(at, kHeader)); }

  bool IsValid(size_t at) const {
    if (LeftInBlock(at) < kHeader) return false;
    const Type type = TypeAt(at);
    if (type < kFull || type > kLast) return false;
    const size_t length = LengthAt(at);
    if (kHeader + length > LeftInBlock(at)) return false;
    return MaskedCrc32c(bytes_.substr(at + 6, 1 + length)) == LittleEndian(bytes_.substr(at, 4));
  }

  // Whether a record of this type may end here: a commit goes on in the next block, and behind it
  // there is another or nothing.
  bool MayEnd(Type type, size_t end) const {
    if (type == kFirst || type == kMiddle) return end % kBlock == 0;
    const size_t next = LeftInBlock(end) < kHeader ? end + LeftInBlock(end) : end;
    if (IsValid(next)) return true;
    const size_t last = bytes_.find_last_not_of('\0');
    return last < end && end - last <= kNeverAllZero;
  }

  // Looks at every place where a record could stand: behind the faulty one as its length has it,
  // and from each later block's start.
  bool HasCommitBehind(size_t fault) const {
    for (size_t start = fault; start < bytes_.size(); start = (start / kBlock + 1) * kBlock) {
      for (size_t at = start; LeftInBlock(at) >= kHeader && at / kBlock == start / kBlock;) {
        const size_t size = kHeader + LengthAt(at);
        const bool opens_commit = TypeAt(at) == kFull || TypeAt(at) == kFirst;
        if (at != fault && opens_commit && IsValid(at)) return true;
        if (size >= LeftInBlock(at)) break;
        at += size;
      }
    }
    return false;
  }

  // Sectors that never reached the disk are zero, the others are whole.
  bool MissesSectors(size_t fault) const {
    size_t end = bytes_.size();
    while (end > fault && bytes_[end - 1] == 0) --end;
    for (size_t at = fault; at < end;) {
      const size_t border = (at / kSector + 1) * kSector;
      if (border <= end && AllZero(bytes_.substr(at, border - at))) return true;
      at = border;
    }
    // None inside; then the commit was cut at its end, which is the end of a sector.
    const size_t border = (end + kSector - 1) / kSector * kSector;
    if (border - end >= kNeverAllZero) return false;
    const size_t record = FirstFaultyRecord(fault);
    return record >= border || record + kHeader + LengthAt(record) > border;
  }

  // Of the commit at `fault`: the record that is missing or does not check.
  size_t FirstFaultyRecord(size_t fault) const {
    size_t at = fault;
    while (at < bytes_.size() && IsValid(at)) {
      at += kHeader + LengthAt(at);
      if (LeftInBlock(at) < kHeader) at += LeftInBlock(at);
    }
    return at;
  }

  const absl::string_view bytes_;
};

absl::Status IoError(const char* doing) {
  return FieldError(absl::StatusCode::kUnavailable, "storage", "io",
                    absl::StrCat("cannot ", doing, " a log: ", std::strerror(errno)));
}

absl::Status Damaged(const std::string& path, absl::string_view how) {
  return FieldError(
      absl::StatusCode::kDataLoss, "storage", "corrupt",
      absl::StrCat("file ", std::filesystem::path(path).filename().string(), ": ", how));
}

absl::StatusOr<std::string> ReadAll(int fd) {
  struct stat info;
  if (::fstat(fd, &info) != 0) return IoError("stat");
  std::string bytes(static_cast<size_t>(info.st_size), '\0');
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t n =
        ::pread(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return IoError("read");
    done += static_cast<size_t>(n);
  }
  return bytes;
}

absl::Status Blank(int fd, size_t start, size_t end) {
  const std::string zeros(end - start, '\0');
  for (size_t done = 0; done < zeros.size();) {
    const ssize_t n =
        ::pwrite(fd, zeros.data() + done, zeros.size() - done, static_cast<off_t>(start + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return IoError("write");
    done += static_cast<size_t>(n);
  }
  if (::fdatasync(fd) != 0) return IoError("sync");
  return absl::OkStatus();
}

absl::Status CheckWal(const std::string& path, bool is_last) {
  const Descriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (file.get() < 0) return IoError("open");
  NAKADACHI_ASSIGN_OR_RETURN(const std::string bytes, ReadAll(file.get()));
  if (bytes.empty() || bytes.size() % kWalExtent != 0) return Damaged(path, "was truncated");
  const Log log(bytes);
  const std::optional<size_t> fault = log.FirstFault();
  if (!fault.has_value()) return absl::OkStatus();
  if (!is_last || !log.IsTorn(*fault))
    return Damaged(path, absl::StrCat("damaged at offset ", *fault));
  return Blank(file.get(), *fault, bytes.size());
}

// The manifest is kept in the same format, without zeros behind it. RocksDB detects all damage
// but one: a last record whose length was altered looks as if it had not been finished.
absl::Status CheckManifest(const std::string& folder) {
  const absl::StatusOr<std::string> name = ReadPublicFile(folder + "/CURRENT");
  if (!name.ok()) return absl::OkStatus();  // for RocksDB to judge
  const std::string path = absl::StrCat(folder, "/", absl::StripSuffix(*name, "\n"));
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return absl::OkStatus();
  NAKADACHI_ASSIGN_OR_RETURN(const std::string bytes, ReadAll(file.get()));
  const Log log(bytes);
  const std::optional<size_t> fault = log.FirstFault();
  if (!fault.has_value() || !log.IsWholeAtAnotherLength(*fault)) return absl::OkStatus();
  return Damaged(path, absl::StrCat("damaged at offset ", *fault));
}

// By their numbers.
absl::StatusOr<std::map<uint64_t, std::string>> ListWals(const std::string& folder) {
  std::map<uint64_t, std::string> paths;
  std::error_code error;
  std::filesystem::directory_iterator it(folder, error);
  for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    const std::string name = it->path().filename().string();
    uint64_t number = 0;
    if (absl::EndsWith(name, kWalSuffix) &&
        absl::SimpleAtoi(absl::string_view(name).substr(0, name.size() - std::strlen(kWalSuffix)),
                         &number))
      paths.emplace(number, it->path().string());
  }
  if (error) return IoError("list");
  return paths;
}

// The log that is known to have been there. 0 where nothing was noted: by an earlier version, or
// for want of room.
absl::StatusOr<uint64_t> NewestNoted(const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/", kNewestWal);
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.ok() && errno == ENOENT) return 0;
  if (!file.ok()) return IoError("open the note of");
  NAKADACHI_ASSIGN_OR_RETURN(const std::string line, ReadAll(file.get()));
  if (line.empty()) return 0;
  uint64_t number = 0;
  if (line.back() != '\n' || !absl::SimpleAtoi(absl::StripSuffix(line, "\n"), &number))
    return Damaged(path, "is no number");
  return number;
}

}  // namespace

absl::Status CheckLogs(const std::string& folder) {
  NAKADACHI_RETURN_IF_ERROR(CheckManifest(folder));
  NAKADACHI_ASSIGN_OR_RETURN(const auto wals, ListWals(folder));
  NAKADACHI_ASSIGN_OR_RETURN(const uint64_t noted, NewestNoted(folder));
  if (wals.empty() || wals.rbegin()->first < noted)
    return FieldError(absl::StatusCode::kDataLoss, "storage", "corrupt",
                      "the write-ahead log is gone");
  for (const auto& [number, path] : wals)
    NAKADACHI_RETURN_IF_ERROR(CheckWal(path, number == wals.rbegin()->first));
  return absl::OkStatus();
}

}  // namespace nakadachi::storage
