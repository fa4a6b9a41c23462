#include "client/cli/output.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/base/check.h"
#include "common/base/csv.h"
#include "common/base/status.h"

namespace nakadachi::cli {
namespace {

constexpr absl::Duration kQuiet = absl::Seconds(2);
constexpr absl::Duration kTerminalEvery = absl::Milliseconds(200);
constexpr absl::Duration kLogEvery = absl::Seconds(10);
constexpr char kReplacement[] = "\xEF\xBF\xBD";

absl::TimeZone Japan() { return absl::FixedTimeZone(9 * 60 * 60); }

struct Range {
  uint32_t first;
  uint32_t last;
};

template <size_t N>
bool IsIn(const Range (&ranges)[N], uint32_t character) {
  return std::any_of(std::begin(ranges), std::end(ranges), [character](const Range& range) {
    return range.first <= character && character <= range.last;
  });
}

// Unicode's East Asian Width, W and F, in blocks.
constexpr Range kWide[] = {
    {0x1100, 0x115F}, {0x2E80, 0x303E},   {0x3041, 0x33FF},   {0x3400, 0x4DBF},  {0x4E00, 0x9FFF},
    {0xA000, 0xA4CF}, {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE4F},  {0xFF00, 0xFF60},
    {0xFFE0, 0xFFE6}, {0x1F300, 0x1F64F}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
constexpr Range kNoWidth[] = {
    {0x0300, 0x036F}, {0x200B, 0x200F}, {0x3099, 0x309A}, {0xFE00, 0xFE0F}, {0xE0100, 0xE01EF}};
// Control characters, and those that turn the direction of what follows.
constexpr Range kControl[] = {{0x00, 0x1F}, {0x7F, 0x9F}, {0x202A, 0x202E}, {0x2066, 0x2069}};

// The character that begins at `*at`, which moves behind it; 0xFFFD for what is no UTF-8.
uint32_t NextCharacter(absl::string_view text, size_t* at) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte((*at)++);
  if (lead < 0x80) return lead;
  const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC2 ? 1 : 0;
  if (more == 0 || lead > 0xF4) return 0xFFFD;
  uint32_t character = lead & (0x3Fu >> more);
  for (int i = 0; i < more; ++i) {
    if (*at == text.size() || (byte(*at) & 0xC0) != 0x80) return 0xFFFD;
    character = character << 6 | (byte((*at)++) & 0x3Fu);
  }
  return character;
}

std::string Padded(const std::string& text, size_t width) {
  const size_t shown = DisplayWidth(text);
  return absl::StrCat(text, std::string(width > shown ? width - shown : 0, ' '));
}

std::string Grouped(uint64_t number) {
  std::string digits = absl::StrCat(number);
  for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string TimeLeft(double seconds) {
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 60) return absl::StrCat(whole, " s");
  if (whole < 3600) return absl::StrFormat("%d min %02d s", whole / 60, whole % 60);
  return absl::StrFormat("%d h %02d min", whole / 3600, whole / 60 % 60);
}

}  // namespace

std::string Printable(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const uint32_t character = NextCharacter(text, &at);
    if (character == 0xFFFD || IsIn(kControl, character)) {
      out += kReplacement;
    } else {
      absl::StrAppend(&out, text.substr(begin, at - begin));
    }
  }
  return out;
}

absl::Status CheckWords(absl::string_view field, absl::string_view text) {
  if (!IsUtf8(text)) return InvalidField(field, "utf-8", "must be UTF-8");
  // U+3000 is the blank of Japanese text.
  const std::string blankless = absl::StrReplaceAll(text, {{" ", ""}, {"\u3000", ""}});
  if (blankless.empty()) return InvalidField(field, "required", "must not be empty");
  if (Printable(text) == text) return absl::OkStatus();
  return InvalidField(field, "control-character", "must be one line of printable characters");
}

