#include "tools/bench/evidence_maker.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/ids.h"
#include "common/base/status.h"
#include "common/evidence/disk.h"
#include "common/evidence/log_writer.h"
#include "common/evidence/manifest.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/commitment.h"
#include "common/ledger/tree_edge.h"
#include "common/merkle/merkle.h"
#include "nakadachi/v1/statement.pb.h"
#include "tools/simulator/built_in.h"

namespace nakadachi::bench {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kStart = 1'711'929'600'000;  // 2024-04-01T00:00:00Z
constexpr int64_t kValidityMs = 86'400'000;
constexpr uint64_t kStaff = 1'000;
constexpr char kBroker[] = "broker";
constexpr char kProcedure[] = "immunization";
constexpr char kItem[] = "immunization";
constexpr char kBasis[] = "番号法別表第二 16の2の項";

// Files as they come: what is made here is measured and thrown away.
class QuickDisk final : public evidence::Disk {
 public:
  absl::Status Write(const std::string& path, absl::string_view content) override {
    const std::string folder = fs::path(path).parent_path().string();
    if (folder != last_folder_) {
      std::error_code error;
      fs::create_directories(folder, error);
      last_folder_ = folder;
    }
    std::ofstream file(path, std::ios::binary);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    file.close();
    return file.good() ? absl::OkStatus()
                       : FieldError(absl::StatusCode::kUnavailable, path, "io", "not written");
  }
  absl::Status WriteDurably(const std::string& path, absl::string_view content) override {
    return Write(path, content);
  }
  absl::Status Sync() override { return absl::OkStatus(); }
  absl::Status Remove(const std::string& path) override {
    std::error_code error;
    fs::remove(path, error);
    return absl::OkStatus();
  }

 private:
  std::string last_folder_;
};

// Not for secrets: fast, and the same each time.
class Noise {
 public:
  std::string Bytes(size_t size) {
    std::string bytes(size, '\0');
    for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
      const uint64_t word = engine_();
      std::memcpy(bytes.data() + i, &word, std::min(sizeof(word), size - i));
    }
    return bytes;
  }

 private:
  std::mt19937_64 engine_{20'240'401};
};

struct Log {
  Author author = Author::Broker();
  Ed25519PrivateKey key;
  X25519PrivateKey sealing_key;
  std::unique_ptr<evidence::LogWriter> writer;
  ledger::TreeEdge tree;
};

template <typename Key>
std::string Raw(const Key& key) {
  return std::string(reinterpret_cast<const char*>(key.data()), key.size());
}

class Maker {
 public:
  explicit Maker(const std::string& folder) : folder_(folder) {}
  absl::StatusOr<MadeEvidence> Make(uint64_t exchanges, size_t members);

 private:
  absl::Status Open();
  absl::Status AddLog(const std::string& name);
  absl::Status Found();
  absl::Status Change(v1::Directory change);
  absl::Status Exchange(uint64_t number);
  absl::Status Close();
  absl::StatusOr<std::string> Record(Log& log, const v1::Statement& statement);
  v1::Statement NewStatement(const Log& log) const;

  const std::string folder_;
  QuickDisk disk_;
  Noise noise_;
  std::vector<std::unique_ptr<Log>> logs_;  // the broker's first
  int64_t now_ms_ = kStart;
  uint64_t sequence_ = 0;
  uint64_t entries_ = 0;
};

// Made-up municipalities, some in each prefecture: any number with the right check digit.
constexpr size_t kAPrefecture = kMostMembers / 47;
std::string CodeOf(size_t number) {
  for (int digit = 0; digit < 10; ++digit) {
    std::string code = absl::StrFormat("%02d%03d%d", number / kAPrefecture + 1,
                                       201 + number % kAPrefecture, digit);
    if (LocalGovernmentCode::Parse(code).ok()) return code;
  }
  return {};
}

