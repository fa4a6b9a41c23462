#include "tools/simulator/scenario.h"

#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/csv.h"
#include "common/base/ids.h"
#include "common/base/status.h"
#include "tools/simulator/scenario_words.h"

namespace nakadachi::simulator {
namespace {

constexpr char kByteOrderMark[] = "\xEF\xBB\xBF";

// A form is words; {name} takes one word; […] may be left out.
struct Form {
  const char* form;
  Verb verb;
  bool setting = false;
};
constexpr Form kForms[] = {
    {"seed {n}", Verb::kSeed, true},
    {"time {time}", Verb::kTime, true},
    {"permit-validity {duration}", Verb::kPermitValidity, true},
    {"list {file}", Verb::kList, true},
    {"city {code} {name} [ on {platform} ]", Verb::kCity},
    {"prefecture {code} {name} [ on {platform} ]", Verb::kPrefecture},
    {"residents {code} {n}", Verb::kResidents},
    {"resident {id} in {code} [ records {n} ]", Verb::kResident},
    {"resident {id} in {code} {without-code}", Verb::kResident},
    {"enroll {id} in {code}", Verb::kEnroll},
    {"move {id} to {code}", Verb::kMoveOne},
    {"move {n} from {from} to {code}", Verb::kMoveMany},
    {"correct {id} in {code}", Verb::kCorrect},
    {"protect {id} in {code}", Verb::kProtect},
    {"unprotect {id} in {code}", Verb::kUnprotect},
    {"withhold {id} in {code} item {item}", Verb::kWithhold},
    {"unwithhold {id} in {code} item {item}", Verb::kUnwithhold},
    {"query {requester} asks {provider} about {id} [ for {procedure} ] [ items {items} ]",
     Verb::kQuery},
    {"ask again", Verb::kAskAgain},
    {"bulk {requester} asks about movers [ from {provider} ] [ for {procedure} ] [ items {items} ]",
     Verb::kBulk},
    {"load {requester} asks {provider} for {duration} [ in-flight {n} ] in background",
     Verb::kLoad},
    {"finish", Verb::kFinish},
    {"expect provided [ {n} ]", Verb::kExpectProvided},
    {"expect refused {reason}", Verb::kExpectRefused},
    {"expect error {rule}", Verb::kExpectError},
    {"expect same permit", Verb::kExpectSamePermit},
    {"expect {outcome}", Verb::kExpectOutcome},
    {"review {code} {decision} {id}", Verb::kReview},
    {"crash {name}", Verb::kCrash},
    {"start {name}", Verb::kStart},
    {"restart {name}", Verb::kRestart},
    {"advance {duration}", Verb::kAdvance},
    {"skew {name} {duration}", Verb::kSkew},
    {"publish {file} from {date}", Verb::kPublish},
    {"revoke-key {code}", Verb::kRevokeKey},
    {"add-key {code}", Verb::kAddKey},
    {"verify ledgers", Verb::kVerifyLedgers},
    {"verify answered", Verb::kVerifyAnswered},
    {"say {text}", Verb::kSay},
};

// Words that a placeholder takes only if they are among these.
const std::map<std::string, std::vector<std::string>>& Choices() {
  static const auto& choices = *new std::map<std::string, std::vector<std::string>>{
      {"without-code", {"without-code"}},
      {"decision", {"release", "refuse"}},
      {"outcome", {"not-held", "not-registered", "withheld", "awaiting-review", "lapsed"}},
  };
  return choices;
}

using Words = std::vector<std::string>;

bool TakesWord(const std::string& placeholder, const std::string& word) {
  const auto found = Choices().find(placeholder);
  if (found == Choices().end()) return true;
  for (const std::string& choice : found->second) {
    if (choice == word) return true;
  }
  return false;
}

bool IsPlaceholder(absl::string_view part) { return absl::StartsWith(part, "{"); }

std::string PlaceholderName(absl::string_view part) {
  return std::string(part.substr(1, part.size() - 2));
}

// Matches form parts [begin, end) against words from `at`; optional groups are taken greedily,
// which suffices because each begins with a word of its own or ends the form.
std::optional<size_t> Match(const Words& parts, size_t begin, size_t end, const Words& words,
                            size_t at, std::map<std::string, std::string>& found) {
  for (size_t i = begin; i < end; ++i) {
    if (parts[i] == "[") {
      size_t close = i + 1;
      while (parts[close] != "]") ++close;
      std::map<std::string, std::string> tried = found;
      if (const auto next = Match(parts, i + 1, close, words, at, tried)) {
        at = *next;
        found = std::move(tried);
      }
      i = close;
      continue;
    }
    if (at == words.size()) return std::nullopt;
    if (!IsPlaceholder(parts[i])) {
      if (parts[i] != words[at]) return std::nullopt;
    } else {
      const std::string name = PlaceholderName(parts[i]);
      if (!TakesWord(name, words[at])) return std::nullopt;
      found[name] = words[at];
    }
    ++at;
  }
  return at;
}

std::string LineField(int line) { return absl::StrCat("line ", line); }

// Words apart by blanks; double quotes hold a word together; # outside quotes begins a comment.
absl::StatusOr<Words> SplitWords(absl::string_view line, int number) {
  Words words;
  std::string word;
  bool in_word = false;
  bool quoted = false;
  for (const char c : line) {
    if (quoted) {
      if (c == '"') {
        quoted = false;
      } else {
        word += c;
      }
      continue;
    }
    if (c == '#') break;
    if (c == '"') {
      quoted = true;
      in_word = true;
    } else if (absl::ascii_isspace(static_cast<unsigned char>(c))) {
      if (in_word) words.push_back(std::exchange(word, ""));
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (quoted) return InvalidField(LineField(number), "quote", "a double quote is not closed");
  if (in_word) words.push_back(word);
  return words;
}

absl::Status CheckNumber(const Step& step) {
  const std::string& word = step.Word("n");
  if (step.verb == Verb::kSeed) return SeedOf(word).status();
  NAKADACHI_ASSIGN_OR_RETURN(const size_t count, CountOf(word));
  if (step.verb != Verb::kLoad || count > 0) return absl::OkStatus();
  return InvalidField("n", "number", "a load without a query in flight asks nothing");
}

// The network's clock goes forward; that of one process may be behind.
absl::Status CheckDuration(const Step& step) {
  const std::string& word = step.Word("duration");
  return step.verb == Verb::kSkew ? DurationOf(word).status() : PositiveDurationOf(word).status();
}

// Words that do not mean what the form wants, before any of it is carried out.
absl::Status CheckWords(const Step& step) {
  for (const char* code : {"code", "from", "requester", "provider"}) {
    if (!step.Has(code)) continue;
    NAKADACHI_RETURN_IF_ERROR(LocalGovernmentCode::Parse(step.Word(code), code).status());
  }
  if (step.Has("n")) NAKADACHI_RETURN_IF_ERROR(CheckNumber(step));
  if (step.Has("duration")) NAKADACHI_RETURN_IF_ERROR(CheckDuration(step));
  if (step.Has("platform")) NAKADACHI_RETURN_IF_ERROR(CheckPlatform(step.Word("platform")));
  for (const char* time : {"time", "date"}) {
    if (step.Has(time)) NAKADACHI_RETURN_IF_ERROR(TimeOf(step.Word(time)).status());
  }
  return absl::OkStatus();
}

absl::Status CheckJoinsOnce(const Step& step, std::map<std::string, int>& joined) {
  if (step.verb != Verb::kCity && step.verb != Verb::kPrefecture) return absl::OkStatus();
  const auto [first, fresh] = joined.emplace(step.Word("code"), step.line);
  if (fresh) return absl::OkStatus();
  return InvalidField("code", "known-member",
                      absl::StrCat("the institution has joined already, in line ", first->second));
}

// The line is the field; whose word it is, the text says ("line 3: n: expected …").
absl::Status AtLine(int line, const absl::Status& status) {
  if (status.ok()) return status;
  const FieldRule found = GetFieldRule(status);
  absl::string_view message = status.message();
  absl::ConsumeSuffix(&message, absl::StrCat(" [", found.rule, "]"));
  return InvalidField(LineField(line), found.rule, message);
}

std::string FormsThatBeginWith(const std::string& word) {
  Words alike;
  for (const Form& form : kForms) {
    if (Words(absl::StrSplit(form.form, ' ')).front() == word) alike.push_back(form.form);
  }
  if (alike.empty()) return absl::StrCat("no step begins with '", word, "'");
  return absl::StrCat("expected ", absl::StrJoin(alike, "  or  "));
}

}  // namespace

const std::string& Step::Word(const std::string& name) const {
  static const std::string& empty = *new std::string();
  const auto found = words.find(name);
  return found == words.end() ? empty : found->second;
}

std::vector<std::string> StepForms() {
  std::vector<std::string> forms;
  for (const Form& form : kForms) forms.emplace_back(form.form);
  return forms;
}

absl::StatusOr<Scenario> ParseScenario(absl::string_view text) {
  if (!IsUtf8(text)) return InvalidField("scenario", "utf-8", "the file is not UTF-8");
  absl::ConsumePrefix(&text, kByteOrderMark);
  Scenario scenario;
  std::map<std::string, int> joined;  // code -> line
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    NAKADACHI_ASSIGN_OR_RETURN(const Words words, SplitWords(line, number));
    if (words.empty()) continue;
    bool matched = false;
    for (const Form& form : kForms) {
      const Words parts = absl::StrSplit(form.form, ' ');
      Step step{number, form.verb, absl::StrJoin(words, " "), {}};
      const auto end = Match(parts, 0, parts.size(), words, 0, step.words);
      if (!end.has_value() || *end != words.size()) continue;
      if (form.setting && !scenario.steps.empty()) {
        return InvalidField(LineField(number), "order",
                            absl::StrCat("'", words[0], "' stands before all steps"));
      }
      NAKADACHI_RETURN_IF_ERROR(AtLine(number, CheckWords(step)));
      NAKADACHI_RETURN_IF_ERROR(AtLine(number, CheckJoinsOnce(step, joined)));
      (form.setting ? scenario.settings : scenario.steps).push_back(std::move(step));
      matched = true;
      break;
    }
    if (!matched) return InvalidField(LineField(number), "step", FormsThatBeginWith(words[0]));
  }
  return scenario;
}

}  // namespace nakadachi::simulator
