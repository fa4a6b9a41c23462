#include "server/intermediate/witness.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/rpc/status_mapping.h"
#include "common/witness/quorum.h"

namespace nakadachi::intermediate {
namespace {

// Notes of one ledger that may wait; beyond them it is asked nothing new.
constexpr size_t kMaxWaiting = 32'768;
constexpr size_t kMaxWaitingBytes = size_t{64} << 20;
// Proofs asked for in one call.
constexpr size_t kProofsAtOnce = 1'024;
// A peer that is not reached is tried after 1, 2, 4, … rounds, at most these.
constexpr int kMaxSkipped = 32;
constexpr int64_t kMsPerSecond = 1'000;

bool NotReached(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsCancelled(status) || absl::IsResourceExhausted(status);
}

size_t BytesOf(const std::vector<witness::SeenCheckpoint>& batch) {
  size_t bytes = 0;
  for (const witness::SeenCheckpoint& seen : batch) bytes += seen.note.size();
  return bytes;
}

bool IsForked(const absl::Status& status) { return GetFieldRule(status).rule == "ledger-forked"; }

absl::Status ForkedError(absl::string_view field) {
  return FieldError(absl::StatusCode::kFailedPrecondition, field, "ledger-forked",
                    "has shown two histories; an operator must clear it");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Witness>> Witness::Open(const WitnessOptions& options) {
  std::unique_ptr<Witness> witness(new Witness(options));
  NAKADACHI_ASSIGN_OR_RETURN(witness->store_, WitnessStore::Open(options.store));
  NAKADACHI_ASSIGN_OR_RETURN(WitnessStore::Contents contents, witness->store_->Read());
  absl::MutexLock lock(&witness->mutex_);
  witness->followed_[Author::Broker()];
  for (auto& [author, kept] : contents.kept) witness->followed_[author].kept = std::move(kept);
  for (auto& [author, waiting] : contents.waiting) {
    Followed& followed = witness->followed_[author];
    followed.bytes = BytesOf(waiting);
    followed.waiting = std::move(waiting);
  }
  witness->forks_ = std::move(contents.forks);
  witness->UpdateTrouble();
  return witness;
}

void Witness::Start(Parts parts) {
  parts_ = std::move(parts);
  broker_thread_ = std::thread([this] { Run(/*broker=*/true); });
  peers_thread_ = std::thread([this] { Run(/*broker=*/false); });
}

void Witness::Shutdown() {
  {
    absl::MutexLock lock(&mutex_);
    if (std::exchange(stopping_, true)) return;
  }
  if (!broker_thread_.joinable()) return;
  parts_.link->Close();
  broker_thread_.join();
  peers_thread_.join();
  absl::MutexLock lock(&mutex_);
  for (const auto& [author, followed] : followed_) {
    store_->PutWaiting(author, followed.waiting).IgnoreError();
  }
}

void Witness::Seen(const std::string& note, const Author& author,
                   const ledger::Checkpoint& checkpoint) {
  absl::MutexLock lock(&mutex_);
  Followed& followed = followed_[author];
  if (followed.forked) return;
  followed.news = true;
  if (followed.Unproved() >= kMaxWaiting || followed.bytes + note.size() > kMaxWaitingBytes) {
    followed.unproven = true;
    trouble_.store(true);
    return;
  }
  followed.bytes += note.size();
  followed.waiting.push_back({note, checkpoint});
}

absl::Status Witness::MayRely(const Author& author, absl::string_view field) const {
  if (!trouble_.load(std::memory_order_relaxed)) return absl::OkStatus();
  absl::MutexLock lock(&mutex_);
  const auto found = followed_.find(author);
  if (found == followed_.end()) return absl::OkStatus();
  if (found->second.forked) return ForkedError(field);
  if (!found->second.unproven) return absl::OkStatus();
  return FieldError(absl::StatusCode::kUnavailable, field, "ledger-unproven",
                    "has not proved for too long that its checkpoints lie in one history");
}

v1::ListForksResponse Witness::List() const {
  v1::ListForksResponse response;
  std::vector<Author> authors;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [author, followed] : followed_) {
      v1::FollowedLedger& out = *response.add_ledgers();
      out.set_institution(author.ToString());
      if (followed.kept.has_value()) out.set_checkpoint(followed.kept->note);
      out.set_proved_ms(followed.proved_ms);
      out.set_waiting(followed.Unproved());
      out.set_last_error(followed.last_error);
      authors.push_back(author);
    }
    *response.mutable_forks() = {forks_.begin(), forks_.end()};
  }
  for (int i = 0; i < response.ledgers_size(); ++i) {
    const absl::Status problem = MayRely(authors[static_cast<size_t>(i)], "institution");
    if (!problem.ok()) response.mutable_ledgers(i)->set_problem(rpc::ToBytes(problem));
  }
  return response;
}

absl::StatusOr<v1::Fork> Witness::FindFork(absl::string_view id) const {
  absl::MutexLock lock(&mutex_);
  const auto found = std::find_if(forks_.begin(), forks_.end(),
                                  [id](const v1::Fork& fork) { return fork.id() == id; });
  if (found != forks_.end()) return *found;
  return FieldError(absl::StatusCode::kNotFound, "id", "unknown-fork",
                    "no such fork was found here");
}

absl::Status Witness::Clear(absl::string_view id) {
  NAKADACHI_ASSIGN_OR_RETURN(v1::Fork fork, FindFork(id));
  if (fork.cleared_ms() != 0) return absl::OkStatus();
  NAKADACHI_ASSIGN_OR_RETURN(const Author author, Author::Parse(fork.institution()));
  fork.set_cleared_ms(options_.clock->NowMs());
  absl::MutexLock lock(&mutex_);
  Followed& followed = followed_[author];
  NAKADACHI_RETURN_IF_ERROR(store_->ClearFork(fork, followed.waiting));
  for (v1::Fork& known : forks_) {
    if (known.id() == fork.id()) known = fork;
  }
  followed = Followed();
  UpdateTrouble();
  return absl::OkStatus();
}

// Follows from forks_ and the marks of each ledger.
void Witness::UpdateTrouble() {
  bool trouble = false;
  for (const v1::Fork& fork : forks_) {
    const absl::StatusOr<Author> author = Author::Parse(fork.institution());
    if (fork.cleared_ms() == 0 && author.ok()) followed_[*author].forked = true;
  }
  for (const auto& [author, followed] : followed_) trouble |= followed.forked || followed.unproven;
  trouble_.store(trouble);
}

// ---- Rounds

void Witness::Run(bool broker) {
  do {
    if (broker) {
      Round(Author::Broker(), parts_.broker);
      continue;
    }
    for (const Author& author : PeersToAsk()) {
      const auto code = LocalGovernmentCode::Parse(author.ToString());
      const std::optional<Member> member =
          code.ok() ? options_.directory->Find(*code) : std::nullopt;
      if (member.has_value()) Round(author, member->route);
    }
  } while (Pause());
}

// False at the end.
bool Witness::Pause() {
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&stopping_), options_.every);
  return !stopping_;
}

