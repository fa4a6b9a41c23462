#include "client/evidence_export.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/inspection_client.h"
#include "client/ledger_client.h"
#include "client/network_directory.h"
#include "client/persons_file.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"
#include "common/crypto/private_file.h"
#include "common/crypto/x509.h"
#include "common/evidence/log_writer.h"
#include "common/evidence/manifest.h"
#include "common/inspection/scope.h"
#include "common/ledger/checkpoint.h"
#include "common/merkle/merkle.h"

namespace nakadachi::client {
namespace {

namespace fs = std::filesystem;

constexpr size_t kIdBytes = 16;
constexpr absl::Duration kBusyPause = absl::Milliseconds(200);

absl::Status Lost(const Author& author, absl::string_view rule, absl::string_view message) {
  return FieldError(absl::StatusCode::kDataLoss, absl::StrCat("ledger ", author.ToString()), rule,
                    message);
}

// The inspection that a run has begun and not finished: a later run goes on under its id, so that
// the ledger says once what was one inspection.
class PendingInspection {
 public:
  explicit PendingInspection(const std::string& log_folder)
      : path_(absl::StrCat(log_folder, "/inspection")) {}

  std::optional<v1::OpenInspectionRequest> Read() const {
    const auto bytes = ReadPublicFile(path_);
    v1::OpenInspectionRequest request;
    if (!bytes.ok() || !request.ParseFromString(*bytes)) return std::nullopt;
    return request;
  }
  absl::Status Write(const v1::OpenInspectionRequest& request) const {
    return WritePublicFile(path_, request.SerializeAsString(), Overwrite::kAllowed);
  }
  void Remove() const {
    std::error_code ignored;
    fs::remove(path_, ignored);
  }

 private:
  const std::string path_;
};

bool SameScope(const v1::OpenInspectionRequest& a, const v1::OpenInspectionRequest& b) {
  return a.institution() == b.institution() && a.statements() == b.statements() &&
         a.from_ms() == b.from_ms() && a.until_ms() == b.until_ms() && a.persons() == b.persons();
}

evidence::Body BodyOf(const v1::InspectedEntry& entry) {
  evidence::Body body;
  switch (entry.body()) {
    case v1::InspectedEntry::GIVEN:
      body.state = evidence::BodyState::kPresent;
      body.salt = entry.salt();
      body.statement = entry.statement();
      body.person = entry.person();
      break;
    case v1::InspectedEntry::ERASED:
      body.state = evidence::BodyState::kErased;
      break;
    case v1::InspectedEntry::OUT_OF_SCOPE:
      body.state = evidence::BodyState::kWithheld;
      break;
    case v1::InspectedEntry::UNREADABLE:
      body.state = evidence::BodyState::kUnreadable;
      break;
    default:
      body.state = evidence::BodyState::kAbsent;
  }
  return body;
}

// One log's way into the folder.
class LogExport {
 public:
  LogExport(const ExportRequest& request, const NetworkDirectory& network, const Author& author,
            const Endpoint& endpoint, v1::OpenInspectionRequest scope)
      : request_(request),
        network_(network),
        author_(author),
        folder_(evidence::LogFolder(request.folder, author)),
        scope_(std::move(scope)),
        pending_(folder_),
        inspection_(ConnectInspection(endpoint, request.policy)),
        ledger_(ConnectLedger(endpoint, request.policy)) {}

  absl::Status Run(ExportedLog* result) {
    NAKADACHI_ASSIGN_OR_RETURN(writer_, evidence::LogWriter::Open({folder_, author_, nullptr}));
    NAKADACHI_RETURN_IF_ERROR(writer_->AddKeys(network_.VerifierKeys(author_)));
    NAKADACHI_RETURN_IF_ERROR(OpenPersons());
    const uint64_t before = writer_->committed_size();
    const absl::Status status = Fetch(result);
    result->size = writer_->committed_size();
    result->added = result->size - before;
    result->inspection_id = scope_.inspection_id();
    return status;
  }

