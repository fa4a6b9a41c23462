#include <google/protobuf/arena.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/status.h"
#include "common/evidence/layout.h"
#include "tools/replay/evidence_set.h"
#include "tools/replay/external_sort.h"
#include "tools/replay/index_files.h"
#include "tools/replay/log_check.h"
#include "tools/replay/search_bodies.h"

namespace nakadachi::replay {
namespace {

namespace fs = std::filesystem;

// A file that is written from its begin to its end.
class OutputFile {
 public:
  explicit OutputFile(const std::string& path) : path_(path), file_(fopen(path.c_str(), "wbe")) {}
  ~OutputFile() {
    if (file_ != nullptr) fclose(file_);
  }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  absl::Status Write(const void* bytes, size_t size) {
    if (file_ != nullptr && fwrite(bytes, 1, size, file_) == size) return absl::OkStatus();
    return Error();
  }
  absl::Status Close() {
    if (file_ == nullptr || fclose(std::exchange(file_, nullptr)) != 0) return Error();
    return absl::OkStatus();
  }

 private:
  absl::Status Error() const {
    return FieldError(absl::StatusCode::kUnavailable, path_, "io", "cannot be written");
  }
  const std::string path_;
  FILE* file_;
};

// A code of a person, who says that it belongs to which entry of the broker's log.
struct PersonOf {
  std::array<char, 16> code;
  uint64_t leaf;
  uint64_t from;  // kBeside or kInFile

  friend bool operator<(const PersonOf& a, const PersonOf& b) {
    return std::tie(a.code, a.leaf) < std::tie(b.code, b.leaf);
  }
};
constexpr uint32_t kBrokersLog = 0;  // its place among the logs
constexpr uint64_t kBeside = 1;      // the permit
constexpr uint64_t kInFile = 2;
constexpr size_t kPersonBytes = 24;  // in the file: code, and leaf in big-endian order

PersonOf Person(absl::string_view code, uint64_t leaf, uint64_t from) {
  PersonOf person{{}, leaf, from};
  std::copy_n(code.begin(), std::min(code.size(), person.code.size()), person.code.begin());
  return person;
}

class Builder {
 public:
  explicit Builder(const IndexOptions& options) : options_(options) {}
  absl::StatusOr<Indexed> Build();

 private:
  absl::Status CreateSorts(const EvidenceSet& evidence);
  absl::Status ReadLogs(const EvidenceSet& evidence);
  uint64_t BundlesOf(const LogSource& source);
  absl::Status ReadBundle(const evidence::LogReader& reader, uint32_t log, uint64_t bundle);
  absl::Status WriteRows();
  absl::Status Post(uint32_t number, const Row& row);
  absl::Status WritePostings(Dimension dimension);
  absl::Status ReadPersons(const evidence::LogReader& broker, const std::string& name);
  absl::Status ComparePersons(const EvidenceSet& evidence);
  absl::Status WriteText(const std::string& name, const std::string& text);
  std::string Path(const std::string& name) const {
    return absl::StrCat(IndexFolder(options_.folder), ".new/", name);
  }

