#include "server/intermediate/witness_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"

namespace nakadachi::intermediate {
namespace {

enum Family : int { kKept, kWaiting, kForks };

using Seen = WitnessStore::Seen;

absl::Status Unreadable(absl::string_view what) {
  return FieldError(absl::StatusCode::kDataLoss, what, "stored-format", "cannot be read");
}

absl::StatusOr<Seen> SeenOf(absl::string_view note) {
  absl::StatusOr<ledger::SignedCheckpoint> parsed = ledger::ParseCheckpoint(note);
  if (!parsed.ok()) return Unreadable("checkpoint");
  return Seen{std::string(note), std::move(parsed->checkpoint)};
}

std::string WaitingPrefix(const Author& author) {
  return absl::StrCat(author.ToString(), absl::string_view("\0", 1));
}

std::string WaitingKey(const Author& author, const std::string& note) {
  return absl::StrCat(WaitingPrefix(author), AsView(Sha256(note)));
}

void DeleteWaiting(const Author& author, const std::vector<Seen>& no_more, storage::Batch& batch) {
  for (const Seen& seen : no_more) batch.Delete(kWaiting, WaitingKey(author, seen.note));
}

}  // namespace

absl::StatusOr<std::unique_ptr<WitnessStore>> WitnessStore::Open(const Options& options) {
  storage::OpenOptions open;
  open.path = options.folder;
  open.owner = "witness";
  open.families = {{"kept", storage::Form::kSealed},
                   {"waiting", storage::Form::kSealed},
                   {"forks", storage::Form::kSealed}};
  open.environment = options.environment;
  open.key_provider = options.key_provider;
  open.random = options.random;
  NAKADACHI_ASSIGN_OR_RETURN(std::unique_ptr<storage::Database> database,
                             storage::Database::Open(open));
  return std::unique_ptr<WitnessStore>(new WitnessStore(std::move(database)));
}

absl::StatusOr<WitnessStore::Contents> WitnessStore::Read() const {
  Contents contents;
  absl::Status problem;
  const auto read_note = [&](absl::string_view name, absl::string_view note, auto&& keep) {
    const absl::StatusOr<Author> author = Author::Parse(name);
    absl::StatusOr<Seen> seen = SeenOf(note);
    problem = author.ok() ? seen.status() : Unreadable("institution");
    if (problem.ok()) keep(*author, *std::move(seen));
    return problem.ok();
  };
  NAKADACHI_RETURN_IF_ERROR(
      database_->Scan(kKept, "", "", [&](absl::string_view key, absl::string_view value) {
        return read_note(key, value, [&](const Author& author, Seen seen) {
          contents.kept.insert_or_assign(author, std::move(seen));
        });
      }));
  NAKADACHI_RETURN_IF_ERROR(problem);
  NAKADACHI_RETURN_IF_ERROR(
      database_->Scan(kWaiting, "", "", [&](absl::string_view key, absl::string_view value) {
        return read_note(key.substr(0, key.find('\0')), value,
                         [&](const Author& author, Seen seen) {
                           contents.waiting[author].push_back(std::move(seen));
                         });
      }));
  NAKADACHI_RETURN_IF_ERROR(problem);
  NAKADACHI_RETURN_IF_ERROR(
      database_->Scan(kForks, "", "", [&](absl::string_view, absl::string_view value) {
        v1::Fork fork;
        const bool parsed = fork.ParseFromArray(value.data(), static_cast<int>(value.size()));
        if (!parsed) problem = Unreadable("fork");
        contents.forks.push_back(std::move(fork));
        return parsed;
      }));
  NAKADACHI_RETURN_IF_ERROR(problem);
  std::stable_sort(
      contents.forks.begin(), contents.forks.end(),
      [](const v1::Fork& a, const v1::Fork& b) { return a.found_ms() < b.found_ms(); });
  return contents;
}

absl::Status WitnessStore::Keep(const Author& author, const Seen& proved,
                                const std::vector<Seen>& no_more) {
  storage::Batch batch(*database_);
  batch.Put(kKept, author.ToString(), proved.note);
  DeleteWaiting(author, no_more, batch);
  return database_->Commit(std::move(batch));
}

absl::Status WitnessStore::PutWaiting(const Author& author, const std::vector<Seen>& waiting) {
  storage::Batch batch(*database_);
  for (const Seen& seen : waiting) batch.Put(kWaiting, WaitingKey(author, seen.note), seen.note);
  return database_->CommitUnsynced(std::move(batch));
}

absl::Status WitnessStore::PutFork(const v1::Fork& fork) {
  storage::Batch batch(*database_);
  batch.Put(kForks, fork.id(), fork.SerializeAsString());
  return database_->Commit(std::move(batch));
}

absl::Status WitnessStore::ClearFork(const v1::Fork& fork, const std::vector<Seen>& no_more) {
  NAKADACHI_ASSIGN_OR_RETURN(const Author author, Author::Parse(fork.institution()));
  storage::Batch batch(*database_);
  batch.Put(kForks, fork.id(), fork.SerializeAsString());
  batch.Delete(kKept, author.ToString());
  DeleteWaiting(author, no_more, batch);
  return database_->Commit(std::move(batch));
}

}  // namespace nakadachi::intermediate
