// A log of which a test can sign any checkpoint, also one that no honest author would.
#ifndef NAKADACHI_TESTS_COMMON_WITNESS_LOG_H_
#define NAKADACHI_TESTS_COMMON_WITNESS_LOG_H_

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/ledger/checkpoint.h"
#include "common/merkle/merkle.h"
#include "common/witness/history.h"
#include "tests/common/ledger/ledger_fixture.h"

namespace nakadachi::witness {

class Log {
 public:
  Log(const Author& author, const Ed25519PrivateKey* key) : author_(author), key_(key) {}

  // Entries `kind` || index, up to a size.
  void Grow(uint64_t size, const std::string& kind) {
    while (leaves_.size() < size) {
      leaves_.push_back(merkle::LeafHash(absl::StrCat(kind, leaves_.size())));
    }
  }
  SeenCheckpoint At(uint64_t size, int64_t time_ms) const {
    const std::vector<Hash> first(leaves_.begin(),
                                  leaves_.begin() + static_cast<std::ptrdiff_t>(size));
    const Hash root = size == 0 ? merkle::EmptyRoot() : merkle::RootOfLeaves(first);
    return Signed({ledger::Origin(author_), size, root, time_ms});
  }
  SeenCheckpoint Signed(const ledger::Checkpoint& checkpoint) const {
    return {ledger::SignCheckpoint(checkpoint, *key_), checkpoint};
  }
  std::vector<Hash> Path(uint64_t from, uint64_t to) const {
    return merkle::BuildProof(merkle::PrefixProofNodes(from, to),
                              [this](merkle::NodeId node) -> absl::StatusOr<Hash> {
                                const auto first = leaves_.begin() + static_cast<std::ptrdiff_t>(
                                                                         node.index << node.level);
                                return merkle::RootOfLeaves(std::vector<Hash>(
                                    first, first + (std::ptrdiff_t{1} << node.level)));
                              })
        .value();
  }
  std::string Proof(uint64_t from, uint64_t to) const {
    std::string proof;
    for (const Hash& hash : Path(from, to)) absl::StrAppend(&proof, AsView(hash));
    return proof;
  }

 private:
  const Author author_;
  const Ed25519PrivateKey* const key_;
  std::vector<Hash> leaves_;
};

}  // namespace nakadachi::witness

#endif  // NAKADACHI_TESTS_COMMON_WITNESS_LOG_H_
