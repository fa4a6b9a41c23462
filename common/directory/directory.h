// Who belongs to the network, with which keys, and what the law allows there: the state that the
// broker's Directory statements add up to. Broker, members and an inspector's replay build it
// from the same statements.
#ifndef NAKADACHI_COMMON_DIRECTORY_DIRECTORY_H_
#define NAKADACHI_COMMON_DIRECTORY_DIRECTORY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/base/ids.h"
#include "common/crypto/crypto.h"
#include "common/ledger/verifier.h"
#include "common/permission/permission_list.h"
#include "nakadachi/v1/statement.pb.h"

namespace nakadachi {

struct MemberKey {
  Ed25519PublicKey signing_key{};
  X25519PublicKey sealing_key{};
  int64_t valid_from_ms = 0;
  int64_t valid_until_ms = 0;   // exclusive; 0: open
  int64_t revoked_from_ms = 0;  // 0: not revoked
  bool ValidAt(int64_t time_ms) const;
};
// The first eight bytes of SHA-256 of a sealing key.
std::string SealingKeyId(const X25519PublicKey& key);

struct Member {
  LocalGovernmentCode code;
  std::string name;
  std::string category;
  v1::Route route;
  std::vector<MemberKey> keys;  // oldest first
};

struct PublishedList {
  uint64_t version = 0;
  int64_t published_ms = 0;
  int64_t in_force_from_ms = 0;
  std::shared_ptr<const permission::PermissionList> list;
  std::string csv;
};

// Thread-safe. Only grows.
class Directory final : public ledger::KeySource {
 public:
  // `trust_anchor`: the broker's first signing key, known before any statement; its statements
  // are checked with it until NetworkFounded names it too.
  explicit Directory(const Ed25519PublicKey& trust_anchor);

  // Applies the next change. INVALID_ARGUMENT / ALREADY_EXISTS / NOT_FOUND with field and rule;
  // rules: "sequence" (not the next), "known-member", "unknown-member", "category", "key-length",
  // "key-reused", "retroactive" (list in force, or key revoked, before the statement's time),
  // "version", "list" (with the list's own error). Nothing changes on an error.
  absl::Status Apply(const v1::Statement& statement);
  // What Apply would say; for the broker before it records.
  absl::Status Check(const v1::Statement& statement) const;

  uint64_t sequence() const;
  std::optional<Member> Find(const LocalGovernmentCode& code) const;
  std::vector<Member> Members() const;
  std::vector<MemberKey> BrokerKeys() const;
  // The sealing key of a member (or the broker) in use at a time: the newest valid one.
  std::optional<X25519PublicKey> SealingKeyAt(const Author& author, int64_t time_ms) const;
  std::optional<X25519PublicKey> SealingKeyById(const Author& author, absl::string_view id) const;

  std::shared_ptr<const PublishedList> ListInForce(int64_t time_ms) const;
  std::shared_ptr<const PublishedList> ListByVersion(uint64_t version) const;
  std::vector<std::shared_ptr<const PublishedList>> Lists() const;

  // ledger::KeySource
  std::vector<Ed25519PublicKey> KeysAt(const Author& author, int64_t time_ms) const override;
  bool Knows(const Author& author) const override;
  bool RevokedAt(const Author& author, const Ed25519PublicKey& key,
                 int64_t time_ms) const override;

 private:
  absl::Status CheckLocked(const v1::Statement& statement,
                           std::shared_ptr<const permission::PermissionList>* parsed) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  uint64_t sequence_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<MemberKey> broker_keys_ ABSL_GUARDED_BY(mutex_);
  std::map<LocalGovernmentCode, Member> members_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<const PublishedList>> lists_ ABSL_GUARDED_BY(mutex_);
  Ed25519PublicKey trust_anchor_;
};

}  // namespace nakadachi

#endif  // NAKADACHI_COMMON_DIRECTORY_DIRECTORY_H_
