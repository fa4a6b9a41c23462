#include <google/protobuf/arena.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/status.h"
#include "common/evidence/layout.h"
#include "tools/replay/evidence_set.h"
#include "tools/replay/external_sort.h"
#include "tools/replay/index_files.h"

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

uint32_t Of(Dimension dimension, const std::string& value) {
  return value.empty() ? 0 : Fingerprint(dimension, value);
}

Row RowOf(const v1::Statement& statement, absl::string_view commitment, uint32_t log,
          uint64_t index) {
  const Searchable found = SearchableOf(statement, commitment);
  Row row{};
  row.time_ms = statement.time_ms();
  row.index = index;
  row.log = log;
  for (size_t i = 0; i < 2; ++i) {
    row.institutions[i] = Of(Dimension::kInstitution, found.institutions[i]);
    row.exchanges[i] = Of(Dimension::kExchange, found.exchanges[i]);
  }
  row.procedure = Of(Dimension::kProcedure, found.procedure);
  row.staff = Of(Dimension::kStaff, found.staff);
  row.outcome = Of(Dimension::kOutcome, found.outcome);
  return row;
}

class Builder {
 public:
  explicit Builder(const IndexOptions& options) : options_(options) {}
  absl::StatusOr<uint64_t> Build();

 private:
  absl::Status ReadLogs(const EvidenceSet& evidence);
  absl::Status ReadBundle(const evidence::LogReader& reader, uint32_t log, uint64_t bundle);
  absl::Status WriteRows();
  absl::Status Post(uint32_t number, const Row& row);
  absl::Status WritePostings(Dimension dimension);
  std::string Path(const std::string& name) const {
    return absl::StrCat(IndexFolder(options_.folder), ".new/", name);
  }

  const IndexOptions options_;
  std::unique_ptr<ExternalSort<Row>> rows_;
  std::unique_ptr<ExternalSort<Posting>> postings_[kDimensions];
  absl::Mutex mutex_;
  uint64_t all_ = 0;
  uint64_t done_ = 0;
  uint32_t count_ = 0;
};

absl::StatusOr<uint64_t> Builder::Build() {
  NAKADACHI_ASSIGN_OR_RETURN(const EvidenceSet evidence, OpenEvidence({options_.folder}));
  all_ = evidence.entries;
  std::error_code error;
  const std::string temporary = options_.temporary_folder.empty()
                                    ? fs::temp_directory_path(error).string()
                                    : options_.temporary_folder;
  NAKADACHI_ASSIGN_OR_RETURN(
      rows_, ExternalSort<Row>::Create(temporary, std::max<size_t>(1, options_.rows_in_memory)));
  for (auto& postings : postings_) {
    NAKADACHI_ASSIGN_OR_RETURN(
        postings,
        ExternalSort<Posting>::Create(temporary, std::max<size_t>(1, options_.rows_in_memory)));
  }
  NAKADACHI_RETURN_IF_ERROR(ReadLogs(evidence));

  // Made aside and then given its name, so that there is never half an index.
  fs::remove_all(Path(""), error);
  fs::create_directories(Path(""), error);
  NAKADACHI_RETURN_IF_ERROR(WriteRows());
  for (size_t d = 0; d < kDimensions; ++d) {
    NAKADACHI_RETURN_IF_ERROR(WritePostings(static_cast<Dimension>(d)));
  }
  OutputFile about(Path(kAboutName));
  const std::string text = AboutText(evidence);
  NAKADACHI_RETURN_IF_ERROR(about.Write(text.data(), text.size()));
  NAKADACHI_RETURN_IF_ERROR(about.Close());
  fs::remove_all(IndexFolder(options_.folder), error);
  fs::rename(absl::StrCat(IndexFolder(options_.folder), ".new"), IndexFolder(options_.folder),
             error);
  if (error) {
    return FieldError(absl::StatusCode::kUnavailable, IndexFolder(options_.folder), "io",
                      error.message());
  }
  return count_;
}

// By all threads, whatever log comes next.
absl::Status Builder::ReadLogs(const EvidenceSet& evidence) {
  absl::Mutex mutex;
  size_t log = 0;
  uint64_t next = 0;
  // False at the end of all.
  const auto take = [&](size_t* taken_log, uint64_t* bundle) {
    absl::MutexLock lock(&mutex);
    for (; log < evidence.logs.size(); ++log, next = 0) {
      const evidence::LogReader* reader = evidence.logs[log].reader.get();
      if (reader == nullptr || next >= reader->bundles()) continue;
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

absl::Status Builder::ReadBundle(const evidence::LogReader& reader, uint32_t log, uint64_t bundle) {
  evidence::EntryBundle entries;
  evidence::StatementBundle statements;
  // What cannot be read is not found; a replay says that it cannot.
  reader.ReadEntries(bundle, &entries).IgnoreError();
  reader.ReadStatements(bundle, &statements).IgnoreError();
  google::protobuf::Arena arena;
  auto* statement = google::protobuf::Arena::CreateMessage<v1::Statement>(&arena);
  std::vector<Row> rows;
  const size_t count = std::min(entries.size(), statements.bodies().size());
  for (size_t i = 0; i < count; ++i) {
    const evidence::Body& body = statements.bodies()[i];
    if (body.state != evidence::BodyState::kPresent) continue;
    if (!statement->ParseFromArray(body.statement.data(),
                                   static_cast<int>(body.statement.size()))) {
      continue;
    }
    rows.push_back(RowOf(*statement, entries.commitment(i), log, bundle * evidence::kWidth + i));
  }
  absl::MutexLock lock(&mutex_);
  for (const Row& row : rows) NAKADACHI_RETURN_IF_ERROR(rows_->Add(row));
  done_ += count;
  if (options_.progress) options_.progress(done_, all_);
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
  return post(Dimension::kExchange, row.exchanges[1]);
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
  std::string text = "nakadachi/search-index/v1\n";
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

absl::StatusOr<uint64_t> BuildIndex(const IndexOptions& options) {
  return Builder(options).Build();
}

}  // namespace nakadachi::replay
