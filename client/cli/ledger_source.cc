#include "client/cli/ledger_source.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/ledger/commitment.h"
#include "common/ledger/entry_page.h"
#include "common/ledger/ledger.h"
#include "common/ledger/ledger_store.h"
#include "common/ledger/tree_edge.h"
#include "common/merkle/merkle.h"
#include "common/storage/database.h"
#include "common/storage/key_provider.h"
#include "nakadachi/v1/statement.pb.h"

namespace nakadachi::cli {
namespace {

constexpr uint32_t kPage = 1024;
constexpr size_t kMemoryBudget = 64 << 20;

absl::Status Broken(absl::string_view field, absl::string_view rule, absl::string_view message) {
  return FieldError(absl::StatusCode::kDataLoss, field, rule, message);
}

class Remote final : public LedgerSource {
 public:
  Remote(client::LedgerConnection* connection, std::string institution)
      : connection_(connection), institution_(std::move(institution)) {}

  absl::StatusOr<std::string> Checkpoint() override {
    v1::GetCheckpointRequest request;
    request.set_institution(institution_);
    NAKADACHI_ASSIGN_OR_RETURN(const auto response, connection_->GetCheckpoint(request));
    return response.checkpoint();
  }

  absl::Status Read(uint64_t start, uint64_t end, bool with_statements,
                    const std::function<bool(const v1::LedgerEntry&)>& visit) override {
    v1::GetEntriesRequest request;
    request.set_institution(institution_);
    request.set_with_statements(with_statements);
    for (uint64_t at = start; at < end;) {
      request.set_start(at);
      request.set_limit(static_cast<uint32_t>(std::min<uint64_t>(kPage, end - at)));
      NAKADACHI_ASSIGN_OR_RETURN(const auto page, connection_->GetEntries(request));
      if (page.entries().empty()) {
        return at >= page.size() ? absl::OkStatus()
                                 : Broken("ledger.entry", "missing", "the server leaves it out");
      }
      for (const v1::LedgerEntry& entry : page.entries()) {
        if (entry.index() != at++) {
          return Broken("ledger.entry", "missing", "the server leaves it out");
        }
        if (!visit(entry)) return absl::OkStatus();
      }
    }
    return absl::OkStatus();
  }

 private:
  client::LedgerConnection* const connection_;
  const std::string institution_;
};

class Stored final : public StoredLedger {
 public:
  explicit Stored(const Author& author) : author_(author) {}