absl::Status Maker::AddLog(const std::string& name) {
  NAKADACHI_ASSIGN_OR_RETURN(const Author author, Author::Parse(name));
  Random& random = SystemRandom();
  auto log = std::make_unique<Log>(Log{author,
                                       Ed25519PrivateKey::Generate(random),
                                       X25519PrivateKey::Generate(random),
                                       nullptr,
                                       {}});
  evidence::LogWriter::Options options;
  options.folder = evidence::LogFolder(folder_, author);
  options.author = author;
  options.disk = &disk_;
  NAKADACHI_ASSIGN_OR_RETURN(log->writer, evidence::LogWriter::Open(options));
  logs_.push_back(std::move(log));
  return absl::OkStatus();
}

v1::Statement Maker::NewStatement(const Log& log) const {
  v1::Statement statement;
  statement.set_author(log.author.ToString());
  statement.set_time_ms(now_ms_);
  return statement;
}

absl::StatusOr<std::string> Maker::Record(Log& log, const v1::Statement& statement) {
  const std::string bytes = statement.SerializeAsString();
  const std::string salt = noise_.Bytes(32);
  const Hash commitment = ledger::Commit(salt, bytes);
  evidence::Body body;
  body.state = evidence::BodyState::kPresent;
  body.salt = salt;
  body.statement = bytes;
  NAKADACHI_RETURN_IF_ERROR(log.writer->Append(commitment, body));
  log.tree.Append(merkle::LeafHash(AsView(commitment)));
  if (log.tree.size() % 4'096 == 0) log.tree.Settle();
  ++entries_;
  return std::string(AsView(commitment));
}

absl::Status Maker::Change(v1::Directory change) {
  v1::Statement statement = NewStatement(*logs_.front());
  change.set_sequence(++sequence_);
  *statement.mutable_directory() = std::move(change);
  return Record(*logs_.front(), statement).status();
}

absl::Status Maker::Found() {
  v1::Directory founded;
  v1::PublicKeys* broker = founded.mutable_network_founded()->mutable_broker_keys();
  founded.mutable_network_founded()->set_network_name("benchmark");
  const auto set_keys = [this](const Log& log, v1::PublicKeys* keys) {
    keys->set_signing_key(Raw(log.key.public_key()));
    keys->set_sealing_key(Raw(log.sealing_key.public_key()));
    keys->set_valid_from_ms(now_ms_);
  };
  set_keys(*logs_.front(), broker);
  NAKADACHI_RETURN_IF_ERROR(Change(std::move(founded)));
  v1::Directory list;
  list.mutable_list_published()->set_version(1);
  list.mutable_list_published()->set_in_force_from_ms(now_ms_);
  list.mutable_list_published()->set_csv(simulator::kJapanList);
  NAKADACHI_RETURN_IF_ERROR(Change(std::move(list)));
  for (size_t i = 1; i < logs_.size(); ++i) {
    v1::Directory joined;
    joined.mutable_member_joined()->set_code(logs_[i]->author.ToString());
    joined.mutable_member_joined()->set_category("municipality");
    set_keys(*logs_[i], joined.mutable_member_joined()->mutable_keys());
    NAKADACHI_RETURN_IF_ERROR(Change(std::move(joined)));
  }
  return absl::OkStatus();
}

absl::Status Maker::Exchange(uint64_t number) {
  const size_t members = logs_.size() - 1;
  Log& requester = *logs_[1 + number % members];
  Log& provider = *logs_[1 + (number + 7) % members];
  v1::Statement asked = NewStatement(requester);
  v1::Query& query = *asked.mutable_query();
  query.set_provider(provider.author.ToString());
  query.set_procedure(kProcedure);
  query.add_items(kItem);
  query.set_linkage_code(noise_.Bytes(16));
  query.set_department("健康増進課");
  query.set_staff_pseudonym(absl::StrCat("staff-", number % kStaff));
  query.set_nonce(noise_.Bytes(16));
  NAKADACHI_ASSIGN_OR_RETURN(const std::string query_commitment, Record(requester, asked));

  v1::Statement decided = NewStatement(*logs_.front());
  v1::Permit& permit = *decided.mutable_permit();
  permit.set_permit_number(noise_.Bytes(16));
  permit.set_query_commitment(query_commitment);
  permit.set_requester(requester.author.ToString());
  permit.set_provider(provider.author.ToString());
  permit.set_procedure(kProcedure);
  permit.add_items(kItem);
  permit.set_department(query.department());
  permit.set_list_version(1);
  permit.add_legal_basis(kBasis);
  permit.mutable_sealed_code()->set_broker_key_id(noise_.Bytes(8));
  permit.mutable_sealed_code()->set_provider_key_id(noise_.Bytes(8));
  permit.mutable_sealed_code()->set_nonce(noise_.Bytes(12));
  permit.mutable_sealed_code()->set_ciphertext(noise_.Bytes(32));
  permit.set_valid_from_ms(now_ms_);
  permit.set_valid_until_ms(now_ms_ + kValidityMs);
  permit.mutable_provider_route()->set_address("intermediate.example:7443");
  permit.mutable_requester_route()->set_address("intermediate.example:7443");
  permit.set_directory_size(sequence_);
  NAKADACHI_ASSIGN_OR_RETURN(const std::string permit_commitment, Record(*logs_.front(), decided));

  v1::Statement answered = NewStatement(provider);
  v1::Provision& provision = *answered.mutable_provision();
  provision.set_permit_commitment(permit_commitment);
  provision.set_permit_number(permit.permit_number());
  provision.set_requester(permit.requester());
  provision.set_provider(permit.provider());
  provision.set_outcome(v1::PROVIDED);
  provision.set_payload_digest(noise_.Bytes(32));
  v1::Provision::Version* version = provision.add_versions();
  version->set_item(kItem);
  version->set_source_version(number);
  version->set_source_time_ms(kStart);
  version->set_records(5);
  provision.set_procedure(kProcedure);
  provision.add_items(kItem);
  NAKADACHI_ASSIGN_OR_RETURN(const std::string provision_commitment, Record(provider, answered));

  v1::Statement received = NewStatement(requester);
  v1::Receipt& receipt = *received.mutable_receipt();
  receipt.set_provision_commitment(provision_commitment);
  receipt.set_permit_commitment(permit_commitment);
  receipt.set_permit_number(permit.permit_number());
  receipt.set_requester(permit.requester());
  receipt.set_provider(permit.provider());
  receipt.set_verified(true);
  return Record(requester, received).status();
}

absl::Status Maker::Close() {
  evidence::Manifest manifest;
  manifest.network = "benchmark";
  for (const auto& log : logs_) {
    log->tree.Settle();
    const std::string origin = ledger::Origin(log->author);
    NAKADACHI_RETURN_IF_ERROR(log->writer->Commit(ledger::SignCheckpoint(
        {origin, log->tree.size(), log->tree.root(), now_ms_ + 60'000}, log->key)));
    NAKADACHI_RETURN_IF_ERROR(
        log->writer->AddKeys({ledger::VerifierKey(origin, log->key.public_key())}));
    manifest.logs.push_back(log->author);
  }
  return evidence::WriteManifest(folder_, manifest);
}

absl::StatusOr<MadeEvidence> Maker::Make(uint64_t exchanges, size_t members) {
  NAKADACHI_RETURN_IF_ERROR(AddLog(kBroker));
  for (size_t i = 0; i < members; ++i) NAKADACHI_RETURN_IF_ERROR(AddLog(CodeOf(i)));
  NAKADACHI_RETURN_IF_ERROR(Found());
  for (uint64_t number = 0; number < exchanges; ++number) {
    now_ms_ += 1;
    NAKADACHI_RETURN_IF_ERROR(Exchange(number));
  }
  NAKADACHI_RETURN_IF_ERROR(Close());
  return MadeEvidence{exchanges, entries_,  kStart, logs_[1]->author.ToString(),
                      "staff-0", kProcedure};
}

}  // namespace

absl::StatusOr<MadeEvidence> MakeEvidence(const std::string& folder, uint64_t exchanges,
                                          size_t members) {
  return Maker(folder).Make(exchanges, members);
}

}  // namespace nakadachi::bench
