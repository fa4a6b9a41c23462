#include "tools/replay/page/page.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/crypto/crypto.h"
#include "tools/replay/page/assets.h"
#include "tools/replay/page/reasons.h"

namespace nakadachi::replay {
namespace {

using Json = nlohmann::ordered_json;

// What each part of the page may take, escaped; together with the assets less than
// kMostPageBytes.
constexpr size_t kFindingBytes = 350'000;
constexpr size_t kExchangeBytes = 1'150'000;
constexpr size_t kLogBytes = 400'000;
constexpr size_t kEventBytes = 60'000;
constexpr size_t kUseBytes = 150'000;  // each of three tables
constexpr size_t kNameBytes = 60'000;
constexpr size_t kMostFindings = 200;
constexpr size_t kMostEvents = 300;
constexpr size_t kMostText = 600;

std::string Text(const Json& json) {
  return EscapeForScript(json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

// A text of the evidence, at most so long, cut between characters.
std::string Cut(absl::string_view text) {
  if (text.size() <= kMostText) return std::string(text);
  size_t end = kMostText;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) --end;
  return absl::StrCat(text.substr(0, end), "…");
}

// Pieces of JSON up to a bound; what comes after the first that does not fit is counted.
class Pieces {
 public:
  explicit Pieces(size_t most_bytes) : left_(most_bytes) {}
  bool Add(const std::string& piece) {
    if (left_out_ > 0 || piece.size() + 1 > left_) {
      ++left_out_;
      return false;
    }
    left_ -= piece.size() + 1;
    absl::StrAppend(&text_, text_.empty() ? "" : ",", piece);
    return true;
  }
  void LeaveOut(uint64_t count) { left_out_ += count; }
  std::string List() const {
    return absl::StrCat("{\"left_out\":", left_out_, ",\"all\":[", text_, "]}");
  }

 private:
  size_t left_;
  uint64_t left_out_ = 0;
  std::string text_;
};

Json Of(const EntryRef& ref) { return Json::array({ref.log, ref.index}); }

Json Of(const std::map<std::string, uint64_t>& counts) {
  Json json = Json::object();
  for (const auto& [name, count] : counts) json[Cut(name)] = count;
  return json;
}

std::string Kinds(const Report& report) {
  Json all = Json::object();
  for (const Kind& kind : replay::Kinds()) {
    const auto text = [](absl::string_view en, absl::string_view ja) {
      return Json::array({std::string(en), std::string(ja)});
    };
    const auto total = report.totals.find(std::string(kind.id));
    all[std::string(kind.id)] = {
        {"severity", std::string(SeverityName(kind.severity))},
        {"area", std::string(AreaName(kind.area))},
        {"total", total == report.totals.end() ? 0 : total->second},
        {"title", text(kind.title, kind.title_ja)},
        {"meaning", text(kind.meaning, kind.meaning_ja)},
        {"not_concluded", text(kind.not_concluded, kind.not_concluded_ja)}};
  }
  return Text(all);
}

std::string Findings(const Report& report) {
  Pieces pieces(kFindingBytes);
  size_t shown = 0;
  for (const Finding& finding : report.findings) {
    if (shown == kMostFindings) break;
    Json json = {{"kind", std::string(finding.kind->id)},
                 {"log", finding.log},
                 {"time_ms", finding.time_ms},
                 {"reason", Cut(finding.reason)},
                 {"reason_ja", Cut(ReasonInJapanese(finding.reason))}};
    json["index"] = finding.index.has_value() ? Json(*finding.index) : Json();
    Json related = Json::array();
    for (size_t i = 0; i < std::min<size_t>(finding.related.size(), 8); ++i) {
      related.push_back(Of(finding.related[i]));
    }
    json["related"] = std::move(related);
    if (!pieces.Add(Text(json))) break;
    ++shown;
  }
  return pieces.List();
}

std::string Logs(const Report& report) {
  std::vector<const LogReport*> logs;
  for (const LogReport& log : report.logs) logs.push_back(&log);
  std::stable_sort(logs.begin(), logs.end(),
                   [](const LogReport* a, const LogReport* b) { return !a->sound && b->sound; });
  Pieces pieces(kLogBytes);
  for (const LogReport* log : logs) {
    pieces.Add(Text({{"log", log->log},
                     {"sound", log->sound},
                     {"size", log->size},
                     {"root", log->root},
                     {"note", log->note},
                     {"checkpoint_ms", log->checkpoint_ms},
                     {"key", log->verifier_key},
                     {"cosigned_size", log->cosigned_size},
                     {"cosigned_by", log->cosigned_by},
                     {"statements", Of(log->statements)},
                     {"erased", log->erased},
                     {"out_of_scope", log->out_of_scope},
                     {"absent", log->absent},
                     {"unreadable", log->unreadable},
                     {"unread", log->unread},
                     {"not_judged", log->not_judged}}));
  }
  return pieces.List();
}

Json Of(const Durations& durations) {
  if (durations.count() == 0) return Json();
  return {{"p50", durations.Quantile(0.5)}, {"p99", durations.Quantile(0.99)}};
}

std::string Uses(const std::map<std::string, Use>& uses) {
  // The most used first, so that what is left out is the least.
  std::vector<std::pair<uint64_t, const std::string*>> order;
  for (const auto& [name, use] : uses) order.emplace_back(use.queries + use.permits, &name);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  Pieces pieces(kUseBytes);
  for (const auto& [count, name] : order) {
    const Use& use = uses.at(*name);
    pieces.Add(Text({{"name", Cut(*name)},
                     {"queries", use.queries},
                     {"permits", use.permits},
                     {"refusals", Of(use.refusals)},
                     {"outcomes", Of(use.outcomes)},
                     {"awaited_review", use.awaited_review},
                     {"receipts", use.receipts},
                     {"answer", Of(use.answer)}}));
  }
  return pieces.List();
}

std::string Names(const Report& report) {
  Pieces pieces(kNameBytes);
  for (const MemberReport& member : report.members) {
    pieces.Add(Text(Json::array({member.code, Cut(member.name)})));
  }
  return pieces.List();
}

std::string Unused(const Report& report) {
  Pieces pieces(kNameBytes);
  for (const std::string& name : report.procedures_never_used) pieces.Add(Text(Cut(name)));
  return pieces.List();
}

std::string Events(const Report& report) {
  // Of the kinds that come in numbers only what is left of the room is taken.
  const auto common = [](const KeyEvent& event) {
    return event.kind == "member-joined" || event.kind == "inspection" ||
           event.kind == "route-changed";
  };
  std::vector<const KeyEvent*> chosen;
  for (const bool wanted : {false, true}) {
    for (const KeyEvent& event : report.events) {
      if (common(event) == wanted && chosen.size() < kMostEvents) chosen.push_back(&event);
    }
  }
  std::stable_sort(chosen.begin(), chosen.end(),
                   [](const KeyEvent* a, const KeyEvent* b) { return a->time_ms < b->time_ms; });
  Pieces pieces(kEventBytes);
  for (const KeyEvent* event : chosen) {
    pieces.Add(Text({{"kind", event->kind},
                     {"time_ms", event->time_ms},
                     {"entry", Of(event->entry)},
                     {"subject", Cut(event->subject)}}));
  }
  pieces.LeaveOut(report.events.size() - chosen.size());
  return pieces.List();
}

std::string TimelineOf(const Report& report) {
  Json bins = Json::array();
  for (const auto& [begin_ms, counts] : report.timeline.bins()) {
    bins.push_back(Json::array({begin_ms, counts}));
  }
  Json ends = Json::array();
  for (size_t end = 0; end < kEnds; ++end) {
    ends.push_back(std::string(EndName(static_cast<End>(end))));
  }
  return Text({{"width_ms", report.timeline.width_ms()}, {"ends", ends}, {"bins", bins}});
}

Json Of(const PageStatement& statement) {
  Json path = Json::array();
  for (const Hash& hash : statement.path) path.push_back(Base64Encode(AsView(hash)));
  return {{"role", statement.role},
          {"entry", Of(statement.entry)},
          {"statement", Base64Encode(statement.statement)},
          {"salt", Base64Encode(statement.salt)},
          {"path", std::move(path)},
          {"problem", Cut(statement.problem)}};
}

std::string Exchanges(const PageData& data) {
  Pieces pieces(kExchangeBytes);
  for (const PageExchange& exchange : data.exchanges) {
    Json statements = Json::array();
    for (const PageStatement& statement : exchange.statements) statements.push_back(Of(statement));
    pieces.Add(Text({{"permit", exchange.refs.permit_number},
                     {"end", std::string(EndName(exchange.refs.end))},
                     {"found", exchange.refs.found},
                     {"statements", std::move(statements)}}));
  }
  return pieces.List();
}

std::string FiguresOf(const Report& report) {
  const Figures& f = report.figures;
  return Text({{"entries", f.entries},
               {"exchanges", f.exchanges},
               {"completed", f.completed},
               {"refused", f.refused},
               {"undecided", f.undecided},
               {"open", f.open},
               {"lapsed", f.lapsed},
               {"unreceipted", f.unreceipted},
               {"redecided", f.redecided},
               {"not_redecidable", f.not_redecidable},
               {"not_judged", f.not_judged}});
}

// The data, all but the bounded parts small.
std::string DataOf(const PageData& data) {
  const Report& report = data.report;
  std::string head = Text({{"network", Cut(report.network)},
                           {"verdict", std::string(report.verdict())},
                           {"whole", report.whole()},
                           {"all_use_seen", report.all_use_seen()},
                           {"unseen", report.unseen()},
                           {"logs_unread", report.UnreadLogs().size()},
                           {"anchor", report.trust_anchor},
                           {"anchor_given", report.anchor_given},
                           {"tolerance_ms", report.tolerance_ms},
                           {"finding_count", report.finding_count},
                           {"note_count", report.note_count},
                           {"log_count", report.logs.size()}});
  head.pop_back();
  return absl::StrCat(
      head, ",\"figures\":", FiguresOf(report), ",\"kinds\":", Kinds(report),
      ",\"findings\":", Findings(report), ",\"logs\":", Logs(report), ",\"names\":", Names(report),
      ",\"events\":", Events(report), ",\"timeline\":", TimelineOf(report),
      ",\"procedures\":", Uses(report.procedures), ",\"requesters\":", Uses(report.as_requester),
      ",\"providers\":", Uses(report.as_provider), ",\"unused\":", Unused(report),
      ",\"exchanges\":", Exchanges(data), "}");
}

std::string Digest(absl::string_view text) {
  return absl::StrCat("sha256-", Base64Encode(AsView(Sha256(text))));
}

}  // namespace

absl::string_view PageTexts() { return kPageTexts; }
absl::string_view PageScript() { return kPageScript; }

std::string EscapeForScript(absl::string_view json) {
  return absl::StrReplaceAll(json, {{"<", "\\u003c"},
                                    {">", "\\u003e"},
                                    {"&", "\\u0026"},
                                    {"\u2028", "\\u2028"},
                                    {"\u2029", "\\u2029"}});
}

std::string RenderPage(const PageData& data) {
  // In one pass: what one part holds is not looked at for the marks of another.
  return absl::StrReplaceAll(kPageHtml, {{"@STYLE_DIGEST@", Digest(kPageStyle)},
                                         {"@SCRIPT_DIGEST@", Digest(kPageScript)},
                                         {"@STYLE@", kPageStyle},
                                         {"@SCRIPT@", kPageScript},
                                         {"@TEXTS@", EscapeForScript(kPageTexts)},
                                         {"@DATA@", DataOf(data)}});
}

}  // namespace nakadachi::replay
