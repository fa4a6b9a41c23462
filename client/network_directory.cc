#include "client/network_directory.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/verifier.h"

namespace nakadachi::client {
namespace {

// The directory's keys, and of the broker those that were learnt by another way.
class TrustedKeys final : public ledger::KeySource {
 public:
  TrustedKeys(const Directory* directory, const std::vector<Ed25519PublicKey>* broker_keys)
      : directory_(directory), broker_keys_(broker_keys) {}

  std::vector<Ed25519PublicKey> KeysAt(const Author& author, int64_t time_ms) const override {
    std::vector<Ed25519PublicKey> keys = directory_->KeysAt(author, time_ms);
    if (author.IsBroker()) keys.insert(keys.end(), broker_keys_->begin(), broker_keys_->end());
    return keys;
  }
  bool Knows(const Author& author) const override { return directory_->Knows(author); }
  bool RevokedAt(const Author& author, const Ed25519PublicKey& key,
                 int64_t time_ms) const override {
    return directory_->RevokedAt(author, key, time_ms);
  }

 private:
  const Directory* const directory_;
  const std::vector<Ed25519PublicKey>* const broker_keys_;
};

}  // namespace

std::vector<Ed25519PublicKey> NetworkDirectory::Keys(const Author& author) const {
  std::vector<MemberKey> known;
  if (author.IsBroker()) {
    known = directory->BrokerKeys();
  } else if (const auto code = LocalGovernmentCode::Parse(author.ToString()); code.ok()) {
    if (auto member = directory->Find(*code)) known = std::move(member->keys);
  }
  std::vector<Ed25519PublicKey> keys;
  keys.reserve(known.size());
  for (const MemberKey& key : known) keys.push_back(key.signing_key);
  return keys;
}

std::vector<std::string> NetworkDirectory::VerifierKeys(const Author& author) const {
  std::vector<std::string> texts;
  for (const Ed25519PublicKey& key : Keys(author)) {
    texts.push_back(ledger::VerifierKey(ledger::Origin(author), key));
  }
  return texts;
}

absl::StatusOr<NetworkDirectory> LearnDirectory(InspectionConnection& broker,
                                                const std::vector<Ed25519PublicKey>& broker_keys) {
  if (broker_keys.empty()) {
    return InvalidField("broker_vkey", "missing", "no key to check the broker with");
  }
  NetworkDirectory learnt;
  learnt.directory = std::make_unique<Directory>(broker_keys.front());
  const TrustedKeys trusted(learnt.directory.get(), &broker_keys);
  const auto verifier = ledger::Verifier::Create(&trusted);
  const int64_t now_ms = absl::ToUnixMillis(absl::Now());
  v1::FetchDirectoryRequest request;
  while (true) {
    request.set_after_sequence(learnt.directory->sequence());
    NAKADACHI_ASSIGN_OR_RETURN(const v1::FetchDirectoryResponse page,
                               broker.FetchDirectory(request));
    if (page.statements().empty()) return learnt;
    for (const v1::Recorded& recorded : page.statements()) {
      const auto verified = verifier->Verify(recorded, now_ms);
      if (!verified.ok()) return UnderField("directory", verified.status());
      NAKADACHI_RETURN_IF_ERROR(learnt.directory->Apply(verified->statement));
      const v1::Directory& change = verified->statement.directory();
      if (change.has_network_founded())
        learnt.network_name = change.network_founded().network_name();
      learnt.statements.push_back(recorded);
    }
  }
}

}  // namespace nakadachi::client
