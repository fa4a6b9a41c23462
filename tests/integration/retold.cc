#include "tests/integration/retold.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "common/base/check.h"
#include "common/crypto/key_file.h"
#include "common/evidence/log_reader.h"
#include "tests/common/evidence/hasty_disk.h"

namespace nakadachi::integration {
namespace {

namespace fs = std::filesystem;
using evidence::TestEntry;
using Difference = std::vector<TestEntry>::difference_type;

// The keys of everybody whose servers have a folder below the network's.
std::vector<Ed25519PrivateKey> SigningKeys(const std::string& network) {
  std::vector<Ed25519PrivateKey> keys;
  for (const auto& file : fs::recursive_directory_iterator(network)) {
    if (file.path().extension() != ".keys") continue;
    const auto loaded = LoadMemberKeys(file.path().string());
    NAKADACHI_CHECK(loaded.ok());
    keys.push_back(loaded->signing);
  }
  return keys;
}

const Ed25519PrivateKey& SignerOf(const ledger::SignedCheckpoint& checkpoint,
                                  const std::vector<Ed25519PrivateKey>& keys) {
  const auto signer = std::find_if(keys.begin(), keys.end(), [&](const Ed25519PrivateKey& key) {
    return ledger::VerifyCheckpointSignature(checkpoint, key.public_key());
  });
  NAKADACHI_CHECK(signer != keys.end());
  return *signer;
}

std::vector<TestEntry> EntriesOf(const evidence::LogReader& reader) {
  std::vector<TestEntry> entries;
  const absl::Status read = reader.ForEach(
      0, reader.size(), [&](uint64_t, absl::string_view commitment, const evidence::Body& body) {
        TestEntry& entry = entries.emplace_back();
        std::copy(commitment.begin(), commitment.end(), entry.commitment.begin());
        entry.state = body.state;
        entry.salt = std::string(body.salt);
        entry.statement = std::string(body.statement);
        return true;
      });
  NAKADACHI_CHECK(read.ok());
  return entries;
}

Hash CommitmentIn(const std::string& bytes) {
  Hash hash{};
  NAKADACHI_CHECK(bytes.size() == hash.size());
  std::copy(bytes.begin(), bytes.end(), hash.begin());
  return hash;
}

}  // namespace

Retold::Retold(const std::string& evidence, const std::string& network) {
  const std::vector<Ed25519PrivateKey> keys = SigningKeys(network);
  auto manifest = evidence::ReadManifest(evidence);
  NAKADACHI_CHECK(manifest.ok());
  manifest_ = *std::move(manifest);
  for (const Author& author : manifest_.logs) {
    const auto reader = evidence::LogReader::Open(evidence::LogFolder(evidence, author));
    NAKADACHI_CHECK(reader.ok());
    const ledger::SignedCheckpoint& checkpoint = reader->checkpoint().parsed;
    Log log{evidence::TestLog(author), checkpoint.checkpoint.time_ms};
    log.log.set_key(SignerOf(checkpoint, keys));
    log.log.entries() = EntriesOf(*reader);
    logs_.emplace(author.ToString(), std::move(log));
  }
}

uint64_t Retold::SizeOf(const std::string& author) const { return logs_.at(author).log.size(); }

v1::Statement Retold::At(const std::string& author, uint64_t index) const {
  v1::Statement statement;
  const TestEntry& entry = logs_.at(author).log.entries().at(index);
  NAKADACHI_CHECK(statement.ParseFromString(entry.statement));
  return statement;
}

Exchange Retold::MiddleOf(const std::string& requester, const std::string& provider) const {
  std::map<Hash, uint64_t> asked;
  std::map<Hash, uint64_t> permitted;
  std::map<Hash, uint64_t> received;  // by the provision
  for (uint64_t i = 0; i < SizeOf(requester); ++i) {
    asked[log(requester).entries()[i].commitment] = i;
    const v1::Statement statement = At(requester, i);
    if (!statement.has_receipt()) continue;
    received[CommitmentIn(statement.receipt().provision_commitment())] = i;
  }
  for (uint64_t i = 0; i < SizeOf("broker"); ++i)
    permitted[log("broker").entries()[i].commitment] = i;

  std::vector<Exchange> exchanges;
  for (uint64_t i = 0; i < SizeOf(provider); ++i) {
    Exchange exchange{requester, provider, 0, 0, i, 0, {}, {}, At(provider, i), {}};
    const v1::Provision& provision = exchange.provision.provision();
    if (provision.requester() != requester || provision.outcome() != v1::PROVIDED) continue;
    const auto receipt = received.find(log(provider).entries()[i].commitment);
    if (receipt == received.end()) continue;
    exchange.receipt_index = receipt->second;
    exchange.receipt = At(requester, exchange.receipt_index);
    exchange.permit_index = permitted.at(CommitmentIn(provision.permit_commitment()));
    exchange.permit = At("broker", exchange.permit_index);
    exchange.query_index = asked.at(CommitmentIn(exchange.permit.permit().query_commitment()));
    exchange.query = At(requester, exchange.query_index);
    exchanges.push_back(std::move(exchange));
  }
  NAKADACHI_CHECK(!exchanges.empty());
  return exchanges[exchanges.size() / 2];
}

Hash Retold::Insert(const std::string& author, uint64_t index, const v1::Statement& statement) {
  evidence::TestLog& log = logs_.at(author).log;
  NAKADACHI_CHECK(index <= log.size());
  log.AddBytes(statement.SerializeAsString());
  std::vector<TestEntry>& entries = log.entries();
  std::rotate(entries.begin() + static_cast<Difference>(index), entries.end() - 1, entries.end());
  return entries[index].commitment;
}

Hash Retold::Replace(const std::string& author, uint64_t index, const v1::Statement& statement) {
  Remove(author, index);
  return Insert(author, index, statement);
}

void Retold::Remove(const std::string& author, uint64_t index) {
  std::vector<TestEntry>& entries = logs_.at(author).log.entries();
  NAKADACHI_CHECK(index < entries.size());
  entries.erase(entries.begin() + static_cast<Difference>(index));
}

void Retold::Retell(Exchange exchange, const std::function<void(Exchange&)>& change) {
  change(exchange);
  const Hash query = Replace(exchange.requester, exchange.query_index, exchange.query);
  exchange.permit.mutable_permit()->set_query_commitment(std::string(AsView(query)));
  const std::string permit(AsView(Replace("broker", exchange.permit_index, exchange.permit)));
  exchange.provision.mutable_provision()->set_permit_commitment(permit);
  const Hash provision = Replace(exchange.provider, exchange.provision_index, exchange.provision);
  exchange.receipt.mutable_receipt()->set_permit_commitment(permit);
  exchange.receipt.mutable_receipt()->set_provision_commitment(std::string(AsView(provision)));
  Replace(exchange.requester, exchange.receipt_index, exchange.receipt);
}

std::string Retold::Note(const std::string& author, uint64_t size) const {
  const Log& log = logs_.at(author);
  return log.log.Note(size, log.checkpoint_ms);
}

void Retold::Export(const std::string& folder) const {
  for (const auto& [author, log] : logs_) {
    evidence::HastyDisk disk;
    const auto writer = evidence::LogWriter::Open(
        {evidence::LogFolder(folder, log.log.author()), log.log.author(), &disk});
    NAKADACHI_CHECK(writer.ok());
    NAKADACHI_CHECK(log.log.AppendTo(**writer, log.log.size()).ok());
    NAKADACHI_CHECK((*writer)->Commit(Note(author, log.log.size())).ok());
    NAKADACHI_CHECK((*writer)->AddKeys({log.log.VerifierKey()}).ok());
  }
  NAKADACHI_CHECK(evidence::WriteManifest(folder, manifest_).ok());
}

}  // namespace nakadachi::integration
