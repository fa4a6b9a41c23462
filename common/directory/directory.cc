#include "common/directory/directory.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"

namespace nakadachi {
namespace {

using Change = v1::Directory::ChangeCase;

absl::Status NotFound(absl::string_view field, absl::string_view rule, absl::string_view message) {
  return FieldError(absl::StatusCode::kNotFound, field, rule, message);
}

absl::Status AlreadyExists(absl::string_view field, absl::string_view rule,
                           absl::string_view message) {
  return FieldError(absl::StatusCode::kAlreadyExists, field, rule, message);
}

// `bytes` has been checked to be 32 long.
std::array<uint8_t, 32> KeyBytes(absl::string_view bytes) {
  std::array<uint8_t, 32> key;
  NAKADACHI_CHECK(bytes.size() == key.size());
  std::memcpy(key.data(), bytes.data(), key.size());
  return key;
}

absl::Status CheckKeyLength(absl::string_view bytes, absl::string_view field) {
  if (bytes.size() == 32) return absl::OkStatus();
  return InvalidField(field, "key-length", "must have 32 bytes");
}

MemberKey ToMemberKey(const v1::PublicKeys& keys) {
  MemberKey key;
  key.signing_key = KeyBytes(keys.signing_key());
  key.sealing_key = KeyBytes(keys.sealing_key());
  key.valid_from_ms = keys.valid_from_ms();
  key.valid_until_ms = keys.valid_until_ms();
  return key;
}

// A key's holder by the text of a statement that was checked.
Author CheckedAuthor(absl::string_view code) {
  absl::StatusOr<Author> author = Author::Parse(code);
  NAKADACHI_CHECK(author.ok());
  return *std::move(author);
}

// Municipalities and prefectures may ask for different things, and a code tells them apart.
bool Confused(const LocalGovernmentCode& code, absl::string_view category) {
  return code.IsPrefecture() ? category == "municipality" : category == "prefecture";
}

// A list is parsed before the lock is taken, so that readers do not wait for it.
absl::StatusOr<permission::PermissionList> ParseList(const v1::Statement& statement) {
  if (statement.directory().change_case() != Change::kListPublished) {
    return absl::FailedPreconditionError("no list");
  }
  return permission::PermissionList::Parse(statement.directory().list_published().csv());
}

}  // namespace

bool MemberKey::ValidAt(int64_t time_ms) const {
  return valid_from_ms <= time_ms && (valid_until_ms == 0 || time_ms < valid_until_ms) &&
         (revoked_from_ms == 0 || time_ms < revoked_from_ms);
}

std::string SealingKeyId(const X25519PublicKey& key) {
  const Hash hash =
      Sha256(absl::string_view(reinterpret_cast<const char*>(key.data()), key.size()));
  return std::string(AsView(hash).substr(0, 8));
}

Directory::Directory(const Ed25519PublicKey& trust_anchor) : trust_anchor_(trust_anchor) {}

absl::Status Directory::Check(const v1::Statement& statement) const {
  const ParsedList list = ParseList(statement);
  absl::ReaderMutexLock lock(&mutex_);
  return CheckLocked(statement, list);
}

absl::Status Directory::Apply(const v1::Statement& statement) {
  ParsedList list = ParseList(statement);
  absl::MutexLock lock(&mutex_);
  NAKADACHI_RETURN_IF_ERROR(CheckLocked(statement, list));
  ChangeLocked(statement, std::move(list));
  return absl::OkStatus();
}

absl::Status Directory::CheckLocked(const v1::Statement& statement, const ParsedList& list) const {
  if (statement.author() != Author::Broker().ToString()) {
    return InvalidField("author", "author", "only the broker changes the directory");
  }
  if (!statement.has_directory()) return InvalidField("kind", "kind", "is no directory change");
  const v1::Directory& directory = statement.directory();
  if (directory.sequence() != sequence_ + 1) {
    return InvalidField("directory.sequence", "sequence",
                        absl::StrCat("must be ", sequence_ + 1, ", the next"));
  }
  if (sequence_ == 0 && directory.change_case() != Change::kNetworkFounded) {
    return InvalidField("directory.change", "founded", "the first change founds the network");
  }
  switch (directory.change_case()) {
    case Change::kNetworkFounded:
      return UnderField("directory.network_founded", CheckFounded(statement));
    case Change::kMemberJoined:
      return UnderField("directory.member_joined", CheckJoined(directory.member_joined()));
    case Change::kKeyAdded:
      return UnderField("directory.key_added", CheckKeyAdded(directory.key_added()));
    case Change::kKeyRevoked:
      return UnderField("directory.key_revoked",
                        CheckKeyRevoked(directory.key_revoked(), statement.time_ms()));
    case Change::kRouteChanged:
      return UnderField("directory.route_changed", CheckRoute(directory.route_changed()));
    case Change::kListPublished:
      return UnderField("directory.list_published",
                        CheckList(directory.list_published(), statement.time_ms(), list));
    case Change::CHANGE_NOT_SET:
      break;
  }
  return InvalidField("directory.change", "kind", "is no change that is known here");
}

absl::Status Directory::CheckFounded(const v1::Statement& statement) const {
  if (sequence_ != 0) return AlreadyExists("", "founded", "the network is founded already");
  const v1::PublicKeys& keys = statement.directory().network_founded().broker_keys();
  NAKADACHI_RETURN_IF_ERROR(UnderField("broker_keys", CheckKeys(keys)));
  if (KeyBytes(keys.signing_key()) != trust_anchor_) {
    return InvalidField("broker_keys.signing_key", "trust-anchor", "is not the key trusted here");
  }
  if (!ToMemberKey(keys).ValidAt(statement.time_ms())) {
    return InvalidField("broker_keys.valid_from_ms", "validity",
                        "the broker's first keys must be valid at once");
  }
  return absl::OkStatus();
}

absl::Status Directory::CheckJoined(const v1::MemberJoined& joined) const {
  NAKADACHI_ASSIGN_OR_RETURN(const LocalGovernmentCode code,
                             LocalGovernmentCode::Parse(joined.code()));
  if (members_.count(Author::Of(code)) != 0) {
    return AlreadyExists("code", "known-member", "is a member already");
  }
  if (!permission::IsCategory(joined.category())) {
    return InvalidField("category", "category", "is no known category");
  }
  if (Confused(code, joined.category())) {
    return InvalidField("category", "category", "does not go with the code");
  }
  return UnderField("keys", CheckKeys(joined.keys()));
}

absl::Status Directory::CheckKeys(const v1::PublicKeys& keys) const {
  NAKADACHI_RETURN_IF_ERROR(CheckKeyLength(keys.signing_key(), "signing_key"));
  NAKADACHI_RETURN_IF_ERROR(CheckKeyLength(keys.sealing_key(), "sealing_key"));
  if (keys.valid_until_ms() != 0 && keys.valid_until_ms() <= keys.valid_from_ms()) {
    return InvalidField("valid_until_ms", "validity", "must be after valid_from_ms");
  }
  if (used_keys_.count(KeyBytes(keys.signing_key())) != 0) {
    return AlreadyExists("signing_key", "key-reused", "was used before");
  }
  if (used_keys_.count(KeyBytes(keys.sealing_key())) != 0 ||
      keys.sealing_key() == keys.signing_key()) {
    return AlreadyExists("sealing_key", "key-reused", "was used before");
  }
  return absl::OkStatus();
}

absl::Status Directory::CheckKeyAdded(const v1::KeyAdded& added) const {
  NAKADACHI_ASSIGN_OR_RETURN(const Author author, Author::Parse(added.code(), "code"));
  if (KeysOf(author) == nullptr) return NotFound("code", "unknown-member", "is no member");
  return UnderField("keys", CheckKeys(added.keys()));
}

absl::Status Directory::CheckKeyRevoked(const v1::KeyRevoked& revoked, int64_t time_ms) const {
  NAKADACHI_ASSIGN_OR_RETURN(const Author author, Author::Parse(revoked.code(), "code"));
  const std::vector<MemberKey>* keys = KeysOf(author);
  if (keys == nullptr) return NotFound("code", "unknown-member", "is no member");
  NAKADACHI_RETURN_IF_ERROR(CheckKeyLength(revoked.signing_key(), "signing_key"));
  const auto key = std::find_if(keys->begin(), keys->end(), [&revoked](const MemberKey& k) {
    return k.signing_key == KeyBytes(revoked.signing_key());
  });
  if (key == keys->end()) return NotFound("signing_key", "unknown-key", "is no key of the member");
  // Zero would read as "not revoked".
  if (revoked.revoked_from_ms() < time_ms || revoked.revoked_from_ms() <= 0) {
    return InvalidField("revoked_from_ms", "retroactive", "is before the statement's time");
  }
  if (key->revoked_from_ms != 0 && key->revoked_from_ms <= revoked.revoked_from_ms()) {
    return AlreadyExists("signing_key", "key-revoked", "is revoked from that time or earlier");
  }
  return absl::OkStatus();
}

absl::Status Directory::CheckRoute(const v1::RouteChanged& changed) const {
  NAKADACHI_ASSIGN_OR_RETURN(const LocalGovernmentCode code,
                             LocalGovernmentCode::Parse(changed.code()));
  if (members_.count(Author::Of(code)) == 0) {
    return NotFound("code", "unknown-member", "is no member");
  }
  return absl::OkStatus();
}

absl::Status Directory::CheckList(const v1::ListPublished& published, int64_t time_ms,
                                  const ParsedList& list) const {
  if (published.version() != lists_.size() + 1) {
    return InvalidField("version", "version",
                        absl::StrCat("must be ", lists_.size() + 1, ", the next"));
  }
  if (published.in_force_from_ms() < time_ms) {
    return InvalidField("in_force_from_ms", "retroactive", "is before the statement's time");
  }
  if (!list.ok()) return InvalidField("csv", "list", list.status().message());
  return absl::OkStatus();
}

void Directory::ChangeLocked(const v1::Statement& statement, ParsedList list) {
  const v1::Directory& directory = statement.directory();
  sequence_ = directory.sequence();
  switch (directory.change_case()) {
    case Change::kNetworkFounded:
      AddKeys(broker_keys_, directory.network_founded().broker_keys());
      return;
    case Change::kMemberJoined: {
      const v1::MemberJoined& joined = directory.member_joined();
      absl::StatusOr<LocalGovernmentCode> code = LocalGovernmentCode::Parse(joined.code());
      NAKADACHI_CHECK(code.ok());
      Member member{*std::move(code), joined.name(), joined.category(), joined.route(), {}};
      AddKeys(member.keys, joined.keys());
      const Author author = Author::Of(member.code);
      members_.emplace(author, std::move(member));
      return;
    }
    case Change::kKeyAdded:
      AddKeys(KeysToChange(CheckedAuthor(directory.key_added().code())),
              directory.key_added().keys());
      return;
    case Change::kKeyRevoked: {
      const v1::KeyRevoked& revoked = directory.key_revoked();
      for (MemberKey& key : KeysToChange(CheckedAuthor(revoked.code()))) {
        if (key.signing_key != KeyBytes(revoked.signing_key())) continue;
        key.revoked_from_ms = revoked.revoked_from_ms();
      }
      return;
    }
    case Change::kRouteChanged: {
      const auto member = members_.find(CheckedAuthor(directory.route_changed().code()));
      NAKADACHI_CHECK(member != members_.end());
      member->second.route = directory.route_changed().route();
      return;
    }
    case Change::kListPublished: {
      const v1::ListPublished& published = directory.list_published();
      lists_.push_back(std::make_shared<const PublishedList>(PublishedList{
          published.version(), statement.time_ms(), published.in_force_from_ms(),
          std::make_shared<const permission::PermissionList>(*std::move(list)), published.csv()}));
      return;
    }
    case Change::CHANGE_NOT_SET:
      break;
  }
  NAKADACHI_CHECK(false);
}

void Directory::AddKeys(std::vector<MemberKey>& to, const v1::PublicKeys& keys) {
  to.push_back(ToMemberKey(keys));
  used_keys_.insert(to.back().signing_key);
  used_keys_.insert(to.back().sealing_key);
}

std::vector<MemberKey>& Directory::KeysToChange(const Author& author) {
  if (author.IsBroker()) return broker_keys_;
  const auto member = members_.find(author);
  NAKADACHI_CHECK(member != members_.end());
  return member->second.keys;
}

const std::vector<MemberKey>* Directory::KeysOf(const Author& author) const {
  if (author.IsBroker()) return &broker_keys_;
  const auto member = members_.find(author);
  return member == members_.end() ? nullptr : &member->second.keys;
}

uint64_t Directory::sequence() const {
  absl::ReaderMutexLock lock(&mutex_);
  return sequence_;
}

std::optional<Member> Directory::Find(const LocalGovernmentCode& code) const {
  absl::ReaderMutexLock lock(&mutex_);
  const auto member = members_.find(Author::Of(code));
  if (member == members_.end()) return std::nullopt;
  return member->second;
}

std::vector<Member> Directory::Members() const {
  absl::ReaderMutexLock lock(&mutex_);
  std::vector<Member> members;
  members.reserve(members_.size());
  for (const auto& [author, member] : members_) members.push_back(member);
  return members;
}

std::vector<MemberKey> Directory::BrokerKeys() const {
  absl::ReaderMutexLock lock(&mutex_);
  return broker_keys_;
}

std::optional<X25519PublicKey> Directory::SealingKeyAt(const Author& author,
                                                       int64_t time_ms) const {
  absl::ReaderMutexLock lock(&mutex_);
  const std::vector<MemberKey>* keys = KeysOf(author);
  if (keys == nullptr) return std::nullopt;
  for (auto key = keys->rbegin(); key != keys->rend(); ++key) {
    if (key->ValidAt(time_ms)) return key->sealing_key;
  }
  return std::nullopt;
}

std::optional<X25519PublicKey> Directory::SealingKeyById(const Author& author,
                                                         absl::string_view id) const {
  absl::ReaderMutexLock lock(&mutex_);
  const std::vector<MemberKey>* keys = KeysOf(author);
  if (keys == nullptr) return std::nullopt;
  for (const MemberKey& key : *keys) {
    if (SealingKeyId(key.sealing_key) == id) return key.sealing_key;
  }
  return std::nullopt;
}

std::shared_ptr<const PublishedList> Directory::ListInForce(int64_t time_ms) const {
  absl::ReaderMutexLock lock(&mutex_);
  const auto list = std::find_if(lists_.rbegin(), lists_.rend(), [time_ms](const auto& l) {
    return l->in_force_from_ms <= time_ms;
  });
  return list == lists_.rend() ? nullptr : *list;
}

std::shared_ptr<const PublishedList> Directory::ListByVersion(uint64_t version) const {
  absl::ReaderMutexLock lock(&mutex_);
  if (version == 0 || version > lists_.size()) return nullptr;
  return lists_[version - 1];
}

std::vector<std::shared_ptr<const PublishedList>> Directory::Lists() const {
  absl::ReaderMutexLock lock(&mutex_);
  return lists_;
}

std::vector<Ed25519PublicKey> Directory::KeysAt(const Author& author, int64_t time_ms) const {
  absl::ReaderMutexLock lock(&mutex_);
  if (author.IsBroker() && broker_keys_.empty()) return {trust_anchor_};
  const std::vector<MemberKey>* keys = KeysOf(author);
  if (keys == nullptr) return {};
  std::vector<Ed25519PublicKey> valid;
  for (const MemberKey& key : *keys) {
    if (key.ValidAt(time_ms)) valid.push_back(key.signing_key);
  }
  return valid;
}

bool Directory::RevokedAt(const Author& author, const Ed25519PublicKey& key,
                          int64_t time_ms) const {
  absl::ReaderMutexLock lock(&mutex_);
  const std::vector<MemberKey>* keys = KeysOf(author);
  return keys != nullptr && std::any_of(keys->begin(), keys->end(), [&](const MemberKey& k) {
           return k.signing_key == key && k.revoked_from_ms != 0 && k.revoked_from_ms <= time_ms;
         });
}

bool Directory::Knows(const Author& author) const {
  absl::ReaderMutexLock lock(&mutex_);
  return KeysOf(author) != nullptr;
}

}  // namespace nakadachi