size_t DisplayWidth(absl::string_view text) {
  size_t width = 0;
  for (size_t at = 0; at < text.size();) {
    const uint32_t character = NextCharacter(text, &at);
    if (IsIn(kNoWidth, character)) continue;
    width += IsIn(kWide, character) ? 2 : 1;
  }
  return width;
}

Table::Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }

void Table::Add(std::vector<std::string> cells) {
  NAKADACHI_CHECK(cells.size() == rows_.front().size());
  for (std::string& cell : cells) cell = Printable(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::ToString() const {
  std::vector<size_t> widths(rows_.front().size());
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(row[i]));
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) absl::StrAppend(&line, Padded(row[i], widths[i]), "  ");
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

void Console::Print(const Json& json) {
  *out_ << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

void Console::Complain(absl::string_view text) {
  *err_ << "nakadachi: " << Printable(text) << std::endl;
}

void Console::Tell(const absl::Status& status) {
  Complain(ErrorText(status));
  if (json_) Print({{"error", ErrorJson(status)}});
}

int Console::InputError(const absl::Status& status) {
  Tell(status);
  return kUnreadable;
}

int Console::CallError(const absl::Status& status) {
  Tell(status);
  const bool lost = absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
  return lost ? kNotReached : kFailed;
}

Json ErrorJson(const absl::Status& status) {
  const FieldRule cause = GetFieldRule(status);
  Json json;
  json["code"] = absl::StatusCodeToString(status.code());
  json["field"] = cause.field;
  json["rule"] = cause.rule;
  json["message"] = ErrorText(status);
  return json;
}

std::string ErrorText(const absl::Status& status) {
  if (status.message().empty()) return absl::StatusCodeToString(status.code());
  return std::string(status.message());
}

Progress::Options Progress::Of(uint64_t total, uint64_t already) {
  Options options;
  options.total = total;
  options.already = already;
  options.terminal = isatty(STDERR_FILENO) == 1;
  return options;
}

Progress::Progress(std::ostream& err, std::string what, Options options)
    : err_(err), what_(std::move(what)), options_(std::move(options)) {
  if (!options_.now) options_.now = [] { return absl::Now(); };
  begin_ = last_ = options_.now();
}

Progress::~Progress() {
  if (shown_ && options_.terminal) err_ << std::endl;
}

void Progress::At(uint64_t done) {
  const absl::Time now = options_.now();
  if (now - begin_ < kQuiet) return;
  if (shown_ && now - last_ < (options_.terminal ? kTerminalEvery : kLogEvery)) return;
  shown_ = true;
  last_ = now;
  err_ << (options_.terminal ? "\r\x1B[K" : "") << Line(done, now)
       << (options_.terminal ? "" : "\n") << std::flush;
}

std::string Progress::Line(uint64_t done, absl::Time now) const {
  const double seconds = absl::ToDoubleSeconds(now - begin_);
  const uint64_t here = done > options_.already ? done - options_.already : 0;
  const double rate = seconds > 0 ? static_cast<double>(here) / seconds : 0;
  std::string line = absl::StrCat(what_, ": ", Grouped(done));
  if (options_.total > 0) {
    absl::StrAppend(&line, " of ", Grouped(options_.total), " (", done * 100 / options_.total,
                    " %)");
  }
  absl::StrAppend(&line, ", ", Grouped(static_cast<uint64_t>(rate)), "/s");
  if (options_.total > done && rate > 0) {
    absl::StrAppend(&line, ", ", TimeLeft(static_cast<double>(options_.total - done) / rate),
                    " left");
  }
  return line;
}

std::string TimeText(int64_t time_ms) {
  if (time_ms == 0) return "";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%S%Ez", absl::FromUnixMillis(time_ms), Japan());
}

std::vector<std::string> SplitList(absl::string_view text) {
  return absl::StrSplit(text, ',', absl::SkipWhitespace());
}

}  // namespace nakadachi::cli
