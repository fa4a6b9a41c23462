#include "tools/replay/evidence_set.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "common/base/status.h"
#include "common/evidence/layout.h"
#include "common/evidence/manifest.h"
#include "common/ledger/checkpoint.h"

namespace nakadachi::replay {
namespace {

namespace fs = std::filesystem;

// The manifest's logs, and those that lie there without being named. Those of which nothing lies
// there are missing.
std::vector<Author> LogsOf(const std::string& folder, std::set<std::string>* missing) {
  std::map<std::string, Author> logs;
  std::error_code error;
  if (const auto manifest = evidence::ReadManifest(folder); manifest.ok()) {
    for (const Author& author : manifest->logs) {
      if (fs::exists(evidence::LogFolder(folder, author), error)) {
        logs.emplace(author.ToString(), author);
      } else {
        missing->insert(author.ToString());
      }
    }
  }
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const auto author = Author::Parse(entry.path().filename().string());
    if (!author.ok() || !fs::exists(entry.path() / evidence::kCheckpointName, error)) continue;
    logs.emplace(author->ToString(), *author);
  }
  std::vector<Author> authors;
  authors.reserve(logs.size());
  for (const auto& [name, author] : logs) authors.push_back(author);
  return authors;
}

LogSource Open(const std::string& root, const Author& author) {
  LogSource source;
  source.author = author;
  source.folder = evidence::LogFolder(root, author);
  auto reader = evidence::LogReader::Open(source.folder);
  source.status = reader.status();
  if (reader.ok()) source.reader = std::make_unique<evidence::LogReader>(*std::move(reader));
  return source;
}

uint64_t SizeOf(const LogSource& source) {
  return source.reader == nullptr ? 0 : source.reader->size();
}

void Merge(LogSource source, LogSource* into) {
  if (SizeOf(source) > SizeOf(*into) || into->reader == nullptr) std::swap(source, *into);
  into->seen_checkpoints.insert(into->seen_checkpoints.end(), source.seen_checkpoints.begin(),
                                source.seen_checkpoints.end());
  if (source.reader == nullptr) return;
  into->seen_checkpoints.push_back(source.reader->checkpoint().note);
  const auto kept = source.reader->KeptNames();
  if (!kept.ok()) return;
  for (const std::string& name : *kept) {
    auto checkpoint = source.reader->ReadKept(name);
    if (checkpoint.ok()) into->seen_checkpoints.push_back(std::move(checkpoint->note));
  }
}

}  // namespace

const LogSource* EvidenceSet::Find(const std::string& log) const {
  const auto found = std::find_if(logs.begin(), logs.end(), [&](const LogSource& source) {
    return source.author.ToString() == log;
  });
  return found == logs.end() ? nullptr : &*found;
}

absl::StatusOr<EvidenceSet> OpenEvidence(const std::vector<std::string>& folders) {
  EvidenceSet evidence;
  std::set<std::string> missing;
  for (const std::string& folder : folders) {
    const std::vector<Author> authors = LogsOf(folder, &missing);
    if (authors.empty()) {
      return FieldError(absl::StatusCode::kNotFound, folder, "no-export", "holds no log");
    }
    for (const Author& author : authors) {
      LogSource source = Open(folder, author);
      const auto same =
          std::find_if(evidence.logs.begin(), evidence.logs.end(),
                       [&](const LogSource& other) { return other.author == author; });
      if (same == evidence.logs.end()) {
        evidence.logs.push_back(std::move(source));
      } else {
        Merge(std::move(source), &*same);
      }
    }
  }
  std::sort(evidence.logs.begin(), evidence.logs.end(), [](const LogSource& a, const LogSource& b) {
    if (a.author.IsBroker() != b.author.IsBroker()) return a.author.IsBroker();
    return a.author < b.author;
  });
  if (evidence.logs.empty() || !evidence.logs.front().author.IsBroker()) {
    return FieldError(absl::StatusCode::kNotFound, "export", "no-broker",
                      "the broker's log, which says who is who, is not there");
  }
  for (const LogSource& source : evidence.logs) {
    evidence.entries += SizeOf(source);
    missing.erase(source.author.ToString());
  }
  evidence.missing.assign(missing.begin(), missing.end());
  return evidence;
}

absl::Status AddSeenCheckpoint(const std::string& note, EvidenceSet* evidence) {
  NAKADACHI_ASSIGN_OR_RETURN(const ledger::SignedCheckpoint parsed, ledger::ParseCheckpoint(note));
  NAKADACHI_ASSIGN_OR_RETURN(const Author author, ledger::AuthorOfOrigin(parsed.checkpoint.origin));
  const auto log = std::find_if(evidence->logs.begin(), evidence->logs.end(),
                                [&](const LogSource& source) { return source.author == author; });
  if (log == evidence->logs.end()) {
    return FieldError(absl::StatusCode::kNotFound, author.ToString(), "no-log",
                      "the log of the checkpoint is not among the evidence");
  }
  log->seen_checkpoints.push_back(note);
  return absl::OkStatus();
}

absl::StatusOr<Ed25519PublicKey> TrustAnchor(const EvidenceSet& evidence,
                                             const std::string& given_verifier_key) {
  if (!given_verifier_key.empty()) {
    NAKADACHI_ASSIGN_OR_RETURN(
        const ledger::NamedKey given,
        ledger::ParseVerifierKey(absl::StripAsciiWhitespace(given_verifier_key)));
    return given.key;
  }
  const LogSource& broker = evidence.logs.front();
  if (broker.reader == nullptr) return broker.status;
  NAKADACHI_RETURN_IF_ERROR(broker.reader->keys_status());
  if (broker.reader->keys().empty()) {
    return FieldError(absl::StatusCode::kNotFound, broker.folder, "vkey",
                      "the broker's first key is not known: give it with --vkey");
  }
  return broker.reader->keys().front().key;
}

}  // namespace nakadachi::replay
