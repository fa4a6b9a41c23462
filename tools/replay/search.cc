#include "tools/replay/search.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/evidence/bundle.h"
#include "common/ledger/commitment.h"
#include "common/ledger/verifier.h"
#include "common/merkle/merkle.h"
#include "tools/replay/evidence_set.h"
#include "tools/replay/search_index.h"

namespace nakadachi::replay {
namespace {

// Beside the broker's log: record-management code (16 bytes) and leaf (8, big-endian), sorted.
constexpr char kPersonsName[] = "persons";
constexpr size_t kCodeSize = 16;
constexpr size_t kPersonSize = 24;
constexpr size_t kMostOfExchange = 16;
constexpr size_t kBroker = 0;  // its place among the logs

struct Filter {
  Dimension dimension;
  std::string value;
};

std::vector<Filter> FiltersOf(const SearchOptions& options) {
  std::vector<Filter> filters;
  const auto add = [&](Dimension dimension, const std::string& value) {
    if (!value.empty()) filters.push_back({dimension, value});
  };
  add(Dimension::kInstitution, options.institution);
  add(Dimension::kProcedure, options.procedure);
  add(Dimension::kStaff, options.staff);
  add(Dimension::kOutcome, options.outcome);
  return filters;
}

using PostingRange = std::pair<const Posting*, const Posting*>;

// The first posting of a row, or of one behind it: by steps that double, then by halves.
const Posting* Reach(const PostingRange& range, uint32_t row) {
  const auto before = [](Posting posting, uint32_t wanted) {
    return SearchIndex::RowOf(posting) < wanted;
  };
  const Posting* from = range.first;
  std::ptrdiff_t step = 1;
  while (range.second - from > step && before(from[step], row)) {
    from += step;
    step *= 2;
  }
  const Posting* to = from + std::min<std::ptrdiff_t>(step + 1, range.second - from);
  return std::lower_bound(from, to, row, before);
}

bool Has(const Searchable& found, const Filter& filter) {
  switch (filter.dimension) {
    case Dimension::kInstitution:
      return found.institutions[0] == filter.value || found.institutions[1] == filter.value;
    case Dimension::kProcedure:
      return found.procedure == filter.value;
    case Dimension::kStaff:
      return found.staff == filter.value;
    case Dimension::kOutcome:
      return found.outcome == filter.value;
    case Dimension::kExchange:
      return found.exchanges[0] == filter.value || found.exchanges[1] == filter.value;
  }
  return false;
}

uint64_t BigEndian(absl::string_view bytes) {
  uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

class Searcher {
 public:
  Searcher(const SearchOptions& options, SearchIndex index, EvidenceSet evidence,
           const Ed25519PublicKey& anchor)
      : options_(options),
        index_(std::move(index)),
        evidence_(std::move(evidence)),
        anchor_(anchor),
        filters_(FiltersOf(options)) {}

  absl::StatusOr<SearchResult> Run();

 private:
  struct Found {
    v1::Statement statement;
    std::string commitment;
  };
  absl::Status RunPerson();
  void RunIndex();
  void Consider(size_t log, uint64_t index);
  const evidence::LogReader* ReaderOf(size_t log) const {
    return log < evidence_.logs.size() ? evidence_.logs[log].reader.get() : nullptr;
  }
  std::optional<Found> Read(size_t log, uint64_t index) const;
  bool Matches(const Found& found) const;
  void Prove(size_t log, Hit* hit);
  const absl::Status& TrustOf(size_t log);
  const absl::StatusOr<std::unique_ptr<evidence::ProvenDirectory>>& KnownDirectory();
  std::vector<EntryRef> ExchangeOf(const Searchable& of, const EntryRef& but) const;

  const SearchOptions& options_;
  const SearchIndex index_;
  const EvidenceSet evidence_;
  const Ed25519PublicKey anchor_;
  const std::vector<Filter> filters_;
  std::map<size_t, absl::Status> trust_;  // in the newest checkpoint of a log
  std::optional<absl::StatusOr<std::unique_ptr<evidence::ProvenDirectory>>> directory_;
  SearchResult result_;
};

absl::StatusOr<SearchResult> Searcher::Run() {
  const auto start = std::chrono::steady_clock::now();
  if (options_.person.empty()) {
    RunIndex();
  } else {
    NAKADACHI_RETURN_IF_ERROR(RunPerson());
  }
  result_.elapsed_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return std::move(result_);
}

absl::Status Searcher::RunPerson() {
  NAKADACHI_ASSIGN_OR_RETURN(const std::string code, HexDecode(options_.person, "person"));
  if (code.size() != kCodeSize) return InvalidField("person", "length", "must have 32 digits");
  auto persons = MappedFile::Open(evidence_.logs[kBroker].folder + "/" + kPersonsName);
  if (!persons.ok()) {
    return FieldError(absl::StatusCode::kNotFound, "person", "no-persons",
                      "the export does not say whom permits are about");
  }
  result_.person_by_assertion = true;
  const absl::string_view bytes = persons->bytes();
  const auto at = [&](size_t i) { return bytes.substr(i * kPersonSize, kPersonSize); };
  size_t first = 0;
  for (size_t count = bytes.size() / kPersonSize; count > 0;) {
    const size_t half = count / 2;
    if (at(first + half).substr(0, kCodeSize) < code) {
      first += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  for (; (first + 1) * kPersonSize <= bytes.size(); ++first) {
    if (at(first).substr(0, kCodeSize) != code) break;
    const uint64_t leaf = BigEndian(at(first).substr(kCodeSize));
    const auto found = Read(kBroker, leaf);
    if (!found.has_value() || !found->statement.has_permit() || !Matches(*found)) continue;
    ++result_.matches;
    Consider(kBroker, leaf);
  }
  return absl::OkStatus();
}

// Walks the shortest list of rows, with the others alongside: rows themselves are read only where
// a hit is shown.
void Searcher::RunIndex() {
  const auto rows = index_.RowsOf(options_.from_ms, options_.until_ms);
  const auto visit = [&](uint32_t number) {
    ++result_.matches;
    if (result_.hits.size() >= options_.limit) return;
    const Row& row = index_.row(number);
    Consider(row.log, row.index);
  };
  if (filters_.empty()) {
    for (uint32_t number = rows.first; number < rows.second; ++number) visit(number);
    return;
  }
  std::vector<PostingRange> ranges;
  for (const Filter& filter : filters_) {
    ranges.push_back(index_.Find(filter.dimension, filter.value, rows));
  }
  std::sort(ranges.begin(), ranges.end(), [](const PostingRange& a, const PostingRange& b) {
    return a.second - a.first < b.second - b.first;
  });
  for (const Posting* posting = ranges[0].first; posting != ranges[0].second; ++posting) {
    const uint32_t number = SearchIndex::RowOf(*posting);
    const bool in_all = std::all_of(ranges.begin() + 1, ranges.end(), [&](PostingRange& range) {
      range.first = Reach(range, number);
      return range.first != range.second && SearchIndex::RowOf(*range.first) == number;
    });
    if (in_all) visit(number);
  }
}

// Takes an entry that the index names, if it is what was looked for.
void Searcher::Consider(size_t log, uint64_t index) {
  if (result_.hits.size() >= options_.limit) return;
  auto found = Read(log, index);
  if (!found.has_value() || !Matches(*found)) {
    --result_.matches;
    return;
  }
  Hit hit;
  hit.entry = {evidence_.logs[log].author.ToString(), index};
  hit.exchange = ExchangeOf(SearchableOf(found->statement, found->commitment), hit.entry);
  hit.statement = std::move(found->statement);
  Prove(log, &hit);
  result_.hits.push_back(std::move(hit));
}

std::optional<Searcher::Found> Searcher::Read(size_t log, uint64_t index) const {
  const evidence::LogReader* reader = ReaderOf(log);
  if (reader == nullptr || index >= reader->size()) return std::nullopt;
  evidence::StatementBundle bundle;
  reader->ReadStatements(index / evidence::kWidth, &bundle).IgnoreError();
  const size_t position = index % evidence::kWidth;
  if (position >= bundle.bodies().size()) return std::nullopt;
  const evidence::Body& body = bundle.bodies()[position];
  if (body.state != evidence::BodyState::kPresent) return std::nullopt;
  Found found;
  if (!found.statement.ParseFromArray(body.statement.data(),
                                      static_cast<int>(body.statement.size()))) {
    return std::nullopt;
  }
  found.commitment = std::string(AsView(ledger::Commit(body.salt, body.statement)));
  return found;
}

bool Searcher::Matches(const Found& found) const {
  if (found.statement.time_ms() < options_.from_ms ||
      found.statement.time_ms() >= options_.until_ms) {
    return false;
  }
  const Searchable searchable = SearchableOf(found.statement, found.commitment);
  return std::all_of(filters_.begin(), filters_.end(),
                     [&](const Filter& filter) { return Has(searchable, filter); });
}

// Whether the log's newest checkpoint is signed by a key that the broker's first key leads to.
const absl::Status& Searcher::TrustOf(size_t log) {
  const auto known = trust_.find(log);
  if (known != trust_.end()) return known->second;
  const auto& directory = KnownDirectory();
  return trust_[log] =
             directory.ok() ? (*directory)->CheckSigned(*ReaderOf(log)) : directory.status();
}

// By the Directory statements that the index names.
const absl::StatusOr<std::unique_ptr<evidence::ProvenDirectory>>& Searcher::KnownDirectory() {
  if (directory_.has_value()) return *directory_;
  if (ReaderOf(kBroker) == nullptr) {
    return directory_.emplace(FieldError(absl::StatusCode::kDataLoss,
                                         evidence_.logs[kBroker].folder, "unreadable",
                                         "the broker's log cannot be read"));
  }
  std::vector<uint64_t> leaves;
  const auto postings = index_.Find(Dimension::kInstitution, Author::Broker().ToString(),
                                    index_.RowsOf(INT64_MIN, INT64_MAX));
  for (const Posting* posting = postings.first; posting != postings.second; ++posting) {
    const Row& row = index_.row(SearchIndex::RowOf(*posting));
    if (row.log == kBroker) leaves.push_back(row.index);
  }
  std::sort(leaves.begin(), leaves.end());
  return directory_.emplace(evidence::ProvenDirectory::Create(*ReaderOf(kBroker), anchor_, leaves));
}

void Searcher::Prove(size_t log, Hit* hit) {
  const evidence::LogReader& reader = *ReaderOf(log);
  const ledger::Checkpoint& checkpoint = reader.checkpoint().parsed.checkpoint;
  auto recorded = reader.Prove(hit->entry.index, reader.size(), reader.checkpoint().note);
  absl::Status status = recorded.status();
  if (status.ok()) {
    hit->recorded = *std::move(recorded);
    const Hash commitment = ledger::Commit(hit->recorded.salt(), hit->recorded.statement());
    const Hash leaf = merkle::LeafHash(AsView(commitment));
    hit->commitment = HexEncode(AsView(commitment));
    hit->leaf_hash = HexEncode(AsView(leaf));
    status = merkle::VerifyInclusion(hit->entry.index, checkpoint.size, leaf,
                                     ledger::HashesOf(hit->recorded.path()), checkpoint.root);
  }
  if (status.ok() && hit->statement.author() != reader.author().ToString()) {
    status = InvalidField("statement", "author", "is not the log's");
  }
  if (status.ok()) status = TrustOf(log);
  hit->proven = status.ok();
  hit->problem = std::string(status.message());
}

std::vector<EntryRef> Searcher::ExchangeOf(const Searchable& of, const EntryRef& but) const {
  const std::pair<uint32_t, uint32_t> all = index_.RowsOf(INT64_MIN, INT64_MAX);
  std::vector<std::string> wanted(of.exchanges.begin(), of.exchanges.end());
  std::set<std::string> asked = {""};
  std::set<uint32_t> rows;
  std::vector<EntryRef> entries;
  while (!wanted.empty()) {
    const Filter filter{Dimension::kExchange, wanted.back()};
    wanted.pop_back();
    if (!asked.insert(filter.value).second) continue;
    const auto postings = index_.Find(filter.dimension, filter.value, all);
    for (const Posting* posting = postings.first; posting != postings.second; ++posting) {
      if (entries.size() >= kMostOfExchange) return entries;
      const uint32_t number = SearchIndex::RowOf(*posting);
      if (!rows.insert(number).second) continue;
      const Row& row = index_.row(number);
      const auto found = Read(row.log, row.index);
      if (!found.has_value()) continue;
      const Searchable other = SearchableOf(found->statement, found->commitment);
      if (!Has(other, filter)) continue;
      wanted.insert(wanted.end(), other.exchanges.begin(), other.exchanges.end());
      const EntryRef entry{evidence_.logs[row.log].author.ToString(), row.index};
      if (entry.log != but.log || entry.index != but.index) entries.push_back(entry);
    }
  }
  return entries;
}

absl::Status CheckOptions(const SearchOptions& options) {
  if (!options.person.empty() || !FiltersOf(options).empty()) return absl::OkStatus();
  if (options.from_ms != INT64_MIN || options.until_ms != INT64_MAX) return absl::OkStatus();
  return InvalidField("search", "required", "say what to look for");
}

}  // namespace

bool SearchResult::all_proven() const {
  return std::all_of(hits.begin(), hits.end(), [](const Hit& hit) { return hit.proven; });
}

absl::StatusOr<SearchResult> Search(const SearchOptions& options) {
  NAKADACHI_RETURN_IF_ERROR(CheckOptions(options));
  NAKADACHI_ASSIGN_OR_RETURN(EvidenceSet evidence, OpenEvidence({options.folder}));
  NAKADACHI_ASSIGN_OR_RETURN(SearchIndex index, SearchIndex::Open(options.folder, evidence));
  NAKADACHI_ASSIGN_OR_RETURN(const Ed25519PublicKey anchor,
                             TrustAnchor(evidence, options.verifier_key));
  return Searcher(options, std::move(index), std::move(evidence), anchor).Run();
}

}  // namespace nakadachi::replay