  absl::Status OpenDatabase(const std::string& path, const std::string& kek) {
    NAKADACHI_ASSIGN_OR_RETURN(provider_, storage::OpenFileKeyProvider(kek));
    storage::OpenOptions open;
    open.path = path;
    open.owner = author_.ToString();
    open.families = ledger::FamiliesOfLedger();
    open.environment = storage::Environment::Create(kMemoryBudget);
    open.key_provider = provider_.get();
    open.random = &SystemRandom();
    NAKADACHI_ASSIGN_OR_RETURN(database_, storage::Database::Open(open));
    store_ = ledger::MakeRocksLedgerStore(database_.get());
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Checkpoint() override {
    NAKADACHI_ASSIGN_OR_RETURN(const auto head, store_->ReadHead());
    if (head.has_value()) return head->note;
    return Broken("ledger.checkpoint", "missing", "the database holds no ledger of this name");
  }

  absl::Status Read(uint64_t start, uint64_t end, bool with_statements,
                    const std::function<bool(const v1::LedgerEntry&)>& visit) override {
    NAKADACHI_ASSIGN_OR_RETURN(const auto head, store_->ReadHead());
    end = std::min(end, head.has_value() ? head->size : 0);
    if (start >= end) return absl::OkStatus();
    return ledger::ReadEveryEntry(
        *store_, start, end,
        [&](uint64_t index, ledger::StoredEntry entry, const absl::Status& body) {
          return visit(ledger::MakeLedgerEntry(index, std::move(entry), body, with_statements));
        });
  }

  absl::StatusOr<Verified> Verify(const std::vector<Ed25519PublicKey>& keys,
                                  const std::function<void(uint64_t)>& progress) override {
    NAKADACHI_ASSIGN_OR_RETURN(const ledger::VerifyResult result,
                               ledger::VerifyStore(*store_, author_, keys, progress));
    return Verified{result.entries, result.erased};
  }

 private:
  const Author author_;
  std::unique_ptr<storage::KeyProvider> provider_;
  std::unique_ptr<storage::Database> database_;
  std::unique_ptr<ledger::LedgerStore> store_;
};

absl::Status CheckStatement(const v1::LedgerEntry& entry, const Author& author) {
  if (entry.erased()) return absl::OkStatus();
  const Hash commitment = ledger::Commit(entry.salt(), entry.statement());
  if (entry.salt().size() != 32 || AsView(commitment) != absl::string_view(entry.commitment())) {
    return Broken("ledger.entry", "commitment",
                  absl::StrCat("statement ", entry.index(), " is not what was committed to"));
  }
  v1::Statement statement;
  if (statement.ParseFromString(entry.statement()) && statement.author() == author.ToString()) {
    return absl::OkStatus();
  }
  return Broken("ledger.entry", "author",
                absl::StrCat("statement ", entry.index(), " is not the ledger's author's"));
}

// The tree, an entry at a time.
class Recomputation {
 public:
  Recomputation(const Author& author, const std::optional<ledger::Checkpoint>& earlier,
                bool with_statements)
      : author_(author), earlier_(earlier), with_statements_(with_statements) {}

  absl::Status Add(const v1::LedgerEntry& entry) {
    NAKADACHI_RETURN_IF_ERROR(CheckEarlier());
    if (entry.commitment().size() != 32) {
      return Broken("ledger.entry", "commitment", "a commitment has not 32 bytes");
    }
    if (entry.unreadable()) {
      if (unreadable_++ == 0) first_unreadable_ = entry.index();
    } else if (with_statements_) {
      NAKADACHI_RETURN_IF_ERROR(CheckStatement(entry, author_));
    }
    erased_ += entry.erased() ? 1 : 0;
    edge_.Append(merkle::LeafHash(entry.commitment()));
    if (!edge_.FullTiles().empty()) edge_.Settle();
    return absl::OkStatus();
  }

  absl::Status Finish(const ledger::Checkpoint& checkpoint) {
    NAKADACHI_RETURN_IF_ERROR(CheckEarlier());
    edge_.Settle();
    if (edge_.size() != checkpoint.size) {
      return Broken("ledger.entry", "missing", "there are fewer entries than were signed for");
    }
    if (edge_.root() != checkpoint.root) {
      return Broken("ledger.root", "root", "the entries lead to another root than was signed");
    }
    if (unreadable_ == 0) return absl::OkStatus();
    return Broken("ledger.statement", "unreadable",
                  absl::StrCat(unreadable_, " damaged or lost, the first of them that of entry ",
                               first_unreadable_, "; the tree is the one that was signed"));
  }

  uint64_t erased() const { return erased_; }

 private:
  absl::Status CheckEarlier() {
    if (!earlier_.has_value() || edge_.size() != earlier_->size) return absl::OkStatus();
    edge_.Settle();
    if (edge_.root() == earlier_->root) return absl::OkStatus();
    return Broken("ledger.history", "consistency",
                  "the checkpoint seen before is not of this history");
  }