// Those that something was relied on of, and all once after a start.
std::vector<Author> Witness::PeersToAsk() {
  std::vector<Author> authors;
  absl::MutexLock lock(&mutex_);
  if (stopping_) return authors;
  for (auto& [author, followed] : followed_) {
    if (author.IsBroker() || (followed.asked_before && followed.waiting.empty())) continue;
    if (followed.skip-- > 0) continue;
    authors.push_back(author);
  }
  return authors;
}

void Witness::Round(const Author& author, const v1::Route& route) {
  Batch batch;
  std::optional<SeenCheckpoint> kept;
  {
    absl::MutexLock lock(&mutex_);
    Followed& followed = followed_[author];
    if (followed.forked || stopping_) return;
    batch = std::exchange(followed.waiting, {});
    followed.under_way = batch.size();
    kept = followed.kept;
  }
  const absl::Status result = Prove(author, kept, batch, route);
  Settle(author, result, std::move(batch));
}

// OK: everything in `batch` and what was kept lies in the history of the newest checkpoint, which
// is kept now.
absl::Status Witness::Prove(const Author& author, const std::optional<SeenCheckpoint>& kept,
                            const Batch& batch, const v1::Route& route) {
  std::vector<const SeenCheckpoint*> seen;
  seen.reserve(batch.size() + 2);
  if (kept.has_value()) seen.push_back(&*kept);
  for (const SeenCheckpoint& one : batch) seen.push_back(&one);
  if (auto fork = witness::FindContradiction(seen)) return Found(author, *std::move(fork));

  NAKADACHI_ASSIGN_OR_RETURN(const Shown shown, Ask(author, route, seen));
  if (shown.candidate.has_value()) seen.push_back(&*shown.candidate);
  witness::Judgement judgement = witness::Judge(seen, shown.newest, shown.proofs);
  if (judgement.fork.has_value()) return Found(author, *std::move(judgement.fork));
  NAKADACHI_RETURN_IF_ERROR(judgement.proved);
  NAKADACHI_RETURN_IF_ERROR(store_->Keep(author, shown.newest, batch));
  const absl::Status cosigned = CosignCandidate(author, route, shown, kept);
  absl::MutexLock lock(&mutex_);
  Followed& followed = followed_[author];
  followed.kept = shown.newest;
  // A cosignature that did not arrive is the ledger's loss: it asks again.
  followed.last_error = cosigned.ok() ? "" : absl::StrCat("cosignature: ", cosigned.message());
  return absl::OkStatus();
}

