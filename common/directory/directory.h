// Who belongs to the network, with which keys, and what the law allows there: the state that the
// broker's Directory statements add up to. Broker, members and an inspector's replay build it
// from the same statements.
#ifndef NAKADACHI_COMMON_DIRECTORY_DIRECTORY_H_
#define NAKADACHI_COMMON_DIRECTORY_DIRECTORY_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
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

// Thread-safe; reads share a lock and hold it for a look-up only. Only grows.
class Directory final : public ledger::KeySource {
 public:
  // `trust_anchor`: the broker's first signing key, known before any statement; its statements
  // are checked with it until NetworkFounded names it too.
  explicit Directory(const Ed25519PublicKey& trust_anchor);

  // Applies the next change. The caller has verified that the broker recorded the statement.
  // Nothing changes on an error. Errors have a field such as "directory.member_joined.code" and:
  //   INVALID_ARGUMENT  "author" (not the broker), "kind" (no change that is known), "sequence"
  //                     (not the next), "founded" (anything else before NetworkFounded),
  //                     "trust-anchor" (NetworkFounded names another signing key), "key-length",
  //                     "validity" (keys end before they begin; the broker's first are not valid
  //                     at the statement's time), "retroactive" (list in force, or key revoked,
  //                     before the statement's time), "version" (not the next), "list" (with the
  //                     list's own error), "category" (unknown, or prefecture and municipality
  //                     confused), and those of Author::Parse
  //   ALREADY_EXISTS    "founded", "known-member", "key-reused" (by whomever, for whatever),
  //                     "key-revoked" (already from that time or earlier)
  //   NOT_FOUND         "unknown-member", "unknown-key"
  absl::Status Apply(const v1::Statement& statement);
  // What Apply would say; for the broker before it records.
  absl::Status Check(const v1::Statement& statement) const;

  uint64_t sequence() const;  // of the last change, 0 before the first
  std::optional<Member> Find(const LocalGovernmentCode& code) const;
  std::vector<Member> Members() const;  // by code
  std::vector<MemberKey> BrokerKeys() const;
  // The sealing key of a member (or the broker) in use at a time: of the valid the last added.
  std::optional<X25519PublicKey> SealingKeyAt(const Author& author, int64_t time_ms) const;
  // The sealing key with an id, valid or not: what was sealed once may be opened later.
  std::optional<X25519PublicKey> SealingKeyById(const Author& author, absl::string_view id) const;

  // The highest version that is in force by then, so that a new version also replaces one that
  // was announced for later. Null where there is none.
  std::shared_ptr<const PublishedList> ListInForce(int64_t time_ms) const;
  std::shared_ptr<const PublishedList> ListByVersion(uint64_t version) const;
  std::vector<std::shared_ptr<const PublishedList>> Lists() const;

  // ledger::KeySource
  std::vector<Ed25519PublicKey> KeysAt(const Author& author, int64_t time_ms) const override;
  bool Knows(const Author& author) const override;
  bool RevokedAt(const Author& author, const Ed25519PublicKey& key, int64_t time_ms) const override;

 private:
  using ParsedList = absl::StatusOr<permission::PermissionList>;

  absl::Status CheckLocked(const v1::Statement& statement, const ParsedList& list) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  absl::Status CheckFounded(const v1::Statement& statement) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  absl::Status CheckJoined(const v1::MemberJoined& joined) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  absl::Status CheckKeys(const v1::PublicKeys& keys) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  absl::Status CheckKeyAdded(const v1::KeyAdded& added) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  absl::Status CheckKeyRevoked(const v1::KeyRevoked& revoked, int64_t time_ms) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  absl::Status CheckRoute(const v1::RouteChanged& changed) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  absl::Status CheckList(const v1::ListPublished& published, int64_t time_ms,
                         const ParsedList& list) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  void ChangeLocked(const v1::Statement& statement, ParsedList list)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AddKeys(std::vector<MemberKey>& to, const v1::PublicKeys& keys)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<MemberKey>& KeysToChange(const Author& author) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Null where the author is unknown.
  const std::vector<MemberKey>* KeysOf(const Author& author) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  uint64_t sequence_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<MemberKey> broker_keys_ ABSL_GUARDED_BY(mutex_);
  std::map<Author, Member> members_ ABSL_GUARDED_BY(mutex_);
  std::set<std::array<uint8_t, 32>> used_keys_ ABSL_GUARDED_BY(mutex_);  // of all, of both kinds
  std::vector<std::shared_ptr<const PublishedList>> lists_ ABSL_GUARDED_BY(mutex_);  // by version
  const Ed25519PublicKey trust_anchor_;
};

}  // namespace nakadachi

#endif  // NAKADACHI_COMMON_DIRECTORY_DIRECTORY_H_