  const Author& author_;
  const std::optional<ledger::Checkpoint>& earlier_;
  const bool with_statements_;
  ledger::TreeEdge edge_;
  uint64_t erased_ = 0;
  uint64_t unreadable_ = 0;
  uint64_t first_unreadable_ = 0;
};

}  // namespace

std::unique_ptr<LedgerSource> RemoteLedger(client::LedgerConnection* connection,
                                           const std::string& institution) {
  return std::make_unique<Remote>(connection, institution);
}

absl::StatusOr<std::unique_ptr<StoredLedger>> StoredLedger::Open(const std::string& data,
                                                                 const std::string& kek,
                                                                 const Author& author) {
  namespace fs = std::filesystem;
  std::error_code error;
  const std::string below = absl::StrCat(data, "/", author.ToString());
  const std::string path = fs::exists(below + "/CURRENT", error) ? below : data;
  // Opening would make a database where there is none.
  if (!fs::exists(path + "/CURRENT", error)) {
    return FieldError(absl::StatusCode::kNotFound, "data", "missing",
                      "the folder holds no database");
  }
  auto ledger = std::make_unique<Stored>(author);
  NAKADACHI_RETURN_IF_ERROR(ledger->OpenDatabase(path, kek));
  return ledger;
}

absl::StatusOr<TrustedKeys> ParseTrustedKeys(const std::vector<std::string>& vkeys) {
  TrustedKeys trusted;
  for (size_t i = 0; i < vkeys.size(); ++i) {
    const auto named = ledger::ParseVerifierKey(absl::StripAsciiWhitespace(vkeys[i]));
    if (!named.ok()) return UnderField("vkey", named.status());
    const auto author = ledger::AuthorOfOrigin(named->name);
    if (!author.ok()) return UnderField("vkey", author.status());
    if (i > 0 && *author != trusted.author) {
      return InvalidField("vkey", "author", "the keys are of several ledgers");
    }
    trusted.author = *author;
    trusted.keys.push_back(named->key);
  }
  if (vkeys.empty()) return InvalidField("vkey", "missing", "no key to check the ledger with");
  return trusted;
}

absl::StatusOr<ledger::Checkpoint> TrustedCheckpoint(const std::string& note,
                                                     const TrustedKeys& trusted) {
  NAKADACHI_ASSIGN_OR_RETURN(const auto parsed, ledger::ParseCheckpoint(note));
  if (parsed.checkpoint.origin != ledger::Origin(trusted.author)) {
    return Broken("ledger.checkpoint", "origin", "it is another ledger's");
  }
  const bool signed_by_one = std::any_of(
      trusted.keys.begin(), trusted.keys.end(),
      [&](const Ed25519PublicKey& key) { return ledger::VerifyCheckpointSignature(parsed, key); });
  if (signed_by_one) return parsed.checkpoint;
  return Broken("ledger.checkpoint", "signature", "none of the keys has signed it");
}

absl::StatusOr<LedgerVerification> VerifyLedger(
    LedgerSource& source, const TrustedKeys& trusted,
    const std::optional<ledger::Checkpoint>& earlier, bool with_statements,
    const std::function<void(uint64_t, uint64_t)>& progress) {
  LedgerVerification result;
  NAKADACHI_ASSIGN_OR_RETURN(result.note, source.Checkpoint());
  NAKADACHI_ASSIGN_OR_RETURN(result.checkpoint, TrustedCheckpoint(result.note, trusted));
  if (earlier.has_value() && earlier->size > result.checkpoint.size) {
    return Broken("ledger.history", "shorter", "it has fewer entries than were seen before");
  }
  Recomputation recomputation(trusted.author, earlier, with_statements);
  absl::Status added;
  const absl::Status read =
      source.Read(0, result.checkpoint.size, with_statements, [&](const v1::LedgerEntry& entry) {
        added = recomputation.Add(entry);
        if (progress) progress(entry.index() + 1, result.checkpoint.size);
        return added.ok();
      });
  NAKADACHI_RETURN_IF_ERROR(added);
  NAKADACHI_RETURN_IF_ERROR(read);
  NAKADACHI_RETURN_IF_ERROR(recomputation.Finish(result.checkpoint));
  result.erased = recomputation.erased();
  return result;
}

}  // namespace nakadachi::cli
