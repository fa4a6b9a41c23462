#include "tools/replay/partitions.h"

#include <algorithm>
#include <array>

#include "absl/hash/hash.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"

namespace nakadachi::replay {

Parting Parting::Random() {
  const auto bytes = SystemRandom().Bytes<8>();
  uint64_t seed = 0;
  std::memcpy(&seed, bytes.data(), bytes.size());
  return Parting(kMostParts, seed);
}

size_t Parting::PartOf(absl::string_view key) const { return absl::HashOf(seed_, key) % parts_; }

absl::StatusOr<std::unique_ptr<PartedFile>> PartedFile::Create(const std::string& folder,
                                                               size_t parts) {
  NAKADACHI_ASSIGN_OR_RETURN(auto file, TemporaryFile::Create(folder));
  return std::unique_ptr<PartedFile>(new PartedFile(std::move(file), parts));
}

PartedFile::PartedFile(std::unique_ptr<TemporaryFile> file, size_t parts)
    : file_(std::move(file)), blocks_(parts), chains_(parts) {
  for (size_t part = 0; part < parts; ++part) chains_[part].first = chains_[part].next = part;
}

absl::Status PartedFile::Append(size_t part, const void* bytes, size_t size) {
  NAKADACHI_CHECK(size <= kMostBytes);
  uint64_t block = 0;
  Header header{};
  header.size = size;
  {
    absl::MutexLock lock(&mutex_);
    Chain& chain = chains_[part];
    block = chain.next;
    header.next = chain.next = blocks_++;
    chain.size += size;
  }
  std::array<char, kBlockBytes> buffer;
  std::memcpy(buffer.data(), &header, sizeof(header));
  std::memcpy(buffer.data() + sizeof(header), bytes, size);
  std::fill(buffer.begin() + sizeof(header) + size, buffer.end(), '\0');
  return file_->WriteAt(block * kBlockBytes, buffer.data(), buffer.size());
}

size_t PartedFile::SizeOf(size_t part) const {
  absl::MutexLock lock(&mutex_);
  return chains_[part].size;
}

absl::Status PartedFile::ForEach(size_t part, const Visit& visit) const {
  Chain chain;
  {
    absl::MutexLock lock(&mutex_);
    chain = chains_[part];
  }
  std::array<char, kBlockBytes> buffer;
  for (uint64_t block = chain.first; block != chain.next;) {
    NAKADACHI_RETURN_IF_ERROR(file_->ReadAt(block * kBlockBytes, buffer.data(), buffer.size()));
    Header header{};
    std::memcpy(&header, buffer.data(), sizeof(header));
    NAKADACHI_RETURN_IF_ERROR(visit(buffer.data() + sizeof(header), header.size));
    block = header.next;
  }
  return absl::OkStatus();
}

}  // namespace nakadachi::replay
