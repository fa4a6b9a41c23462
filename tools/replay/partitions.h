// Facts on disk, parted by a hash of their key, so that what belongs together is joined a part at
// a time, in memory that does not depend on how much there is: a part that outgrows it is parted
// anew.
#ifndef NAKADACHI_TOOLS_REPLAY_PARTITIONS_H_
#define NAKADACHI_TOOLS_REPLAY_PARTITIONS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "tools/replay/temporary_file.h"

namespace nakadachi::replay {

// Which part a key belongs to. The seed keeps whoever chose the keys from filling one part.
class Parting {
 public:
  static constexpr size_t kMostParts = 128;

  // Of kMostParts.
  static Parting Random();
  // Into so many parts, otherwise than by this one.
  Parting Anew(size_t parts) const { return Parting(parts, seed_ + 1); }

  size_t parts() const { return parts_; }
  size_t PartOf(absl::string_view key) const;

 private:
  Parting(size_t parts, uint64_t seed) : parts_(parts), seed_(seed) {}
  size_t parts_;
  uint64_t seed_;
};

// Bytes on disk, parted. Of each part only its first and its next block are held in memory: a block
// tells where the next one is. Thread-safe; errors are of the disk.
class PartedFile {
  struct Header {
    uint64_t next;  // block; the last one's is not yet written
    uint64_t size;  // bytes that follow
  };

 public:
  static constexpr size_t kBlockBytes = 8'192;
  static constexpr size_t kMostBytes = kBlockBytes - sizeof(Header);

  static absl::StatusOr<std::unique_ptr<PartedFile>> Create(const std::string& folder,
                                                            size_t parts);

  // One block of at most kMostBytes.
  absl::Status Append(size_t part, const void* bytes, size_t size);
  size_t SizeOf(size_t part) const;
  // Block by block, as they were appended.
  using Visit = std::function<absl::Status(const char* bytes, size_t size)>;
  absl::Status ForEach(size_t part, const Visit& visit) const;

 private:
  struct Chain {
    uint64_t first = 0;
    uint64_t next = 0;  // block, where the next bytes go
    size_t size = 0;
  };
  PartedFile(std::unique_ptr<TemporaryFile> file, size_t parts);

  const std::unique_ptr<TemporaryFile> file_;
  mutable absl::Mutex mutex_;
  uint64_t blocks_ ABSL_GUARDED_BY(mutex_) = 0;  // given to a part
  std::vector<Chain> chains_ ABSL_GUARDED_BY(mutex_);
};

// Facts parted by one of their fields.
template <typename FactType, typename Key>
class Parts {
  static_assert(std::is_trivially_copyable_v<FactType>);

 public:
  using Fact = FactType;

  static absl::StatusOr<std::unique_ptr<Parts>> Create(const std::string& folder,
                                                       const Parting& parting, Key Fact::*key) {
    auto file = PartedFile::Create(folder, parting.parts());
    if (!file.ok()) return file.status();
    return std::unique_ptr<Parts>(new Parts(folder, *std::move(file), parting, key));
  }

  // Buffers what one thread writes. Flush before reading.
  class Writer {
   public:
    explicit Writer(Parts* to) : to_(to), buffers_(to->parting_.parts()) {}
    void Add(const Fact& fact) {
      const Key& key = fact.*to_->key_;
      const size_t part = to_->parting_.PartOf(
          absl::string_view(reinterpret_cast<const char*>(key.data()), key.size()));
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
    static constexpr size_t kBuffered = PartedFile::kMostBytes / sizeof(Fact);
    static_assert(kBuffered > 0);
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

  size_t parts() const { return parting_.parts(); }
  size_t SizeOf(size_t part) const { return file_->SizeOf(part); }  // bytes
  // In the order in which they were written.
  absl::Status Read(size_t part, std::vector<Fact>* facts) const {
    facts->resize(SizeOf(part) / sizeof(Fact));
    char* at = reinterpret_cast<char*>(facts->data());
    return file_->ForEach(part, [&at](const char* bytes, size_t size) {
      std::memcpy(at, bytes, size);
      at += size;
      return absl::OkStatus();
    });
  }
  // One part, parted anew.
  absl::StatusOr<std::unique_ptr<Parts>> Split(size_t part, size_t parts) const {
    auto split = Create(folder_, parting_.Anew(parts), key_);
    if (!split.ok()) return split.status();
    Writer writer(split->get());
    absl::Status status = file_->ForEach(part, [&writer](const char* bytes, size_t size) {
      Fact fact;
      for (size_t at = 0; at < size; at += sizeof(Fact)) {
        std::memcpy(&fact, bytes + at, sizeof(Fact));
        writer.Add(fact);
      }
      return absl::OkStatus();
    });
    status.Update(writer.Flush());
    if (!status.ok()) return status;
    return split;
  }

 private:
  Parts(std::string folder, std::unique_ptr<PartedFile> file, const Parting& parting,
        Key Fact::*key)
      : folder_(std::move(folder)), file_(std::move(file)), parting_(parting), key_(key) {}
  const std::string folder_;
  const std::unique_ptr<PartedFile> file_;
  const Parting parting_;
  Key Fact::*const key_;
};

// JoinPart, which parts anew at most `deepest` times.
template <typename Visit, typename... Sides>
absl::Status JoinPartAt(int deepest, size_t part, size_t most_bytes, const Visit& visit,
                        const Sides&... sides) {
  const size_t bytes = (sides.SizeOf(part) + ...);
  if (bytes == 0) return absl::OkStatus();
  absl::Status status;
  if (bytes <= most_bytes || deepest == 0) {
    const auto read = [&](const auto& side) {
      std::vector<typename std::decay_t<decltype(side)>::Fact> facts;
      status.Update(side.Read(part, &facts));
      return facts;
    };
    const std::tuple<std::vector<typename Sides::Fact>...> facts{read(sides)...};
    if (status.ok()) std::apply(visit, facts);
    return status;
  }
  const size_t parts = std::min(Parting::kMostParts, 2 * bytes / most_bytes + 1);
  const auto split = [&](const auto& side) {
    auto made = side.Split(part, parts);
    status.Update(made.status());
    return made.ok() ? *std::move(made) : nullptr;
  };
  const std::tuple<std::unique_ptr<Sides>...> all{split(sides)...};
  for (size_t i = 0; i < parts && status.ok(); ++i) {
    status = std::apply(
        [&](const auto&... side) {
          return JoinPartAt(deepest - 1, i, most_bytes, visit, *side...);
        },
        all);
  }
  return status;
}

// Calls `visit` with the facts of one part, of all `sides`, or, where they are more than
// `most_bytes` together, with those of one after the other of the parts of this part. All facts of
// a key come in one call. Only facts of one key that are themselves more than `most_bytes` are read
// nevertheless.
template <typename Visit, typename... Sides>
absl::Status JoinPart(size_t part, size_t most_bytes, const Visit& visit, const Sides&... sides) {
  constexpr int kDeepest = 4;  // more than so often is parted only what has one key
  return JoinPartAt(kDeepest, part, most_bytes, visit, sides...);
}

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_PARTITIONS_H_
