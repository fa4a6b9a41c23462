// Facts on disk, parted by a hash of their key, so that what belongs together is joined a part at
// a time in memory that does not depend on how much there is.
#ifndef NAKADACHI_TOOLS_REPLAY_PARTITIONS_H_
#define NAKADACHI_TOOLS_REPLAY_PARTITIONS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace nakadachi::replay {

// Which part a key belongs to. The seed keeps whoever chose the keys from filling one part.
class Parting {
 public:
  Parting(size_t parts, uint64_t seed) : parts_(parts), seed_(seed) {}
  size_t parts() const { return parts_; }
  size_t PartOf(absl::string_view key) const;

 private:
  size_t parts_;
  uint64_t seed_;
};

// A temporary file of blocks, each of one part. The file has no name: it goes with the object, or
// with the process. Thread-safe; errors are of the disk (UNAVAILABLE, RESOURCE_EXHAUSTED).
class PartedFile {
 public:
  static absl::StatusOr<std::unique_ptr<PartedFile>> Create(const std::string& folder,
                                                            size_t parts);
  ~PartedFile();
  PartedFile(const PartedFile&) = delete;
  PartedFile& operator=(const PartedFile&) = delete;

  absl::Status Append(size_t part, const void* bytes, size_t size);
  size_t SizeOf(size_t part) const;
  // `to` has room for SizeOf(part).
  absl::Status Read(size_t part, void* to) const;
  // By the place in the file; for a file of one part, whose blocks lie one after the other.
  absl::Status ReadAt(uint64_t offset, void* to, size_t size) const;

 private:
  struct Block {
    uint64_t offset;
    uint64_t size;
  };
  PartedFile(int fd, size_t parts) : fd_(fd), blocks_(parts) {}

  const int fd_;
  mutable absl::Mutex mutex_;
  uint64_t end_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::vector<Block>> blocks_ ABSL_GUARDED_BY(mutex_);
};

template <typename Fact>
class Parts {
  static_assert(std::is_trivially_copyable_v<Fact>);

 public:
  static absl::StatusOr<std::unique_ptr<Parts>> Create(const std::string& folder, size_t parts) {
    auto file = PartedFile::Create(folder, parts);
    if (!file.ok()) return file.status();
    return std::unique_ptr<Parts>(new Parts(*std::move(file), parts));
  }

  // Buffers what one thread writes. Flush before reading.
  class Writer {
   public:
    explicit Writer(Parts* to) : to_(to), buffers_(to->parts_) {}
    void Add(size_t part, const Fact& fact) {
      std::vector<Fact>& buffer = buffers_[part];
      if (buffer.capacity() == 0) buffer.reserve(kBuffered);
      buffer.push_back(fact);
      if (buffer.size() == kBuffered) Write(part);
    }
    // The first error of any Add.
    absl::Status Flush() {
      for (size_t part = 0; part < buffers_.size(); ++part) Write(part);
      return status_;
    }

   private:
    static constexpr size_t kBuffered = 16'384 / sizeof(Fact);
    void Write(size_t part) {
      std::vector<Fact>& buffer = buffers_[part];
      if (buffer.empty()) return;
      status_.Update(to_->file_->Append(part, buffer.data(), buffer.size() * sizeof(Fact)));
      buffer.clear();
    }
    Parts* const to_;
    std::vector<std::vector<Fact>> buffers_;
    absl::Status status_;
  };

  absl::StatusOr<std::vector<Fact>> Read(size_t part) const {
    std::vector<Fact> facts(file_->SizeOf(part) / sizeof(Fact));
    const absl::Status read = file_->Read(part, facts.data());
    if (!read.ok()) return read;
    return facts;
  }
  size_t parts() const { return parts_; }

 private:
  Parts(std::unique_ptr<PartedFile> file, size_t parts) : file_(std::move(file)), parts_(parts) {}
  const std::unique_ptr<PartedFile> file_;
  const size_t parts_;
};

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_PARTITIONS_H_