 private:
  // All of the permits have their persons beside them, or none.
  absl::Status OpenPersons() {
    if (writer_->size() > 0 && PersonsFile::Exists(folder_) != scope_.persons()) {
      return FieldError(absl::StatusCode::kFailedPrecondition, "folder", "scope",
                        "the folder holds an export with other rights to persons");
    }
    if (!scope_.persons()) return absl::OkStatus();
    persons_ = std::make_unique<PersonsFile>(folder_);
    return persons_->Merge(writer_->size());
  }

  absl::Status Fetch(ExportedLog* result) {
    // Asked for before the inspection's end is signed: however busy the ledger is, it lies before.
    NAKADACHI_ASSIGN_OR_RETURN(const std::string cosigned, NewestCosigned());
    NAKADACHI_ASSIGN_OR_RETURN(const std::string note, Open());
    NAKADACHI_ASSIGN_OR_RETURN(const ledger::Checkpoint end, CheckSigned(note));
    NAKADACHI_RETURN_IF_ERROR(CheckHistory(end, note));
    while (writer_->size() < end.size) NAKADACHI_RETURN_IF_ERROR(FetchPage(end.size, result));
    const absl::Status committed = writer_->Commit(note);
    // Whatever became of it, it is over: it can bring nothing more.
    pending_.Remove();
    if (absl::IsFailedPrecondition(committed)) {
      return Lost(author_, "root", "the entries that the server gave are not those that it signed");
    }
    NAKADACHI_RETURN_IF_ERROR(committed);
    if (persons_ != nullptr) NAKADACHI_RETURN_IF_ERROR(persons_->Merge(end.size));
    return KeepCosigned(cosigned, end.size);
  }

  // The broker's newest checkpoint with a quorum of witnesses' cosignatures; empty: none.
  absl::StatusOr<std::string> NewestCosigned() {
    if (!author_.IsBroker()) return std::string();
    NAKADACHI_ASSIGN_OR_RETURN(const auto response, GetCheckpoint());
    return response.witnessing().cosigned();
  }

  // What the witnesses have seen, for a judge. One that lies beyond what was exported, as where an
  // earlier run's inspection was gone on with, is left to the next run.
  absl::Status KeepCosigned(const std::string& note, uint64_t size) {
    if (note.empty()) return absl::OkStatus();
    NAKADACHI_ASSIGN_OR_RETURN(const ledger::Checkpoint checkpoint, CheckSigned(note));
    return checkpoint.size > size ? absl::OkStatus() : writer_->Keep(note);
  }

  // The note that the inspection ends with.
  absl::StatusOr<std::string> Open() {
    const auto pending = pending_.Read();
    const bool goes_on =
        pending && SameScope(*pending, scope_) && pending->first() <= writer_->size();
    if (goes_on) {
      scope_ = *pending;
    } else {
      NAKADACHI_RETURN_IF_ERROR(Begin());
    }
    auto opened = inspection_->Open(scope_);
    if (absl::IsAlreadyExists(opened.status())) {
      // It was another inspector's.
      NAKADACHI_RETURN_IF_ERROR(Begin());
      opened = inspection_->Open(scope_);
    }
    if (absl::IsOutOfRange(opened.status())) return NewestCheckpoint();
    NAKADACHI_RETURN_IF_ERROR(opened.status());
    return opened->inspection().checkpoint();
  }

  absl::Status Begin() {
    scope_.set_inspection_id(SystemRandom().String(kIdBytes));
    scope_.set_first(writer_->size());
    return pending_.Write(scope_);
  }

  // A ledger that is shorter than what is held of it has a story to tell.
  absl::StatusOr<std::string> NewestCheckpoint() {
    NAKADACHI_ASSIGN_OR_RETURN(const auto response, GetCheckpoint());
    return response.checkpoint();
  }

  absl::StatusOr<v1::GetCheckpointResponse> GetCheckpoint() {
    v1::GetCheckpointRequest request;
    request.set_institution(author_.ToString());
    return ledger_->GetCheckpoint(request);
  }