absl::StatusOr<Witness::Shown> Witness::Ask(const Author& author, const v1::Route& route,
                                            const std::vector<const SeenCheckpoint*>& seen) {
  const std::string& institution = author.ToString();
  NAKADACHI_ASSIGN_OR_RETURN(const v1::GetCheckpointResponse response,
                             parts_.link->GetCheckpoint(route, institution));
  Shown shown;
  NAKADACHI_ASSIGN_OR_RETURN(shown.newest, CheckNote(author, response.checkpoint()));
  std::vector<const SeenCheckpoint*> to_prove = seen;
  if (!response.witnessing().candidate().empty()) {
    shown.witnessing = response.witnessing();
    NAKADACHI_ASSIGN_OR_RETURN(shown.candidate,
                               CheckNote(author, response.witnessing().candidate()));
    to_prove.push_back(&*shown.candidate);
  }
  const std::vector<uint64_t> sizes = witness::SizesToProve(to_prove, shown.newest);
  for (size_t start = 0; start < sizes.size(); start += kProofsAtOnce) {
    const auto first = sizes.begin() + static_cast<std::ptrdiff_t>(start);
    const size_t count = std::min(kProofsAtOnce, sizes.size() - start);
    NAKADACHI_ASSIGN_OR_RETURN(
        std::vector<std::string> proofs,
        parts_.link->GetPrefixProofs(route, institution,
                                     {first, first + static_cast<std::ptrdiff_t>(count)},
                                     shown.newest.checkpoint.size));
    if (proofs.size() != count) {
      return FieldError(absl::StatusCode::kFailedPrecondition, "history", "proof",
                        "the ledger's answer has another length");
    }
    std::move(proofs.begin(), proofs.end(), std::back_inserter(shown.proofs));
  }
  return shown;
}

absl::StatusOr<witness::SeenCheckpoint> Witness::CheckNote(const Author& author,
                                                           const std::string& note) const {
  NAKADACHI_ASSIGN_OR_RETURN(ledger::SignedCheckpoint parsed, ledger::ParseCheckpoint(note));
  NAKADACHI_ASSIGN_OR_RETURN(
      const ledger::Signer signer,
      ledger::FindSigner(parsed, *options_.directory, options_.clock->NowMs()));
  if (signer.author == author) return SeenCheckpoint{note, std::move(parsed.checkpoint)};
  return InvalidField("checkpoint", "author", "is another ledger's");
}

// Before the newer checkpoint is taken note of, the candidate is the largest that was proved: what
// a cosignature says.
absl::Status Witness::CosignCandidate(const Author& author, const v1::Route& route,
                                      const Shown& shown,
                                      const std::optional<SeenCheckpoint>& kept) {
  if (!shown.candidate.has_value()) return absl::OkStatus();
  if (kept.has_value() && kept->checkpoint.size > shown.candidate->checkpoint.size) {
    return absl::OkStatus();
  }
  NAKADACHI_ASSIGN_OR_RETURN(ledger::SignedCheckpoint note,
                             ledger::ParseCheckpoint(shown.candidate->note));
  const auto& named = shown.witnessing.witnesses();
  std::vector<ledger::NoteSignature> signatures;
  for (const Cosigner& cosigner : parts_.cosigners) {
    if (std::find(named.begin(), named.end(), cosigner.author.ToString()) == named.end()) continue;
    const std::string name = ledger::WitnessName(cosigner.author);
    const bool has_signed =
        std::any_of(note.signatures.begin(), note.signatures.end(),
                    [&](const ledger::NoteSignature& one) { return one.name == name; });
    if (has_signed) continue;
    const auto now_s = static_cast<uint64_t>(options_.clock->NowMs() / kMsPerSecond);
    signatures.push_back(ledger::Cosign(note.body, name, now_s, *cosigner.key));
  }
  if (signatures.empty()) return absl::OkStatus();
  return parts_.link->AddCosignatures(route, author.ToString(),
                                      ledger::NoteText(note.body, signatures));
}

