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
#include "absl/strings/str_join.h"
#include "common/base/ids.h"
#include "common/base/status.h"
#include "common/evidence/bundle.h"
#include "common/ledger/verifier.h"
#include "common/merkle/merkle.h"
#include "common/permission/permission_list.h"
#include "tools/replay/evidence_set.h"
#include "tools/replay/extract.h"
#include "tools/replay/index_files.h"
#include "tools/replay/search_bodies.h"
#include "tools/replay/search_index.h"

namespace nakadachi::replay {
namespace {

constexpr size_t kCodeSize = 16;
constexpr size_t kMostOfExchange = 16;
constexpr size_t kBroker = 0;  // its place among the logs

struct Filter {
  Dimension dimension;
  std::string value;
};

// `person`: the code's bytes.
std::vector<Filter> FiltersOf(const SearchOptions& options, const std::string& person) {
  std::vector<Filter> filters;
  const auto add = [&](Dimension dimension, const std::string& value) {
    if (!value.empty()) filters.push_back({dimension, value});
  };
  add(Dimension::kInstitution, options.institution);
  add(Dimension::kProcedure, options.procedure);
  add(Dimension::kStaff, options.staff);
  add(Dimension::kOutcome, options.outcome);
  add(Dimension::kPerson, person);
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
    case Dimension::kPerson:
      return found.person == filter.value;
  }
  return false;
}

// The rows in which all filters hold, by an index, in order of time: walks the shortest list of
// rows, with the others alongside.
class Walk {
 public:
  Walk(const SearchIndex& index, const std::vector<Filter>& filters,
       std::pair<uint32_t, uint32_t> rows)
      : rows_(rows) {
    for (const Filter& filter : filters) {
      ranges_.push_back(index.Find(filter.dimension, filter.value, rows));
    }
    std::sort(ranges_.begin(), ranges_.end(), [](const PostingRange& a, const PostingRange& b) {
      return a.second - a.first < b.second - b.first;
    });
  }

  // None at the end.
  std::optional<uint32_t> Next() {
    if (ranges_.empty())
      return rows_.first < rows_.second ? std::optional(rows_.first++) : std::nullopt;
    while (ranges_[0].first != ranges_[0].second) {
      const uint32_t number = SearchIndex::RowOf(*ranges_[0].first++);
      const bool in_all =
          std::all_of(ranges_.begin() + 1, ranges_.end(), [number](PostingRange& range) {
            range.first = Reach(range, number);
            return range.first != range.second && SearchIndex::RowOf(*range.first) == number;
          });
      if (in_all) return number;
    }
    return std::nullopt;
  }

 private:
  std::pair<uint32_t, uint32_t> rows_;
  std::vector<PostingRange> ranges_;
};

// An export with its index.
struct Part {
  std::string folder;
  EvidenceSet evidence;
  SearchIndex index;
  std::map<size_t, absl::Status> trust;  // in the newest checkpoint of a log
};

std::pair<uint32_t, uint32_t> AllRows(const Part& part) {
  return part.index.RowsOf(INT64_MIN, INT64_MAX);
}

// An entry as it was read.
struct Found {
  size_t log = 0;
  uint64_t index = 0;
  v1::Statement statement;
  Searchable searchable;
  std::string salt;
  std::string bytes;
  Hash commitment{};
};

// Where walks over several exports stand.
struct Head {
  size_t part;
  Walk walk;
  std::optional<uint32_t> number;
  Row row{};  // where there are several heads
};

class Searcher {
 public:
  Searcher(const SearchOptions& options, std::vector<Filter> filters, std::vector<Part> parts,
           const Ed25519PublicKey& anchor)
      : options_(options),
        filters_(std::move(filters)),
        parts_(std::move(parts)),
        anchor_(anchor) {}

  absl::StatusOr<SearchResult> Run();

 private:
  absl::Status RunIndex();
  absl::Status Advance(bool alone, Head* head) const;
  bool IsBefore(const Head& a, const Head& b) const;
  absl::Status Consider(const std::vector<const Head*>& same);
  absl::StatusOr<Row> RowAt(const Part& part, uint32_t number) const;
  absl::StatusOr<Found> Read(const Part& part, uint32_t number) const;
  bool Matches(const Found& found) const;
  Hit MakeHit(Part& part, const Found& found);
  absl::Status Prove(Part& part, const Found& found, v1::Recorded* recorded);
  const absl::Status& TrustOf(Part& part, size_t log);
  const absl::StatusOr<std::unique_ptr<evidence::ProvenDirectory>>& KnownDirectory();
  absl::StatusOr<std::unique_ptr<evidence::ProvenDirectory>> ReadDirectory() const;
  absl::StatusOr<std::vector<uint32_t>> BrokersRows(const Part& part) const;
  absl::StatusOr<std::vector<EntryRef>> ExchangeOf(const Searchable& of, const EntryRef& but) const;
  absl::StatusOr<bool> IsKnown(const Part& part, const Filter& filter) const;
  absl::Status LookForUnknown();