  // Keys that are revoked or expired count too: what was done with them is for a judge.
  absl::StatusOr<ledger::Checkpoint> CheckSigned(const std::string& note) const {
    NAKADACHI_ASSIGN_OR_RETURN(const ledger::SignedCheckpoint parsed,
                               ledger::ParseCheckpoint(note));
    const std::vector<Ed25519PublicKey> keys = network_.Keys(author_);
    const bool is_signed = parsed.checkpoint.origin == ledger::Origin(author_) &&
                           std::any_of(keys.begin(), keys.end(), [&](const Ed25519PublicKey& key) {
                             return ledger::VerifyCheckpointSignature(parsed, key);
                           });
    if (is_signed) return parsed.checkpoint;
    return Lost(author_, "signature", "the server's checkpoint is signed by none of its keys");
  }

  // What is signed now must continue what the folder holds.
  absl::Status CheckHistory(const ledger::Checkpoint& now, const std::string& note) {
    if (writer_->committed_size() == 0) return absl::OkStatus();
    const auto held = ledger::ParseCheckpoint(writer_->checkpoint());
    if (!held.ok()) return held.status();
    const ledger::Checkpoint& before = held->checkpoint;
    if (now.size < before.size) return Fork(note, "is behind the one of the export");
    v1::GetConsistencyProofRequest request;
    request.set_institution(author_.ToString());
    request.set_old_size(before.size);
    request.set_new_size(now.size);
    NAKADACHI_ASSIGN_OR_RETURN(const auto proof, ledger_->GetConsistencyProof(request));
    std::vector<Hash> path;
    for (const std::string& bytes : proof.path()) {
      NAKADACHI_ASSIGN_OR_RETURN(const Hash hash, HashFromBytes(bytes, "path"));
      path.push_back(hash);
    }
    const absl::Status consistent =
        merkle::VerifyConsistency(before.size, now.size, before.root, now.root, path);
    if (consistent.ok()) return absl::OkStatus();
    return Fork(note, "does not continue the one of the export");
  }

  absl::Status Fork(const std::string& note, absl::string_view how) {
    pending_.Remove();
    NAKADACHI_RETURN_IF_ERROR(writer_->Keep(note));
    return Lost(author_, "fork",
                absl::StrCat("two histories are signed: the checkpoint that the server gives now ",
                             how, "; both are kept in the export"));
  }

  absl::Status FetchPage(uint64_t end, ExportedLog* result) {
    v1::ReadInspectionRequest request;
    request.set_inspection_id(scope_.inspection_id());
    request.set_institution(author_.ToString());
    request.set_start(writer_->size());
    NAKADACHI_ASSIGN_OR_RETURN(const v1::ReadInspectionResponse page, Read(request));
    if (page.start() != request.start() || page.entries().empty()) {
      return Lost(author_, "missing", "the server leaves entries out");
    }
    NAKADACHI_RETURN_IF_ERROR(AddPersons(page));
    for (const v1::InspectedEntry& entry : page.entries()) {
      NAKADACHI_ASSIGN_OR_RETURN(const Hash commitment,
                                 HashFromBytes(entry.commitment(), "commitment"));
      const uint64_t index = writer_->size();
      const absl::Status appended = writer_->Append(commitment, BodyOf(entry));
      if (!appended.ok()) return UnderField(absl::StrCat("entry ", index), appended);
      if (entry.body() == v1::InspectedEntry::UNREADABLE) NoteUnreadable(index, result);
    }
    if (request_.progress) request_.progress(author_, writer_->size(), end);
    return absl::OkStatus();
  }

  static void NoteUnreadable(uint64_t index, ExportedLog* result) {
    ++result->unreadable;
    if (result->unreadable_entries.size() < ExportedLog::kNamed) {
      result->unreadable_entries.push_back(index);
    }
  }

  // A server that is busy with other inspectors is asked again.
  absl::StatusOr<v1::ReadInspectionResponse> Read(const v1::ReadInspectionRequest& request) {
    const absl::Time give_up = absl::Now() + request_.policy.keep_trying;
    while (true) {
      auto page = inspection_->Read(request);
      if (!absl::IsResourceExhausted(page.status()) || absl::Now() > give_up) return page;
      absl::SleepFor(kBusyPause);
    }
  }