// Returns the error that tells of it.
absl::Status Witness::Found(const Author& author, witness::ForkProof proof) {
  AddKeys(author, proof);
  v1::Fork fork;
  fork.set_proof(witness::ForkProofText(proof));
  fork.set_id(std::string(AsView(Sha256(fork.proof()))));
  fork.set_institution(author.ToString());
  fork.set_kind(std::string(witness::ForkKindName(proof.kind)));
  fork.set_found_ms(options_.clock->NowMs());
  const absl::Status stored = store_->PutFork(fork);
  {
    absl::MutexLock lock(&mutex_);
    followed_[author].forked = true;
    if (stored.ok()) forks_.push_back(fork);
    trouble_.store(true);
  }
  std::fprintf(stderr, "ALARM: the ledger of %s has two histories (%s), proof %s%s\n",
               author.ToString().c_str(), fork.kind().c_str(), HexEncode(fork.id()).c_str(),
               stored.ok() ? "" : ", which could not be stored");
  if (stored.ok() && parts_.alarm) parts_.alarm(fork);
  return ForkedError("institution");
}

// Also keys that are valid no more: they are who signed.
void Witness::AddKeys(const Author& author, witness::ForkProof& proof) const {
  std::vector<Ed25519PublicKey> candidates;
  const auto code = LocalGovernmentCode::Parse(author.ToString());
  const std::optional<Member> member = code.ok() ? options_.directory->Find(*code) : std::nullopt;
  for (const MemberKey& key : member ? member->keys : options_.directory->BrokerKeys()) {
    candidates.push_back(key.signing_key);
  }
  const auto first = ledger::ParseCheckpoint(proof.first);
  const auto second = ledger::ParseCheckpoint(proof.second);
  for (const Ed25519PublicKey& key : candidates) {
    const bool is_signer = (first.ok() && ledger::VerifyCheckpointSignature(*first, key)) ||
                           (second.ok() && ledger::VerifyCheckpointSignature(*second, key));
    if (is_signer) proof.keys.push_back({ledger::Origin(author), key});
  }
}

// Takes down how a round ended; what was not proved waits again.
void Witness::Settle(const Author& author, const absl::Status& result, Batch batch) {
  if (!result.ok() && !IsForked(result)) store_->PutWaiting(author, batch).IgnoreError();
  absl::MutexLock lock(&mutex_);
  Followed& followed = followed_[author];
  followed.under_way = 0;
  followed.asked_before = true;
  const bool news = std::exchange(followed.news, false);
  if (!result.ok()) {
    std::move(followed.waiting.begin(), followed.waiting.end(), std::back_inserter(batch));
    followed.waiting = std::move(batch);
  }
  followed.bytes = BytesOf(followed.waiting);
  if (result.ok()) {
    followed.proved_ms = options_.clock->NowMs();
    followed.unproven_rounds = 0;
    followed.failures = 0;
    followed.unproven = false;
    UpdateTrouble();
    return;
  }
  followed.last_error = std::string(result.message());
  if (IsForked(result)) return;
  if (NotReached(result)) {
    followed.failures = std::min(followed.failures + 1, 16);
    followed.skip = author.IsBroker() ? 0 : std::min((1 << followed.failures) - 1, kMaxSkipped);
    // Who is away signs nothing either.
    if (!news) return;
  }
  if (++followed.unproven_rounds * options_.every < options_.unproven_limit) return;
  followed.unproven = true;
  trouble_.store(true);
}

}  // namespace nakadachi::intermediate
