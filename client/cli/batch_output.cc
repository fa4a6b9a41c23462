#include "client/cli/batch_output.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "client/cli/answer.h"
#include "client/cli/output.h"
#include "client/municipal_client.h"
#include "common/base/csv.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"
#include "common/rpc/config.h"

namespace nakadachi::cli {
namespace {

constexpr int kGroupsASync = 64;
constexpr size_t kHexIdSize = 32;

absl::Status IoError(const std::string& path, absl::string_view what) {
  return FieldError(absl::StatusCode::kUnavailable, path, "io",
                    absl::StrCat(what, ": ", std::strerror(errno)));
}

absl::Status OtherBatch(const std::string& path) {
  return FieldError(absl::StatusCode::kFailedPrecondition, path, "other-batch",
                    "is there already and is not the output of this batch");
}

// Appends to a file of mode 0600.
class AppendFile {
 public:
  ~AppendFile() {
    if (fd_ >= 0) close(fd_);
  }
  absl::Status Create(const std::string& path) {
    path_ = path;
    fd_ = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd_ < 0 || flock(fd_, LOCK_EX | LOCK_NB) != 0) return IoError(path_, "cannot be made");
    return absl::OkStatus();
  }
  absl::Status Write(absl::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return IoError(path_, "cannot be written");
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return absl::OkStatus();
  }
  absl::Status Sync() {
    return fdatasync(fd_) == 0 ? absl::OkStatus() : IoError(path_, "cannot be written");
  }
  // Takes the place of `path`, durably.
  absl::Status MoveTo(const std::string& path) {
    NAKADACHI_RETURN_IF_ERROR(Sync());
    if (rename(path_.c_str(), path.c_str()) != 0) return IoError(path, "cannot be replaced");
    path_ = path;
    const int folder = open(rpc::FolderOf(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return IoError(path, "its folder cannot be opened");
    const bool synced = fsync(folder) == 0;
    close(folder);
    return synced ? absl::OkStatus() : IoError(path, "its folder cannot be synced");
  }

 private:
  std::string path_;
  int fd_ = -1;
};

// FAILED_PRECONDITION where another run is writing to the file; it holds a lock meanwhile.
absl::Status CheckNotInUse(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? absl::OkStatus() : IoError(path, "cannot be opened");
  const bool in_use = flock(fd, LOCK_EX | LOCK_NB) != 0;
  close(fd);
  if (!in_use) return absl::OkStatus();
  return FieldError(absl::StatusCode::kFailedPrecondition, path, "in-use",
                    "another run is writing to it");
}

// A question's part of the file, as read or as to be written.
struct Group {
  uint64_t row = 0;
  std::string request_id;  // hexadecimal
  std::string result;
  std::string text;
};

// How groups stand in a file.
class Format {
 public:
  virtual ~Format() = default;
  virtual std::string Begin() const = 0;
  virtual std::string Between() const = 0;
  virtual std::string End() const = 0;
  virtual std::string Text(uint64_t row, const v1::QueryRequest& question,
                           const absl::StatusOr<v1::QueryResponse>& answer) const = 0;
  // Gives each whole group in order, up to the first that is not; false where the file begins
  // like no output of ours.
  virtual bool Read(std::istream& in, const std::function<void(const Group&)>& group) const = 0;
};

class CsvFormat final : public Format {
 public:
  std::string Begin() const override { return CsvLine(Columns()); }
  std::string Between() const override { return ""; }
  std::string End() const override { return ""; }

  std::string Text(uint64_t row, const v1::QueryRequest& question,
                   const absl::StatusOr<v1::QueryResponse>& answer) const override {
    const std::vector<std::string> head = Head(question, answer);
    std::vector<std::vector<std::string>> bodies;
    if (answer.ok()) {
      for (const v1::ReplicaSet& set : answer->sets()) {
        for (const v1::ReplicaRecord& record : set.records()) {
          bodies.push_back(RecordCells(set, record));
        }
      }
    }
    if (bodies.empty()) bodies.emplace_back(RecordColumns().size());
    std::string text;
    for (size_t i = 0; i < bodies.size(); ++i) {
      std::vector<std::string> cells = {absl::StrCat(row), absl::StrCat(i + 1),
                                        absl::StrCat(bodies.size())};
      cells.insert(cells.end(), head.begin(), head.end());
      cells.insert(cells.end(), bodies[i].begin(), bodies[i].end());
      cells.push_back(HexEncode(question.request_id()));
      absl::StrAppend(&text, CsvLine(cells));
    }
    return text;
  }

  bool Read(std::istream& in, const std::function<void(const Group&)>& group) const override {
    auto reader = CsvReader::Create(in, {});
    if (!reader.ok() || reader->header() != Columns()) return false;
    CsvRow row;
    Group current;
    uint64_t lines = 0;
    while (true) {
      const auto more = reader->Next(&row);
      if (!more.ok() || !*more) return true;
      uint64_t number = 0, line = 0, of = 0;
      if (!absl::SimpleAtoi(row.cells[0], &number) || !absl::SimpleAtoi(row.cells[1], &line) ||
          !absl::SimpleAtoi(row.cells[2], &of)) {
        return true;
      }
      if (row.cells.back().size() != kHexIdSize) return true;
      if (line == 1) {
        current = {number, reader->Cell(row, "request_id"), reader->Cell(row, "result"), ""};
        lines = 0;
      }
      if (number != current.row || line != ++lines || line > of) return true;
      absl::StrAppend(&current.text, CsvLine(row.cells));
      if (line == of) group(current);
    }
  }

 private:
  static const std::vector<std::string>& Columns() {
    static const auto* const columns = [] {
      auto* all = new std::vector<std::string>{
          "row",       "line",        "lines",       "addressee_number", "provider",
          "procedure", "items",       "result",      "refused_by",       "reason",
          "detail",    "answered_at", "valid_until", "permit_number",    "list_version"};
      all->insert(all->end(), RecordColumns().begin(), RecordColumns().end());
      // Last, because its length is known: a line that a crash cut is told by it.
      all->push_back("request_id");
      return all;
    }();
    return *columns;
  }

  static std::vector<std::string> Head(const v1::QueryRequest& question,
                                       const absl::StatusOr<v1::QueryResponse>& answer) {
    std::vector<std::string> cells = {question.addressee_number(), question.provider(),
                                      question.procedure(), absl::StrJoin(question.items(), ";"),
                                      ResultOf(answer)};
    if (!answer.ok()) {
      cells.insert(cells.end(), {"", GetFieldRule(answer.status()).rule, ErrorText(answer.status()),
                                 "", "", "", ""});
      return cells;
    }
    cells.insert(cells.end(),
                 {std::string(RefusedBy(*answer)), ReasonWord(answer->refusal_reason()),
                  answer->refusal_detail(), TimeText(answer->answered_ms()),
                  TimeText(answer->valid_until_ms()), HexEncode(answer->permit_number()),
                  answer->list_version() == 0 ? "" : absl::StrCat(answer->list_version())});
    return cells;
  }
};

class JsonFormat final : public Format {
 public:
  std::string Begin() const override { return "[\n"; }
  std::string Between() const override { return ",\n"; }
  std::string End() const override { return "\n]\n"; }

  std::string Text(uint64_t row, const v1::QueryRequest& question,
                   const absl::StatusOr<v1::QueryResponse>& answer) const override {
    Json json;
    json["row"] = row;
    json["addressee_number"] = question.addressee_number();
    json["provider"] = question.provider();
    json["procedure"] = question.procedure();
    json["items"] = Json::array();
    for (const std::string& item : question.items()) json["items"].push_back(item);
    // An error has the same fields, as an error's line of the CSV has.
    json.update(AnswerJson(answer.ok() ? *answer : v1::QueryResponse()));
    if (!answer.ok()) {
      json["result"] = ResultOf(answer);
      json["reason"] = GetFieldRule(answer.status()).rule;
      json["detail"] = ErrorText(answer.status());
      json["error"] = ErrorJson(answer.status());
    }
    json["request_id"] = HexEncode(question.request_id());
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
  }

  bool Read(std::istream& in, const std::function<void(const Group&)>& group) const override {
    std::string line;
    if (!std::getline(in, line) || line != "[") return false;
    while (std::getline(in, line)) {
      const absl::string_view text = absl::StripSuffix(line, ",");
      const Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
      if (!json.is_object() || !json.contains("row") || !json["row"].is_number_unsigned()) break;
      if (!json.contains("request_id") || !json["request_id"].is_string()) break;
      if (!json.contains("result") || !json["result"].is_string()) break;
      group({json["row"].get<uint64_t>(), json["request_id"].get<std::string>(),
             json["result"].get<std::string>(), std::string(text)});
    }
    return true;
  }
};

class BatchOutputImpl final : public BatchOutput {
 public:
  BatchOutputImpl(std::string path, std::unique_ptr<Format> format)
      : path_(std::move(path)), format_(std::move(format)) {}

  absl::Status TakeUp(const IdOfRow& id_of_row) {
    NAKADACHI_RETURN_IF_ERROR(CheckNotInUse(path_));
    // Made beside and moved over, so that a crash here loses nothing of what is kept.
    NAKADACHI_RETURN_IF_ERROR(file_.Create(absl::StrCat(path_, ".new")));
    NAKADACHI_RETURN_IF_ERROR(file_.Write(format_->Begin()));
    std::ifstream old(path_, std::ios::binary);
    if (old && old.peek() != std::ifstream::traits_type::eof()) {
      NAKADACHI_RETURN_IF_ERROR(Keep(old, id_of_row));
    }
    return file_.MoveTo(path_);
  }

  const std::map<std::string, uint64_t>& kept() const override { return kept_; }
  bool IsKept(uint64_t row) const override {
    return row < kept_rows_.size() && kept_rows_[static_cast<size_t>(row)];
  }

  absl::Status Add(uint64_t row, const v1::QueryRequest& question,
                   const absl::StatusOr<v1::QueryResponse>& answer) override {
    Append(format_->Text(row, question, answer));
    return ++waiting_ < kGroupsASync ? absl::OkStatus() : Sync();
  }

  absl::Status Sync() override {
    waiting_ = 0;
    if (buffer_.empty()) return absl::OkStatus();
    NAKADACHI_RETURN_IF_ERROR(file_.Write(std::exchange(buffer_, "")));
    return file_.Sync();
  }

  absl::Status Finish() override {
    absl::StrAppend(&buffer_, format_->End());
    return Sync();
  }

 private:
  void Append(absl::string_view text) {
    absl::StrAppend(&buffer_, std::exchange(any_, true) ? format_->Between() : "", text);
  }

  void SetKept(uint64_t row) {
    const auto at = static_cast<size_t>(row);
    if (at >= kept_rows_.size()) kept_rows_.resize(at + 1);
    kept_rows_[at] = true;
  }

  absl::Status Keep(std::istream& old, const IdOfRow& id_of_row) {
    absl::Status status;
    const bool ours = format_->Read(old, [&](const Group& group) {
      if (!status.ok()) return;
      const std::string id = id_of_row(group.row);
      if (id.empty() || HexEncode(id) != group.request_id) {
        status = OtherBatch(path_);
        return;
      }
      if (!IsFinalResult(group.result) || IsKept(group.row)) return;
      SetKept(group.row);
      ++kept_[group.result];
      Append(group.text);
      if (buffer_.size() > (1 << 20)) status = file_.Write(std::exchange(buffer_, ""));
    });
    if (!ours) return OtherBatch(path_);
    NAKADACHI_RETURN_IF_ERROR(status);
    return file_.Write(std::exchange(buffer_, ""));
  }

  const std::string path_;
  const std::unique_ptr<Format> format_;
  AppendFile file_;
  std::map<std::string, uint64_t> kept_;
  std::vector<bool> kept_rows_;  // a bit a row
  std::string buffer_;
  int waiting_ = 0;
  bool any_ = false;
};

}  // namespace

std::string ResultOf(const absl::StatusOr<v1::QueryResponse>& answer) {
  if (answer.ok()) return std::string(ResultWord(*answer));
  return client::IsUnderWay(answer.status()) ? "under-way" : "error";
}

absl::StatusOr<std::unique_ptr<BatchOutput>> BatchOutput::Open(const std::string& path,
                                                               const IdOfRow& id_of_row) {
  std::unique_ptr<Format> format;
  if (absl::EndsWith(path, ".csv")) format = std::make_unique<CsvFormat>();
  if (absl::EndsWith(path, ".json")) format = std::make_unique<JsonFormat>();
  if (format == nullptr) {
    return InvalidField(path, "format", "the output's name ends neither in .csv nor in .json");
  }
  auto output = std::make_unique<BatchOutputImpl>(path, std::move(format));
  NAKADACHI_RETURN_IF_ERROR(output->TakeUp(id_of_row));
  return output;
}

}  // namespace nakadachi::cli
