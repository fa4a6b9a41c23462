#include "client/cli/replica_csv.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/cli/output.h"
#include "common/base/ids.h"
#include "common/base/period.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"

namespace nakadachi::cli {
namespace {

constexpr size_t kMaxRecordId = 64;
constexpr size_t kMaxSlug = 64;
constexpr int kMaxRecords = 1000;
// What a row says of a dose; the others say of which set it is.
constexpr const char* kRecordColumns[] = {
    "record_id", "vaccine_kind", "dose",      "date", "manufacturer",  "lot",
    "volume_ml", "place",        "physician", "done", "ticket_number", "municipality"};

bool AllDigits(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

bool IsSlug(absl::string_view text) {
  if (text.empty() || text.size() > kMaxSlug || !absl::ascii_islower(text[0])) return false;
  for (size_t i = 1; i < text.size(); ++i) {
    const bool hyphen = text[i] == '-' && text[i - 1] != '-' && i + 1 < text.size();
    if (!hyphen && !absl::ascii_islower(text[i]) && !absl::ascii_isdigit(text[i])) return false;
  }
  return true;
}

// vaccination.proto, RegisterDate; whether the day exists is for the register itself to say where
// a part of the date is not known.
bool IsRegisterDate(absl::string_view text) {
  if (text.size() != 8 || !AllDigits(text.substr(0, 4))) return false;
  const absl::string_view month = text.substr(4, 2);
  const absl::string_view day = text.substr(6, 2);
  const bool season = month[0] == 'A' && month[1] >= '1' && month[1] <= '4';
  const bool third = day[0] == 'A' && day[1] >= '1' && day[1] <= '3';
  int month_number = 0, day_number = 0;
  if (!season && (!AllDigits(month) || !absl::SimpleAtoi(month, &month_number))) return false;
  if (!third && (!AllDigits(day) || !absl::SimpleAtoi(day, &day_number))) return false;
  if (month_number > 12 || day_number > 31) return false;
  if (month_number == 0 || day_number == 0) return true;
  int year = 0;
  if (!absl::SimpleAtoi(text.substr(0, 4), &year)) return false;
  // A leap year where the year is unknown: 29 February may have been.
  return absl::CivilDay(year == 0 ? 2000 : year, month_number, day_number).month() == month_number;
}

bool IsDecimal(absl::string_view text) {
  const size_t point = text.find('.');
  if (point == absl::string_view::npos) return AllDigits(text);
  return point > 0 && point + 1 < text.size() && AllDigits(text.substr(0, point)) &&
         AllDigits(text.substr(point + 1));
}

// Characters, as CsvReader has checked the text to be UTF-8.
size_t Characters(absl::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
}

absl::Status Broken(absl::string_view rule, absl::string_view message) {
  return InvalidField("cell", rule, message);
}

absl::Status CheckLength(absl::string_view text, size_t limit) {
  if (Characters(text) <= limit) return absl::OkStatus();
  return Broken("length", absl::StrCat("more than ", limit, " characters"));
}

absl::StatusOr<bool> ParseDone(absl::string_view text) {
  if (text == "1" || text.empty()) return true;
  if (text == "0") return false;
  return Broken("flag", "neither 1 (done) nor 0 (not done)");
}

absl::StatusOr<uint32_t> ParseDose(absl::string_view text) {
  if (text.size() == 1 && text[0] >= '1' && text[0] <= '7') {
    return static_cast<uint32_t>(text[0] - '0');
  }
  return Broken("range", "not 1 to 7");
}

absl::Status CheckKind(absl::string_view text) {
  if (text.size() == 5 && AllDigits(text)) return absl::OkStatus();
  return Broken("digits", "not five digits");
}

absl::Status CheckDate(absl::string_view text, bool done) {
  if (text.empty() && !done) return absl::OkStatus();
  if (IsRegisterDate(text)) return absl::OkStatus();
  return Broken("date", "not a date of a register, YYYYMMDD");
}

absl::Status CheckVolume(absl::string_view text) {
  NAKADACHI_RETURN_IF_ERROR(CheckLength(text, 8));
  return IsDecimal(text) ? absl::OkStatus() : Broken("decimal", "not a decimal number");
}

absl::Status CheckTicket(const std::string& text) {
  return text.empty() ? absl::OkStatus() : TicketNumber::Parse(text).status();
}

absl::Status CheckMunicipality(const std::string& text) {
  return text.empty() ? absl::OkStatus() : LocalGovernmentCode::Parse(text).status();
}

// The same error, of another field.
absl::Status OfField(const absl::Status& status, absl::string_view field) {
  const FieldRule cause = GetFieldRule(status);
  absl::string_view message = status.message();
  message.remove_prefix(std::min(message.size(), cause.field.size() + 2));
  message.remove_suffix(std::min(message.size(), cause.rule.size() + 3));
  return FieldError(status.code(), field, cause.rule, message);
}

// Takes "<name>[<index>]." off the front; false where it does not stand there.
bool ConsumeElement(absl::string_view name, absl::string_view* field, size_t* index) {
  absl::string_view rest = *field;
  if (!absl::ConsumePrefix(&rest, name) || !absl::ConsumePrefix(&rest, "[")) return false;
  const size_t end = rest.find("].");
  if (end == absl::string_view::npos || !absl::SimpleAtoi(rest.substr(0, end), index)) return false;
  *field = rest.substr(end + 2);
  return true;
}

}  // namespace

const std::vector<std::string>& ReplicaColumns() {
  static const auto* const columns = new std::vector<std::string>{
      "addressee_number", "item",         "source_version", "source_time",
      "record_id",        "vaccine_kind", "dose",           "date"};
  return *columns;
}

absl::StatusOr<std::unique_ptr<ReplicaCsvReader>> ReplicaCsvReader::Create(std::istream& in) {
  NAKADACHI_ASSIGN_OR_RETURN(CsvReader reader, CsvReader::Create(in, ReplicaColumns()));
  return std::unique_ptr<ReplicaCsvReader>(new ReplicaCsvReader(std::move(reader)));
}

absl::Status ReplicaCsvReader::AtCell(absl::string_view column, const absl::Status& status) const {
  return status.ok() ? status : OfField(status, reader_.Where(row_, column));
}

ReplicaCsvReader::Located ReplicaCsvReader::Locate(const Lines& lines,
                                                   const absl::Status& status) const {
  const std::string whole = GetFieldRule(status).field;
  absl::string_view field = whole;
  CsvRow row;
  row.line = lines.first;
  size_t index = 0;
  if (!ConsumeElement("entries", &field, &index)) return {row.line, status};
  if (ConsumeElement("records", &field, &index) && index < lines.records.size()) {
    row.line = lines.records[index];
    absl::ConsumePrefix(&field, "vaccination.");
  }
  if (field == "source_time_ms") field = "source_time";
  const std::vector<std::string>& header = reader_.header();
  const bool is_column = std::find(header.begin(), header.end(), field) != header.end();
  return {row.line, is_column ? OfField(status, reader_.Where(row, field)) : status};
}

absl::Status ReplicaCsvReader::Advance(bool* fatal) {
  has_row_ = false;
  const absl::StatusOr<bool> more = reader_.Next(&row_);
  if (!more.ok()) {
    const std::string rule = GetFieldRule(more.status()).rule;
    *fatal = rule != "columns" && rule != "utf-8";
    ended_ = *fatal;
    return more.status();
  }
  has_row_ = *more;
  ended_ = !*more;
  rows_ += has_row_ ? 1 : 0;
  return absl::OkStatus();
}

absl::StatusOr<bool> ReplicaCsvReader::Next(Set* set, bool* fatal) {
  *fatal = false;
  if (!has_row_ && !ended_) NAKADACHI_RETURN_IF_ERROR(Advance(fatal));
  if (!has_row_) return false;
  absl::Status problem = Begin(set);
  // The rows of a set that is wrong are passed over with it: one problem a set is told.
  while (true) {
    if (problem.ok()) problem = AddRecord(set);
    const absl::Status advanced = Advance(fatal);
    if (!advanced.ok()) return problem.ok() ? advanced : problem;
    if (!has_row_ || !IsOf(*set)) break;
    if (problem.ok()) problem = CheckMayFollow(*set);
  }
  NAKADACHI_RETURN_IF_ERROR(problem);
  return true;
}

bool ReplicaCsvReader::IsOf(const Set& set) const {
  return Cell("addressee_number") == set.entry.addressee_number() &&
         Cell("item") == set.entry.set().item();
}

absl::Status ReplicaCsvReader::Begin(Set* set) {
  set->lines.first = row_.line;
  set->lines.records.clear();
  set->entry.Clear();
  record_ids_.clear();
  // Set before any check: the rows that follow are compared with these.
  set->entry.set_addressee_number(Cell("addressee_number"));
  set->entry.mutable_set()->set_item(Cell("item"));
  NAKADACHI_RETURN_IF_ERROR(
      AtCell("addressee_number", AddresseeNumber::Parse(Cell("addressee_number")).status()));
  if (!IsSlug(Cell("item"))) {
    return AtCell("item", Broken("slug", "not an item of information"));
  }
  uint64_t version = 0;
  if (!absl::SimpleAtoi(Cell("source_version"), &version) || version == 0) {
    return AtCell("source_version", Broken("number", "not a number from 1"));
  }
  set->entry.mutable_set()->set_source_version(version);
  const absl::StatusOr<absl::Time> time = ParseTime(Cell("source_time"), "cell");
  if (!time.ok()) return AtCell("source_time", time.status());
  if (absl::ToUnixMillis(*time) <= 0) {
    return AtCell("source_time", Broken("range", "not after 1970-01-01"));
  }
  set->entry.mutable_set()->set_source_time_ms(absl::ToUnixMillis(*time));

  const Hash hash = Sha256(Cell("addressee_number"), ",", Cell("item"));
  uint64_t key = 0;
  std::memcpy(&key, hash.data(), sizeof key);
  if (seen_.insert(key).second) return absl::OkStatus();
  return AtCell("addressee_number",
                Broken("scattered", "other rows of the person and item stand further up"));
}

absl::Status ReplicaCsvReader::CheckMayFollow(const Set& set) const {
  if (set.entry.set().records().empty()) {
    CsvRow first;
    first.line = set.lines.first;
    return OfField(Broken("empty", "must be filled: the set has further rows"),
                   reader_.Where(first, "record_id"));
  }
  uint64_t version = 0;
  if (!absl::SimpleAtoi(Cell("source_version"), &version) ||
      version != set.entry.set().source_version()) {
    return AtCell("source_version", Broken("differs", "not that of the set's first row"));
  }
  const absl::StatusOr<absl::Time> time = ParseTime(Cell("source_time"), "cell");
  if (time.ok() && absl::ToUnixMillis(*time) == set.entry.set().source_time_ms()) {
    return absl::OkStatus();
  }
  return AtCell("source_time", Broken("differs", "not that of the set's first row"));
}

bool ReplicaCsvReader::IsWithoutRecord() const {
  return std::all_of(std::begin(kRecordColumns), std::end(kRecordColumns),
                     [this](const char* column) { return Cell(column).empty(); });
}

absl::Status ReplicaCsvReader::AddRecord(Set* set) {
  const std::string& id = Cell("record_id");
  // A set without records: the person has none (any more) under the item. What it says of a
  // record that another row holds, or that this one holds in part, would be lost.
  if (IsWithoutRecord() && set->entry.set().records().empty()) return absl::OkStatus();
  if (id.empty()) return AtCell("record_id", Broken("empty", "must be filled"));
  NAKADACHI_RETURN_IF_ERROR(AtCell("record_id", CheckLength(id, kMaxRecordId)));
  if (!record_ids_.insert(id).second) {
    return AtCell("record_id", Broken("duplicate", "another record of the set has this id"));
  }
  if (set->entry.set().records_size() == kMaxRecords) {
    return AtCell("record_id", Broken("length", "more than 1,000 records in a set"));
  }
  NAKADACHI_RETURN_IF_ERROR(AtCell("vaccine_kind", CheckKind(Cell("vaccine_kind"))));
  const absl::StatusOr<uint32_t> dose = ParseDose(Cell("dose"));
  if (!dose.ok()) return AtCell("dose", dose.status());
  const absl::StatusOr<bool> done = ParseDone(Cell("done"));
  if (!done.ok()) return AtCell("done", done.status());
  NAKADACHI_RETURN_IF_ERROR(AtCell("date", CheckDate(Cell("date"), *done)));
  NAKADACHI_RETURN_IF_ERROR(AtCell("manufacturer", CheckLength(Cell("manufacturer"), 20)));
  NAKADACHI_RETURN_IF_ERROR(AtCell("lot", CheckLength(Cell("lot"), 20)));
  NAKADACHI_RETURN_IF_ERROR(AtCell("volume_ml", CheckVolume(Cell("volume_ml"))));
  NAKADACHI_RETURN_IF_ERROR(AtCell("place", CheckLength(Cell("place"), 30)));
  NAKADACHI_RETURN_IF_ERROR(AtCell("physician", CheckLength(Cell("physician"), 20)));
  NAKADACHI_RETURN_IF_ERROR(AtCell("ticket_number", CheckTicket(Cell("ticket_number"))));
  NAKADACHI_RETURN_IF_ERROR(AtCell("municipality", CheckMunicipality(Cell("municipality"))));

  set->lines.records.push_back(row_.line);
  v1::ReplicaRecord& record = *set->entry.mutable_set()->add_records();
  record.set_item(set->entry.set().item());
  record.set_record_id(id);
  v1::Vaccination& vaccination = *record.mutable_vaccination();
  vaccination.set_vaccine_kind(Cell("vaccine_kind"));
  vaccination.set_dose(*dose);
  vaccination.mutable_date()->set_yyyymmdd(Cell("date"));
  vaccination.set_manufacturer(Cell("manufacturer"));
  vaccination.set_lot(Cell("lot"));
  vaccination.set_volume_ml(Cell("volume_ml"));
  vaccination.set_place(Cell("place"));
  vaccination.set_physician(Cell("physician"));
  vaccination.set_done(*done);
  vaccination.set_ticket_number(Cell("ticket_number"));
  vaccination.set_municipality(Cell("municipality"));
  return absl::OkStatus();
}

}  // namespace nakadachi::cli