  absl::Status AddPersons(const v1::ReadInspectionResponse& page) {
    if (persons_ == nullptr) return absl::OkStatus();
    for (int i = 0; i < page.entries_size(); ++i) {
      const std::string& person = page.entries(i).person();
      if (person.size() == kIdBytes) persons_->Add(person, page.start() + i);
    }
    return persons_->Flush();
  }

  const ExportRequest& request_;
  const NetworkDirectory& network_;
  const Author author_;
  const std::string folder_;
  v1::OpenInspectionRequest scope_;
  const PendingInspection pending_;
  const std::unique_ptr<InspectionConnection> inspection_;
  const std::unique_ptr<LedgerConnection> ledger_;
  std::unique_ptr<evidence::LogWriter> writer_;
  std::unique_ptr<PersonsFile> persons_;
};

// The broker first: keys and lists stand in its log.
std::vector<Author> LogsInScope(const rpc::Peer& inspector, const Directory& directory) {
  std::vector<Author> logs = {Author::Broker()};
  for (const Member& member : directory.Members()) {
    if (inspector.inspection.all || inspector.MaySpeakFor(member.code)) {
      logs.push_back(Author::Of(member.code));
    }
  }
  return logs;
}

// Every inspector may have the broker's Directory statements; bodies of others by scope only.
v1::OpenInspectionRequest ScopeOf(const ExportRequest& request, const rpc::Peer& inspector,
                                  const Author& author) {
  const rpc::InspectionScope& scope = inspector.inspection;
  v1::OpenInspectionRequest open;
  open.set_institution(author.ToString());
  open.set_statements(request.statements && (!author.IsBroker() || scope.all || scope.broker));
  if (!open.statements()) return open;
  open.set_from_ms(request.from_ms);
  open.set_until_ms(request.until_ms);
  open.set_persons(request.persons && author.IsBroker());
  return open;
}

absl::StatusOr<Endpoint> EndpointOf(const ExportRequest& request, const Directory& directory,
                                    const Author& author) {
  Endpoint endpoint = request.broker;
  if (author.IsBroker()) return endpoint;
  const auto code = LocalGovernmentCode::Parse(author.ToString());
  const auto member = code.ok() ? directory.Find(*code) : std::nullopt;
  if (!member) {
    return FieldError(absl::StatusCode::kNotFound, "institution", "unknown-member",
                      absl::StrCat(author.ToString(), " is no member of the network"));
  }
  // Routes come from others; one that names nobody is no reason to fall.
  if (member->route.address().empty() || member->route.tls_name().empty()) {
    return FieldError(absl::StatusCode::kUnavailable, "route", "required",
                      "names no address or no TLS name");
  }
  endpoint.address = member->route.address();
  endpoint.tls_name = member->route.tls_name();
  return endpoint;
}

bool IsCommitmentsOnly(const ExportRequest& request, const rpc::Peer& inspector,
                       const Author& author) {
  return !ScopeOf(request, inspector, author).statements();
}

// A log's bodies come with its entries, and what was left out is not fetched later: a certificate
// that reaches further than the one before needs a folder of its own.
absl::Status CheckSameReach(const ExportRequest& request, const rpc::Peer& inspector,
                            const std::vector<Author>& logs, const evidence::Manifest& held) {
  if (!held.commitments_only.has_value()) return absl::OkStatus();
  for (const Author& author : logs) {
    if (std::find(held.logs.begin(), held.logs.end(), author) == held.logs.end()) continue;
    const bool before = held.commitments_only->count(author.ToString()) > 0;
    if (before == IsCommitmentsOnly(request, inspector, author)) continue;
    return FieldError(absl::StatusCode::kFailedPrecondition, "folder", "scope",
                      absl::StrCat("the folder holds the log of ", author.ToString(),
                                   before ? " without bodies" : " with bodies",
                                   ", and this certificate reaches otherwise"));
  }
  return absl::OkStatus();
}

// What the folder is meant to hold; written first, so that a run that was cut off is gone on with
// as what it was.
absl::StatusOr<evidence::Manifest> BeginManifest(const ExportRequest& request,
                                                 const std::string& network,
                                                 const rpc::Peer& inspector,
                                                 const std::vector<Author>& logs) {
  evidence::Manifest manifest;
  auto held = evidence::ReadManifest(request.folder);
  if (held.ok()) {
    manifest = *std::move(held);
    if (manifest.from_ms != request.from_ms || manifest.until_ms != request.until_ms ||
        manifest.bodies != request.statements) {
      return FieldError(absl::StatusCode::kFailedPrecondition, "folder", "scope",
                        "the folder holds an export of another period or other rights");
    }
  } else if (!absl::IsNotFound(held.status())) {
    return held.status();
  }
  NAKADACHI_RETURN_IF_ERROR(CheckSameReach(request, inspector, logs, manifest));
  manifest.network = network;
  manifest.from_ms = request.from_ms;
  manifest.until_ms = request.until_ms;
  manifest.bodies = request.statements;
  manifest.exported_by = inspector.staff_pseudonym;
  if (!manifest.commitments_only.has_value()) manifest.commitments_only.emplace();
  for (const Author& author : logs) {
    const auto found = std::find(manifest.logs.begin(), manifest.logs.end(), author);
    if (found == manifest.logs.end()) manifest.logs.push_back(author);
    if (IsCommitmentsOnly(request, inspector, author)) {
      manifest.commitments_only->insert(author.ToString());
    }
  }
  NAKADACHI_RETURN_IF_ERROR(evidence::WriteManifest(request.folder, manifest));
  return manifest;
}

absl::Status MakeFolder(const std::string& path) {
  std::error_code error;
  const bool made = fs::create_directories(path, error);
  if (made) fs::permissions(path, fs::perms::owner_all, error);
  if (!error) return absl::OkStatus();
  return FieldError(absl::StatusCode::kUnavailable, path, "io", error.message());
}

}  // namespace

absl::StatusOr<rpc::Peer> PeerOfCertificate(const rpc::TlsMaterial& tls, absl::Time now) {
  NAKADACHI_ASSIGN_OR_RETURN(const CertificateInfo info,
                             VerifyLeaf(tls.trust_root, tls.certificate, now));
  return rpc::ParsePeer(info.uris);
}

absl::StatusOr<std::vector<ExportedLog>> ExportEvidence(const ExportRequest& request) {
  NAKADACHI_ASSIGN_OR_RETURN(const rpc::Peer inspector,
                             PeerOfCertificate(request.broker.tls, absl::Now()));
  const auto broker = ConnectInspection(request.broker, request.policy);
  NAKADACHI_ASSIGN_OR_RETURN(const NetworkDirectory network,
                             LearnDirectory(*broker, request.broker_keys));
  const std::vector<Author> logs =
      request.logs.empty() ? LogsInScope(inspector, *network.directory) : request.logs;
  // The servers say so too; but a folder that was begun stays of its scope.
  for (const Author& author : logs) {
    const absl::Status allowed =
        inspection::CheckScope(inspector, ScopeOf(request, inspector, author));
    if (!allowed.ok()) return UnderField(author.ToString(), allowed);
  }
  NAKADACHI_RETURN_IF_ERROR(MakeFolder(request.folder));
  NAKADACHI_ASSIGN_OR_RETURN(evidence::Manifest manifest,
                             BeginManifest(request, network.network_name, inspector, logs));

  std::vector<ExportedLog> exported;
  for (const Author& author : logs) {
    ExportedLog& log = exported.emplace_back();
    log.author = author;
    const auto endpoint = EndpointOf(request, *network.directory, author);
    if (!endpoint.ok()) {
      log.status = endpoint.status();
      continue;
    }
    LogExport run(request, network, author, *endpoint, ScopeOf(request, inspector, author));
    log.status = run.Run(&log);
  }
  manifest.exported_ms = absl::ToUnixMillis(absl::Now());
  NAKADACHI_RETURN_IF_ERROR(evidence::WriteManifest(request.folder, manifest));
  return exported;
}

}  // namespace nakadachi::client
