// What every command says, and how: tables, JSON, errors of one line, progress, exit codes.
#ifndef NAKADACHI_CLIENT_CLI_OUTPUT_H_
#define NAKADACHI_CLIENT_CLI_OUTPUT_H_

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace nakadachi::cli {

using Json = nlohmann::ordered_json;

// What a command's process ends with; README.md has the table.
enum ExitCode {
  kOk = 0,
  kFailed = 1,      // the server or a check said no: failed, refused, not permitted, not verified
  kUnreadable = 2,  // wrong usage, or an input that cannot be read
  kNotReached = 3,  // the server was not reached
  kPartly = 4,      // some of it was done; or the answer is not final yet
};

// Text from elsewhere, fit for a terminal: control characters become U+FFFD.
std::string Printable(absl::string_view text);
// Of words that are recorded for good and must say something. INVALID_ARGUMENT with the rules
// "utf-8", "required" (empty or blank) and "control-character" (what Printable would replace).
absl::Status CheckWords(absl::string_view field, absl::string_view text);
// Columns that a terminal takes for UTF-8 text: East Asian wide characters take two, combining
// marks and variation selectors none.
size_t DisplayWidth(absl::string_view text);

// Columns aligned by what a terminal shows.
class Table {
 public:
  explicit Table(std::vector<std::string> header);
  void Add(std::vector<std::string> cells);
  bool empty() const { return rows_.size() == 1; }
  std::string ToString() const;  // one line a row, each ended by LF

 private:
  std::vector<std::vector<std::string>> rows_;
};

class Console {
 public:
  // The streams outlive the console.
  Console(std::ostream& out, std::ostream& err) : out_(&out), err_(&err) {}
  void set_json(bool json) { json_ = json; }
  bool json() const { return json_; }
  std::ostream& out() { return *out_; }
  std::ostream& err() { return *err_; }

  void Print(const Json& json);
  // One line on the error stream, "nakadachi: <text>".
  void Complain(absl::string_view text);
  // An error of one line that names field and rule; under --json also as an object. They return
  // the exit code: kUnreadable; and kNotReached or kFailed for what a server said.
  int InputError(const absl::Status& status);
  int CallError(const absl::Status& status);

 private:
  void Tell(const absl::Status& status);

  std::ostream* out_;
  std::ostream* err_;
  bool json_ = false;
};

// {"code": "INVALID_ARGUMENT", "field": …, "rule": …, "message": …}
Json ErrorJson(const absl::Status& status);
// The status's words; its code where it has none.
std::string ErrorText(const absl::Status& status);

// Tells how far long work is, with rate and time left, once it has taken two seconds: on a
// terminal one line that changes, else a line every ten seconds.
class Progress {
 public:
  struct Options {
    uint64_t total = 0;    // 0: not known
    uint64_t already = 0;  // done before this run: counts for how far, not for the rate
    bool terminal = false;
    std::function<absl::Time()> now;  // empty: the system's clock
  };
  // For the process's own error stream.
  static Options Of(uint64_t total, uint64_t already = 0);
  // `err` outlives the object.
  Progress(std::ostream& err, std::string what, Options options);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void At(uint64_t done);

 private:
  std::string Line(uint64_t done, absl::Time now) const;

  std::ostream& err_;
  const std::string what_;
  Options options_;
  absl::Time begin_;
  absl::Time last_;
  bool shown_ = false;
};

// Unix ms as Japan time: "2024-04-01T09:00:05+09:00"; empty for 0.
std::string TimeText(int64_t time_ms);
// "a,b" -> {"a", "b"}; empty parts are left out.
std::vector<std::string> SplitList(absl::string_view text);

}  // namespace nakadachi::cli

#endif  // NAKADACHI_CLIENT_CLI_OUTPUT_H_
