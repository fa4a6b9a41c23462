#include <nlohmann/json.hpp>

#include "tools/replay/report.h"

namespace nakadachi::replay {
namespace {

using Json = nlohmann::ordered_json;

Json Of(const EntryRef& ref) { return {{"log", ref.log}, {"index", ref.index}}; }

Json Of(const std::optional<EntryRef>& ref) { return ref.has_value() ? Of(*ref) : Json(); }

Json Of(const Finding& finding);
Json Of(const ErasureReport& erasure);
Json Of(const LogReport& log);
Json Of(const MissingLog& missing);
Json Of(const MemberReport& member);
Json Of(const ListReport& list);
Json Of(const ExchangeRefs& refs);

template <typename T>
Json Of(const std::vector<T>& all) {
  Json list = Json::array();
  for (const T& one : all) list.push_back(Of(one));
  return list;
}

Json Of(const Finding& finding) {
  Json json = {{"kind", std::string(finding.kind->id)},
               {"severity", std::string(SeverityName(finding.kind->severity))},
               {"area", std::string(AreaName(finding.kind->area))},
               {"title", std::string(finding.kind->title)},
               {"log", finding.log}};
  json["index"] = finding.index.has_value() ? Json(*finding.index) : Json();
  json["time_ms"] = finding.time_ms == 0 ? Json() : Json(finding.time_ms);
  json["reason"] = finding.reason;
  json["message_id"] = std::string(finding.kind->id);
  json["related"] = Of(finding.related);
  return json;
}

Json Of(const ErasureReport& erasure) {
  return {{"fiscal_year", erasure.fiscal_year},
          {"first_index", erasure.first_index},
          {"end_index", erasure.end_index},
          {"erased", erasure.erased},
          {"held", erasure.held},
          {"freed_bytes", erasure.freed_bytes},
          {"done", erasure.done},
          {"time_ms", erasure.time_ms},
          {"entry", Of(erasure.entry)}};
}

Json Of(const LogReport& log) {
  return {{"log", log.log},
          {"folder", log.folder},
          {"origin", log.origin},
          {"readable", log.readable},
          {"sound", log.sound},
          {"size", log.size},
          {"root", log.root},
          {"checkpoint", log.note},
          {"checkpoint_ms", log.checkpoint_ms},
          {"verifier_key", log.verifier_key},
          {"cosigned_size", log.cosigned_size},
          {"cosigned_by", log.cosigned_by},
          {"statements", log.statements},
          {"unread", log.unread},
          {"erased", log.erased},
          {"out_of_scope", log.out_of_scope},
          {"absent", log.absent},
          {"changed", log.changed},
          {"unreadable", log.unreadable},
          {"not_judged", log.not_judged},
          {"erasures", Of(log.erasures)}};
}

Json Of(const MissingLog& missing) {
  return {{"log", missing.log}, {"not_judged", missing.not_judged}};
}

Json Of(const MemberReport& member) {
  return {{"code", member.code},
          {"name", member.name},
          {"category", member.category},
          {"joined_ms", member.joined_ms},
          {"exported", member.exported}};
}

Json Of(const ListReport& list) {
  return {{"version", list.version},
          {"published_ms", list.published_ms},
          {"in_force_from_ms", list.in_force_from_ms},
          {"entry", Of(list.entry)}};
}

Json Of(const ExchangeRefs& refs) {
  return {{"permit_number", refs.permit_number},
          {"end", std::string(EndName(refs.end))},
          {"query", Of(refs.query)},
          {"decision", Of(refs.decision)},
          {"provisions", Of(refs.provisions)},
          {"receipts", Of(refs.receipts)}};
}

Json Of(const Durations& durations) {
  if (durations.count() == 0) return Json();
  return {{"count", durations.count()},
          {"p50_ms", durations.Quantile(0.5)},
          {"p90_ms", durations.Quantile(0.9)},
          {"p99_ms", durations.Quantile(0.99)},
          {"max_ms", durations.max_ms()}};
}

Json Of(const Use& use) {
  return {{"queries", use.queries},
          {"permits", use.permits},
          {"refusals", use.refusals},
          {"outcomes", use.outcomes},
          {"awaited_review", use.awaited_review},
          {"receipts", use.receipts},
          {"time_to_decision", Of(use.decision)},
          {"time_to_answer", Of(use.answer)}};
}

Json Of(const std::map<std::string, Use>& uses) {
  Json json = Json::object();
  for (const auto& [name, use] : uses) json[name] = Of(use);
  return json;
}

Json Of(const Figures& f) {
  return {{"entries", f.entries},      {"exchanges", f.exchanges},
          {"completed", f.completed},  {"refused", f.refused},
          {"undecided", f.undecided},  {"open", f.open},
          {"lapsed", f.lapsed},        {"unreceipted", f.unreceipted},
          {"redecided", f.redecided},  {"not_redecidable", f.not_redecidable},
          {"not_judged", f.not_judged}};
}

}  // namespace

std::string ToJson(const Report& report) {
  Json json = {{"verdict", std::string(report.verdict())},
               {"clean", report.clean() && report.whole()},
               {"unseen", report.unseen()},
               {"finding_count", report.finding_count},
               {"note_count", report.note_count},
               {"totals", report.totals},
               {"network", report.network},
               {"tolerance_ms", report.tolerance_ms},
               {"trust_anchor", report.trust_anchor},
               {"trust_anchor_given", report.anchor_given},
               {"figures", Of(report.figures)},
               {"findings", Of(report.findings)},
               {"logs", Of(report.logs)},
               {"missing_logs", Of(report.missing_logs)},
               {"members", Of(report.members)},
               {"lists", Of(report.lists)},
               {"procedures", Of(report.procedures)},
               {"procedures_never_used",
                report.all_use_seen() ? Json(report.procedures_never_used) : Json()},
               {"as_requester", Of(report.as_requester)},
               {"as_provider", Of(report.as_provider)},
               {"exchanges", Of(report.exchanges)},
               {"elapsed_s", report.elapsed_s}};
  // What others wrote into a log may not be UTF-8.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace nakadachi::replay