  const SearchOptions& options_;
  const std::vector<Filter> filters_;
  std::vector<Part> parts_;
  const Ed25519PublicKey anchor_;
  std::optional<absl::StatusOr<std::unique_ptr<evidence::ProvenDirectory>>> directory_;
  SearchResult result_;
};

absl::StatusOr<SearchResult> Searcher::Run() {
  const auto start = std::chrono::steady_clock::now();
  result_.person_by_assertion = !options_.person.empty();
  NAKADACHI_RETURN_IF_ERROR(RunIndex());
  if (result_.matches == 0) NAKADACHI_RETURN_IF_ERROR(LookForUnknown());
  result_.elapsed_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return std::move(result_);
}

// Of several exports the entries are merged by time. Of one, rows themselves are read only where a
// hit is shown.
absl::Status Searcher::RunIndex() {
  std::vector<Head> heads;
  const bool alone = parts_.size() == 1;
  for (size_t part = 0; part < parts_.size(); ++part) {
    const SearchIndex& index = parts_[part].index;
    const auto rows = index.RowsOf(options_.from_ms, options_.until_ms);
    heads.push_back({part, Walk(index, filters_, rows), std::nullopt, {}});
    NAKADACHI_RETURN_IF_ERROR(Advance(alone, &heads.back()));
  }
  while (true) {
    // Several, where several exports hold the same entry.
    std::vector<const Head*> first;
    for (const Head& head : heads) {
      if (!head.number.has_value()) continue;
      if (!first.empty() && IsBefore(head, *first.front())) first.clear();
      if (first.empty() || !IsBefore(*first.front(), head)) first.push_back(&head);
    }
    if (first.empty()) return absl::OkStatus();
    ++result_.matches;
    if (result_.hits.size() < options_.limit) NAKADACHI_RETURN_IF_ERROR(Consider(first));
    for (const Head* head : first) {
      NAKADACHI_RETURN_IF_ERROR(Advance(alone, &heads[head->part]));
    }
  }
}

absl::Status Searcher::Advance(bool alone, Head* head) const {
  head->number = head->walk.Next();
  if (alone || !head->number.has_value()) return absl::OkStatus();
  NAKADACHI_ASSIGN_OR_RETURN(head->row, RowAt(parts_[head->part], *head->number));
  return absl::OkStatus();
}

// As the rows of an index are sorted.
bool Searcher::IsBefore(const Head& a, const Head& b) const {
  if (a.row.time_ms != b.row.time_ms) return a.row.time_ms < b.row.time_ms;
  const Author& of_a = parts_[a.part].evidence.logs[a.row.log].author;
  const Author& of_b = parts_[b.part].evidence.logs[b.row.log].author;
  if (of_a.IsBroker() != of_b.IsBroker()) return of_a.IsBroker();
  return of_a == of_b ? a.row.index < b.row.index : of_a < of_b;
}

// Takes an entry that the indexes name, if it is what was looked for. Of exports that hold the same
// one that proves it; what they tell differently is a hit each.
absl::Status Searcher::Consider(const std::vector<const Head*>& same) {
  std::vector<std::pair<Hit, Searchable>> hits;
  for (const Head* head : same) {
    Part& part = parts_[head->part];
    NAKADACHI_ASSIGN_OR_RETURN(const Found found, Read(part, *head->number));
    if (!Matches(found)) continue;
    Hit hit = MakeHit(part, found);
    const auto twin = std::find_if(hits.begin(), hits.end(), [&hit](const auto& other) {
      return other.first.commitment == hit.commitment;
    });
    if (twin == hits.end()) {
      hits.emplace_back(std::move(hit), found.searchable);
      continue;
    }
    if (hit.person.empty()) hit.person = twin->first.person;
    if (twin->first.person.empty()) twin->first.person = hit.person;
    if (hit.proven && !twin->first.proven) twin->first = std::move(hit);
  }
  result_.matches += hits.size();
  --result_.matches;
  for (auto& [hit, searchable] : hits) {
    NAKADACHI_ASSIGN_OR_RETURN(hit.exchange, ExchangeOf(searchable, hit.entry));
    result_.person_by_assertion |= !hit.person.empty();
    result_.hits.push_back(std::move(hit));
  }
  return absl::OkStatus();
}

absl::StatusOr<Row> Searcher::RowAt(const Part& part, uint32_t number) const {
  NAKADACHI_ASSIGN_OR_RETURN(const Row row, part.index.At(number));
  const std::vector<LogSource>& logs = part.evidence.logs;
  if (row.log >= logs.size() || logs[row.log].reader == nullptr ||
      row.index >= logs[row.log].reader->size()) {
    return StaleIndex("it is damaged");
  }
  return row;
}

// An entry that is not what its row says would be one that a search misses.
absl::StatusOr<Found> Searcher::Read(const Part& part, uint32_t number) const {
  NAKADACHI_ASSIGN_OR_RETURN(const Row row, RowAt(part, number));
  const LogSource& source = part.evidence.logs[row.log];
  SignedBodies bodies(*source.reader, row.index / evidence::kWidth);
  const SignedBodies::Entry entry = bodies.At(row.index % evidence::kWidth);
  const evidence::Body& body = entry.body;
  Found found;
  bool is_same = body.state == evidence::BodyState::kPresent &&
                 found.statement.ParseFromArray(body.statement.data(),
                                                static_cast<int>(body.statement.size()));
  if (is_same) {
    found.log = row.log;
    found.index = row.index;
    found.salt = std::string(body.salt);
    found.bytes = std::string(body.statement);
    found.commitment = entry.commitment;
    found.searchable = SearchableOf(found.statement, AsView(entry.commitment),
                                    row.log == kBroker ? body.person : absl::string_view());
    const Row now = RowOf(found.searchable, found.statement.time_ms(), row.log, row.index);
    is_same = std::memcmp(&now, &row, sizeof(row)) == 0;
  }
  if (is_same) return found;
  return StaleIndex(absl::StrCat(source.folder, " #", row.index, " has changed since"));
}

bool Searcher::Matches(const Found& found) const {
  const int64_t time_ms = found.statement.time_ms();
  if (time_ms < options_.from_ms || time_ms >= options_.until_ms) return false;
  return std::all_of(filters_.begin(), filters_.end(),
                     [&](const Filter& filter) { return Has(found.searchable, filter); });
}

// Whether the log's newest checkpoint is signed by a key that the broker's first key leads to.
const absl::Status& Searcher::TrustOf(Part& part, size_t log) {
  const auto known = part.trust.find(log);
  if (known != part.trust.end()) return known->second;
  const auto& directory = KnownDirectory();
  return part.trust[log] = directory.ok()
                               ? (*directory)->CheckSigned(*part.evidence.logs[log].reader)
                               : directory.status();
}

const absl::StatusOr<std::unique_ptr<evidence::ProvenDirectory>>& Searcher::KnownDirectory() {
  if (!directory_.has_value()) directory_.emplace(ReadDirectory());
  return *directory_;
}

// By the Directory statements that an index names: of the longest of the broker's logs.
absl::StatusOr<std::unique_ptr<evidence::ProvenDirectory>> Searcher::ReadDirectory() const {
  const Part* longest = nullptr;
  const auto reader_of = [](const Part& part) { return part.evidence.logs[kBroker].reader.get(); };
  for (const Part& part : parts_) {
    if (reader_of(part) == nullptr) continue;
    if (longest == nullptr || reader_of(part)->size() > reader_of(*longest)->size())
      longest = &part;
  }
  if (longest == nullptr) {
    return FieldError(absl::StatusCode::kDataLoss, parts_.front().evidence.logs[kBroker].folder,
                      "unreadable", "the broker's log cannot be read");
  }
  std::vector<uint64_t> leaves;
  NAKADACHI_ASSIGN_OR_RETURN(const std::vector<uint32_t> rows, BrokersRows(*longest));
  for (const uint32_t number : rows) {
    NAKADACHI_ASSIGN_OR_RETURN(const Row row, RowAt(*longest, number));
    leaves.push_back(row.index);
  }
  std::sort(leaves.begin(), leaves.end());
  return evidence::ProvenDirectory::Create(*reader_of(*longest), anchor_, leaves);
}

// Those that name the broker in its own log: Directory and Operation statements.
absl::StatusOr<std::vector<uint32_t>> Searcher::BrokersRows(const Part& part) const {
  std::vector<uint32_t> rows;
  Walk walk(part.index, {{Dimension::kInstitution, Author::Broker().ToString()}}, AllRows(part));
  while (const std::optional<uint32_t> number = walk.Next()) {
    NAKADACHI_ASSIGN_OR_RETURN(const Row row, RowAt(part, *number));
    if (row.log == kBroker) rows.push_back(*number);
  }
  return rows;
}

Hit Searcher::MakeHit(Part& part, const Found& found) {
  Hit hit;
  hit.entry = {part.evidence.logs[found.log].author.ToString(), found.index};
  hit.folder = part.folder;
  hit.statement = found.statement;
  hit.person = HexEncode(found.searchable.person);
  hit.commitment = HexEncode(AsView(found.commitment));
  hit.leaf_hash = HexEncode(AsView(merkle::LeafHash(AsView(found.commitment))));
  const absl::Status status = Prove(part, found, &hit.recorded);
  hit.proven = status.ok();
  hit.problem = std::string(status.message());
  return hit;
}

absl::Status Searcher::Prove(Part& part, const Found& found, v1::Recorded* recorded) {
  const evidence::LogReader& reader = *part.evidence.logs[found.log].reader;
  const ledger::Checkpoint& checkpoint = reader.checkpoint().parsed.checkpoint;
  NAKADACHI_ASSIGN_OR_RETURN(const std::vector<Hash> path,
                             evidence::LogProver(reader).Path(found.index, reader.size()));
  recorded->set_salt(found.salt);
  recorded->set_statement(found.bytes);
  recorded->set_leaf_index(found.index);
  recorded->set_checkpoint(reader.checkpoint().note);
  for (const Hash& hash : path) recorded->mutable_path()->append(AsView(hash).data(), hash.size());
  NAKADACHI_RETURN_IF_ERROR(merkle::VerifyInclusion(found.index, checkpoint.size,
                                                    merkle::LeafHash(AsView(found.commitment)),
                                                    path, checkpoint.root));
  if (found.statement.author() != reader.author().ToString()) {
    return InvalidField("statement", "author", "is not the log's");
  }
  return TrustOf(part, found.log);
}

absl::StatusOr<std::vector<EntryRef>> Searcher::ExchangeOf(const Searchable& of,
                                                           const EntryRef& but) const {
  std::vector<std::string> wanted(of.exchanges.begin(), of.exchanges.end());
  std::set<std::string> asked = {""};
  std::set<std::pair<std::string, uint64_t>> seen = {{but.log, but.index}};
  std::vector<EntryRef> entries;
  while (!wanted.empty()) {
    const Filter filter{Dimension::kExchange, wanted.back()};
    wanted.pop_back();
    if (!asked.insert(filter.value).second) continue;
    for (const Part& part : parts_) {
      Walk walk(part.index, {filter}, AllRows(part));
      while (const std::optional<uint32_t> number = walk.Next()) {
        if (entries.size() >= kMostOfExchange) return entries;
        NAKADACHI_ASSIGN_OR_RETURN(const Found found, Read(part, *number));
        if (!Has(found.searchable, filter)) continue;
        const EntryRef entry{part.evidence.logs[found.log].author.ToString(), found.index};
        if (seen.emplace(entry.log, entry.index).second) entries.push_back(entry);
        const auto& more = found.searchable.exchanges;
        wanted.insert(wanted.end(), more.begin(), more.end());
      }
    }
  }
  return entries;
}

// Whether a change of the directory brought a member or a procedure.
bool Brings(const v1::Directory& change, const Filter& filter) {
  if (filter.dimension == Dimension::kInstitution) {
    return change.member_joined().code() == filter.value;
  }
  if (filter.dimension != Dimension::kProcedure || !change.has_list_published()) return false;
  const auto list = permission::PermissionList::Parse(change.list_published().csv());
  return list.ok() && list->HasProcedure(filter.value);
}

absl::StatusOr<bool> Searcher::IsKnown(const Part& part, const Filter& filter) const {
  if (filter.dimension == Dimension::kInstitution && part.evidence.Find(filter.value) != nullptr) {
    return true;
  }
  Walk walk(part.index, {filter}, AllRows(part));
  while (const std::optional<uint32_t> number = walk.Next()) {
    NAKADACHI_ASSIGN_OR_RETURN(const Found found, Read(part, *number));
    if (Has(found.searchable, filter)) return true;
  }
  if (filter.dimension != Dimension::kInstitution && filter.dimension != Dimension::kProcedure) {
    return false;
  }
  NAKADACHI_ASSIGN_OR_RETURN(const std::vector<uint32_t> rows, BrokersRows(part));
  for (const uint32_t number : rows) {
    NAKADACHI_ASSIGN_OR_RETURN(const Found found, Read(part, number));
    if (Brings(found.statement.directory(), filter)) return true;
  }
  return false;
}

absl::Status Searcher::LookForUnknown() {
  for (const Filter& filter : filters_) {
    if (filter.dimension == Dimension::kOutcome) continue;
    bool known = false;
    for (const Part& part : parts_) {
      if (known) break;
      NAKADACHI_ASSIGN_OR_RETURN(known, IsKnown(part, filter));
    }
    if (!known) result_.unknown.emplace_back(DimensionName(filter.dimension));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ParsePerson(const std::string& hex) {
  auto code = HexDecode(hex, "person");
  if (code.ok() && (hex.empty() || code->size() == kCodeSize)) return code;
  return InvalidField("person", "hex", "a record-management code has 32 hexadecimal digits");
}

absl::Status CheckOptions(const SearchOptions& options) {
  if (!options.institution.empty()) {
    const absl::Status status = Author::Parse(options.institution, "institution").status();
    if (!status.ok()) {
      return InvalidField("institution", GetFieldRule(status).rule,
                          "must be a local-government code, six digits with their check digit, or "
                          "broker");
    }
  }
  const std::vector<std::string>& words = OutcomeWords();
  if (!options.outcome.empty() &&
      std::find(words.begin(), words.end(), options.outcome) == words.end()) {
    return InvalidField("outcome", "outcome",
                        absl::StrCat("must be one of ", absl::StrJoin(words, ", ")));
  }
  if (options.from_ms >= options.until_ms) {
    return InvalidField("to", "period", "the period ends before it begins");
  }
  return absl::OkStatus();
}

// Where an export tells whom permits are about in two ways, a search would miss what one of them
// says.
absl::Status CheckPersons(const std::vector<Part>& parts) {
  for (const Part& part : parts) {
    if (part.index.persons().empty()) continue;
    return FieldError(absl::StatusCode::kDataLoss, part.folder, "persons",
                      absl::StrCat("cannot be searched by person: ", part.index.persons()));
  }
  if (std::any_of(parts.begin(), parts.end(),
                  [](const Part& part) { return part.index.HasAny(Dimension::kPerson); })) {
    return absl::OkStatus();
  }
  return FieldError(absl::StatusCode::kNotFound, "person", "no-persons",
                    "the export does not say whom permits are about");
}

}  // namespace

const std::vector<std::string>& OutcomeWords() {
  static const auto& words = *new std::vector<std::string>([] {
    std::vector<std::string> all = {"permitted"};
    for (int i = v1::PROVIDED; i <= v1::Outcome_MAX; ++i) {
      if (i != v1::REFUSED) all.push_back(OutcomeName(i));
    }
    for (int i = v1::NOT_PERMITTED; i <= v1::RefusalReason_MAX; ++i) {
      all.push_back(absl::StrCat("refused-", ReasonName(i)));
    }
    return all;
  }());
  return words;
}

bool SearchResult::all_proven() const {
  return std::all_of(hits.begin(), hits.end(), [](const Hit& hit) { return hit.proven; });
}

absl::StatusOr<SearchResult> Search(const SearchOptions& options) {
  NAKADACHI_RETURN_IF_ERROR(CheckOptions(options));
  NAKADACHI_ASSIGN_OR_RETURN(const std::string person, ParsePerson(options.person));
  std::vector<Filter> filters = FiltersOf(options, person);
  const bool any_time = options.from_ms == INT64_MIN && options.until_ms == INT64_MAX;
  if (options.folders.empty() || (filters.empty() && any_time)) {
    return InvalidField("search", "required", "say where to look, and for what");
  }
  std::vector<Part> parts;
  for (const std::string& folder : options.folders) {
    NAKADACHI_ASSIGN_OR_RETURN(EvidenceSet evidence, OpenEvidence({folder}));
    NAKADACHI_ASSIGN_OR_RETURN(SearchIndex index, SearchIndex::Open(folder, evidence));
    parts.push_back({folder, std::move(evidence), std::move(index), {}});
  }
  if (!person.empty()) NAKADACHI_RETURN_IF_ERROR(CheckPersons(parts));
  NAKADACHI_ASSIGN_OR_RETURN(const Ed25519PublicKey anchor,
                             TrustAnchor(parts.front().evidence, options.verifier_key));
  return Searcher(options, std::move(filters), std::move(parts), anchor).Run();
}

}  // namespace nakadachi::replay