  const IndexOptions options_;
  std::unique_ptr<ExternalSort<Row>> rows_;
  std::unique_ptr<ExternalSort<Posting>> postings_[kDimensions];
  std::unique_ptr<ExternalSort<PersonOf>> persons_;  // where the export has a file of them
  absl::Mutex mutex_;
  uint64_t all_ = 0;
  uint64_t done_ = 0;
  uint32_t count_ = 0;
  Indexed result_;
};

absl::Status Builder::CreateSorts(const EvidenceSet& evidence) {
  std::error_code error;
  const std::string temporary = options_.temporary_folder.empty()
                                    ? fs::temp_directory_path(error).string()
                                    : options_.temporary_folder;
  const size_t in_memory = std::max<size_t>(1, options_.rows_in_memory);
  NAKADACHI_ASSIGN_OR_RETURN(rows_, ExternalSort<Row>::Create(temporary, in_memory));
  for (auto& postings : postings_) {
    NAKADACHI_ASSIGN_OR_RETURN(postings, ExternalSort<Posting>::Create(temporary, in_memory));
  }
  const LogSource& broker = evidence.logs.front();
  if (broker.reader == nullptr || !fs::exists(fs::path(broker.folder) / kPersonsName, error)) {
    return absl::OkStatus();
  }
  NAKADACHI_ASSIGN_OR_RETURN(persons_, ExternalSort<PersonOf>::Create(temporary, in_memory));
  return absl::OkStatus();
}

absl::StatusOr<Indexed> Builder::Build() {
  NAKADACHI_ASSIGN_OR_RETURN(const EvidenceSet evidence, OpenEvidence({options_.folder}));
  all_ = evidence.entries;
  NAKADACHI_RETURN_IF_ERROR(CreateSorts(evidence));
  NAKADACHI_RETURN_IF_ERROR(ReadLogs(evidence));
  NAKADACHI_RETURN_IF_ERROR(ComparePersons(evidence));

  // Made aside and then given its name, so that there is never half an index.
  std::error_code error;
  fs::remove_all(Path(""), error);
  fs::create_directories(Path(""), error);
  NAKADACHI_RETURN_IF_ERROR(WriteRows());
  for (size_t d = 0; d < kDimensions; ++d) {
    NAKADACHI_RETURN_IF_ERROR(WritePostings(static_cast<Dimension>(d)));
  }
  NAKADACHI_RETURN_IF_ERROR(WriteText(kPersonsName, result_.persons));
  NAKADACHI_RETURN_IF_ERROR(WriteText(kAboutName, AboutText(evidence)));
  fs::remove_all(IndexFolder(options_.folder), error);
  fs::rename(absl::StrCat(IndexFolder(options_.folder), ".new"), IndexFolder(options_.folder),
             error);
  if (error) {
    return FieldError(absl::StatusCode::kUnavailable, IndexFolder(options_.folder), "io",
                      error.message());
  }
  result_.rows = count_;
  return std::move(result_);
}

absl::Status Builder::WriteText(const std::string& name, const std::string& text) {
  OutputFile file(Path(name));
  NAKADACHI_RETURN_IF_ERROR(file.Write(text.data(), text.size()));
  return file.Close();
}

// Those to read; the entries behind them count as not there.
uint64_t Builder::BundlesOf(const LogSource& source) {
  if (source.reader == nullptr) return 0;
  const uint64_t bundles = BundlesToRead(*source.reader, evidence::FileKind::kStatements);
  const uint64_t size = source.reader->size();
  const uint64_t behind =
      bundles < source.reader->bundles() ? size - bundles * evidence::kWidth : 0;
  result_.unproven += behind;
  done_ += behind;
  return bundles;
}

// By all threads, whatever log comes next.
absl::Status Builder::ReadLogs(const EvidenceSet& evidence) {
  std::vector<uint64_t> bundles;  // of each log
  for (const LogSource& source : evidence.logs) bundles.push_back(BundlesOf(source));
  absl::Mutex mutex;
  size_t log = 0;
  uint64_t next = 0;
  // False at the end of all.
  const auto take = [&](size_t* taken_log, uint64_t* bundle) {
    absl::MutexLock lock(&mutex);
    for (; log < evidence.logs.size(); ++log, next = 0) {
      if (next >= bundles[log]) continue;
      *taken_log = log;
      *bundle = next++;
      return true;
    }
    return false;
  };
  std::vector<absl::Status> statuses(std::max(1, options_.threads));
  const auto work = [&](size_t worker) {
    size_t of_log = 0;
    uint64_t bundle = 0;
    while (statuses[worker].ok() && take(&of_log, &bundle)) {
      statuses[worker] =
          ReadBundle(*evidence.logs[of_log].reader, static_cast<uint32_t>(of_log), bundle);
    }
  };
  std::vector<std::thread> threads;
  for (size_t worker = 1; worker < statuses.size(); ++worker) threads.emplace_back(work, worker);
  work(0);
  for (std::thread& thread : threads) thread.join();
  absl::Status status;
  for (const absl::Status& one : statuses) status.Update(one);
  return status;
}

// What cannot be read is not found; a replay says that it cannot.
absl::Status Builder::ReadBundle(const evidence::LogReader& reader, uint32_t log, uint64_t bundle) {
  SignedBodies bodies(reader, bundle);
  google::protobuf::Arena arena;
  auto* statement = google::protobuf::Arena::CreateMessage<v1::Statement>(&arena);
  std::vector<Row> rows;
  std::vector<PersonOf> persons;
  uint64_t unproven = 0;
  for (size_t i = 0; i < bodies.size(); ++i) {
    const uint64_t index = bundle * evidence::kWidth + i;
    const SignedBodies::Entry entry = bodies.At(i);
    const evidence::Body& body = entry.body;
    const bool is_present = body.state == evidence::BodyState::kPresent;
    if (is_present ? !entry.is_tiles : body.state == evidence::BodyState::kAbsent) ++unproven;
    if (!is_present) continue;
    const absl::string_view person = log == kBrokersLog ? body.person : absl::string_view();
    if (!person.empty()) persons.push_back(Person(person, index, kBeside));
    if (!statement->ParseFromArray(body.statement.data(),
                                   static_cast<int>(body.statement.size()))) {
      continue;
    }
    rows.push_back(RowOf(SearchableOf(*statement, AsView(entry.commitment), person),
                         statement->time_ms(), log, index));
  }
  absl::MutexLock lock(&mutex_);
  for (const Row& row : rows) NAKADACHI_RETURN_IF_ERROR(rows_->Add(row));
  for (const PersonOf& person : persons) {
    if (persons_ != nullptr) NAKADACHI_RETURN_IF_ERROR(persons_->Add(person));
  }
  result_.unproven += unproven;
  done_ += bodies.size();
  if (options_.progress) options_.progress(done_, all_);
  return absl::OkStatus();
}

// Rows behind the checkpoint, or cut off, are of an export that did not come to its end.
absl::Status Builder::ReadPersons(const evidence::LogReader& broker, const std::string& name) {
  std::ifstream file(fs::path(broker.folder()) / name, std::ios::binary);
  std::array<char, kPersonBytes> bytes;
  while (file.read(bytes.data(), bytes.size())) {
    const absl::string_view row(bytes.data(), bytes.size());
    uint64_t leaf = 0;
    for (const char byte : row.substr(16)) leaf = leaf << 8 | static_cast<uint8_t>(byte);
    if (leaf >= broker.size()) continue;
    NAKADACHI_RETURN_IF_ERROR(persons_->Add(Person(row.substr(0, 16), leaf, kInFile)));
  }
  return absl::OkStatus();
}

// Nothing proves who a permit is about, but the export says it twice.
absl::Status Builder::ComparePersons(const EvidenceSet& evidence) {
  if (persons_ == nullptr) return absl::OkStatus();
  const evidence::LogReader& broker = *evidence.logs.front().reader;
  NAKADACHI_RETURN_IF_ERROR(ReadPersons(broker, kPersonsName));
  // What an exporter had not yet sorted into the file when it died.
  NAKADACHI_RETURN_IF_ERROR(ReadPersons(broker, absl::StrCat(kPersonsName, ".part")));
  uint64_t differing = 0;
  uint64_t first = UINT64_MAX;
  std::optional<PersonOf> last;
  const auto close = [&] {
    if (!last.has_value() || last->from == (kBeside | kInFile)) return;
    ++differing;
    first = std::min(first, last->leaf);
  };
  NAKADACHI_RETURN_IF_ERROR(persons_->ForEach([&](const PersonOf& person) {
    if (last.has_value() && !(*last < person)) {
      last->from |= person.from;
      return absl::OkStatus();
    }
    close();
    last = person;
    return absl::OkStatus();
  }));
  close();
  persons_.reset();
  if (differing == 0) return absl::OkStatus();
  result_.persons = absl::StrCat(
      "whom permits are about is told in two ways: broker/persons and the codes beside the permits "
      "differ in ",
      differing, " rows, first about broker #", first,
      "; one of them was changed since the export, and no proof covers either");
  return absl::OkStatus();
}

absl::Status Builder::WriteRows() {
  OutputFile file(Path(kRowsName));
  NAKADACHI_RETURN_IF_ERROR(rows_->ForEach([&](const Row& row) -> absl::Status {
    if (count_ == UINT32_MAX) {
      return FieldError(absl::StatusCode::kOutOfRange, "index", "too-long",
                        "more statements than an index can hold");
    }
    NAKADACHI_RETURN_IF_ERROR(Post(count_++, row));
    return file.Write(&row, sizeof(row));
  }));
  rows_.reset();
  return file.Close();
}

absl::Status Builder::Post(uint32_t number, const Row& row) {
  const auto post = [&](Dimension dimension, uint32_t value) -> absl::Status {
    if (value == 0) return absl::OkStatus();
    return postings_[static_cast<size_t>(dimension)]->Add(static_cast<Posting>(value) << 32 |
                                                          number);
  };
  NAKADACHI_RETURN_IF_ERROR(post(Dimension::kInstitution, row.institutions[0]));
  if (row.institutions[1] != row.institutions[0]) {
    NAKADACHI_RETURN_IF_ERROR(post(Dimension::kInstitution, row.institutions[1]));
  }
  NAKADACHI_RETURN_IF_ERROR(post(Dimension::kProcedure, row.procedure));
  NAKADACHI_RETURN_IF_ERROR(post(Dimension::kStaff, row.staff));
  NAKADACHI_RETURN_IF_ERROR(post(Dimension::kOutcome, row.outcome));
  NAKADACHI_RETURN_IF_ERROR(post(Dimension::kExchange, row.exchanges[0]));
  NAKADACHI_RETURN_IF_ERROR(post(Dimension::kExchange, row.exchanges[1]));
  return post(Dimension::kPerson, row.person);
}

absl::Status Builder::WritePostings(Dimension dimension) {
  OutputFile file(Path(PostingsName(dimension)));
  auto& postings = postings_[static_cast<size_t>(dimension)];
  NAKADACHI_RETURN_IF_ERROR(postings->ForEach(
      [&](const Posting& posting) { return file.Write(&posting, sizeof(posting)); }));
  postings.reset();
  return file.Close();
}

}  // namespace

std::string IndexFolder(const std::string& export_folder) {
  return (fs::path(export_folder) / "index").string();
}

std::string IndexFile(const std::string& export_folder, const std::string& name) {
  return (fs::path(IndexFolder(export_folder)) / name).string();
}

std::string PostingsName(Dimension dimension) {
  return absl::StrCat("by-", DimensionName(dimension));
}

std::string AboutText(const EvidenceSet& evidence) {
  std::string text = "nakadachi/search-index/v2\n";
  for (const LogSource& source : evidence.logs) {
    absl::StrAppend(&text, source.author.ToString());
    if (source.reader != nullptr) {
      const ledger::Checkpoint& checkpoint = source.reader->checkpoint().parsed.checkpoint;
      absl::StrAppend(&text, " ", checkpoint.size, " ", HexEncode(AsView(checkpoint.root)));
    }
    absl::StrAppend(&text, "\n");
  }
  return text;
}

absl::StatusOr<Indexed> BuildIndex(const IndexOptions& options) { return Builder(options).Build(); }

}  // namespace nakadachi::replay
