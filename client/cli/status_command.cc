#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "client/cli/command_line.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"
#include "common/rpc/status_mapping.h"

namespace nakadachi::cli {
namespace {

struct StatusOptions {
  uint32_t unanswered = 10;
  void Declare(Command& command) {
    command
        .Add("--unanswered", unanswered,
             "How many permits without provision or receipt past their time to show "
             "(broker; default 10)")
        .Within(0, 10000);
    command.Footer("Example: nakadachi --profile operator.json status");
  }
};

// A server's answer in both forms.
struct Report {
  Json json;
  std::string text;
};

absl::StatusOr<Report> BrokerReport(client::BrokerOperatorConnection& broker, uint32_t unanswered) {
  NAKADACHI_ASSIGN_OR_RETURN(const auto status, broker.GetStatus());
  Report report;
  Json& json = report.json;
  json["ledger_size"] = status.ledger_size();
  json["permits"] = status.permits();
  json["refusals"] = status.refusals();
  json["provisions_reported"] = status.provisions_reported();
  json["receipts_reported"] = status.receipts_reported();
  json["open_permits"] = status.open_permits();
  json["contradictions"] = status.contradictions();
  json["rejected_calls"] = status.rejected_calls();
  json["directory_sequence"] = status.directory_sequence();
  json["list_version"] = status.list_version();
  json["vkey"] = status.vkey();
  json["started"] = TimeText(status.started_ms());
  json["now"] = TimeText(status.now_ms());
  absl::StrAppend(&report.text, "broker: up since ", TimeText(status.started_ms()), "\n  ledger ",
                  status.ledger_size(), " entries; directory ", status.directory_sequence(),
                  "; permission list version ", status.list_version(),
                  "\n  since then: ", status.permits(), " permits, ", status.refusals(),
                  " refusals, ", status.provisions_reported(), " provisions and ",
                  status.receipts_reported(), " receipts reported, ", status.rejected_calls(),
                  " calls rejected\n  open: ", status.open_permits(), " permits wait for a half; ",
                  status.contradictions(), " contradictions\n  vkey ", status.vkey(), "\n");
  if (unanswered == 0) return report;

  NAKADACHI_ASSIGN_OR_RETURN(const auto late, broker.ListUnanswered(unanswered));
  json["unanswered"] = Json::array();
  Table table({"permit number", "requester", "provider", "valid until", "missing"});
  for (const auto& permit : late.permits()) {
    const std::string missing = permit.provision_missing()
                                    ? (permit.receipt_missing() ? "provision,receipt" : "provision")
                                    : "receipt";
    json["unanswered"].push_back({{"permit_number", HexEncode(permit.permit_number())},
                                  {"requester", permit.requester()},
                                  {"provider", permit.provider()},
                                  {"valid_until", TimeText(permit.valid_until_ms())},
                                  {"missing", missing}});
    table.Add({HexEncode(permit.permit_number()), permit.requester(), permit.provider(),
               TimeText(permit.valid_until_ms()), missing});
  }
  if (!table.empty()) {
    absl::StrAppend(&report.text, "  past their time without an answer:\n", table.ToString());
  }
  return report;
}

absl::StatusOr<Report> IntermediateReport(client::MunicipalConnection& intermediate) {
  NAKADACHI_ASSIGN_OR_RETURN(const auto status, intermediate.GetStatus());
  Report report;
  Json& json = report.json;
  json["directory_sequence"] = status.directory_sequence();
  json["list_version"] = status.list_version();
  json["rejected_calls"] = status.rejected_calls();
  json["started"] = TimeText(status.started_ms());
  json["now"] = TimeText(status.now_ms());
  json["municipalities"] = Json::array();
  Table table({"municipality", "ledger", "codes", "pending", "replica sets", "outbox", "reviews",
               "exchanges", "state"});
  for (const auto& one : status.municipalities()) {
    const absl::Status error = rpc::FromBytes(one.error());
    json["municipalities"].push_back({{"code", one.code()},
                                      {"ledger_size", one.ledger_size()},
                                      {"codes", one.codes()},
                                      {"pending_acquisitions", one.pending_acquisitions()},
                                      {"replica_sets", one.replica_sets()},
                                      {"outbox", one.outbox()},
                                      {"open_reviews", one.open_reviews()},
                                      {"open_exchanges", one.open_exchanges()},
                                      {"vkey", one.vkey()},
                                      {"error", error.ok() ? Json() : ErrorJson(error)}});
    table.Add({one.code(), absl::StrCat(one.ledger_size()), absl::StrCat(one.codes()),
               absl::StrCat(one.pending_acquisitions()), absl::StrCat(one.replica_sets()),
               absl::StrCat(one.outbox()), absl::StrCat(one.open_reviews()),
               absl::StrCat(one.open_exchanges()), error.ok() ? "served" : ErrorText(error)});
  }
  report.text = absl::StrCat("intermediate server: up since ", TimeText(status.started_ms()),
                             "\n  directory ", status.directory_sequence(),
                             "; permission list version ", status.list_version(), "; ",
                             status.rejected_calls(), " calls rejected\n", table.ToString());
  json["unreached"] = Json::array();
  for (const auto& one : status.unreached()) {
    json["unreached"].push_back({{"municipality", one.municipality()},
                                 {"institution", one.institution()},
                                 {"since", TimeText(one.since_ms())}});
    absl::StrAppend(&report.text, "  exchanges of ", one.municipality(), " wait for ",
                    one.institution() == "broker" ? "the broker" : one.institution(),
                    ": no answer since ", TimeText(one.since_ms()), "\n");
  }
  json["alarms"] = Json::array();
  for (const auto& alarm : status.alarms()) {
    const absl::Status error = rpc::FromBytes(alarm.error());
    json["alarms"].push_back({{"institution", alarm.institution()}, {"error", ErrorJson(error)}});
    absl::StrAppend(&report.text, "  ALARM: the ledger of ", alarm.institution(), ": ",
                    ErrorText(error), " (nakadachi ledger forks)\n");
  }
  return report;
}

absl::StatusOr<Report> JukiReport(client::JukiConnection& juki) {
  NAKADACHI_ASSIGN_OR_RETURN(const auto status, juki.GetStatus());
  Report report;
  report.json["residents"] = status.residents();
  report.json["acquisitions"] = status.acquisitions();
  report.json["started"] = TimeText(status.started_ms());
  report.text =
      absl::StrCat("juki net: up since ", TimeText(status.started_ms()), "\n  ", status.residents(),
                   " residents, ", status.acquisitions(), " acquisitions\n");
  return report;
}

// Those that the profile names, each asked when its turn comes.
struct Servers {
  std::unique_ptr<client::BrokerOperatorConnection> broker;
  std::unique_ptr<client::MunicipalConnection> intermediate;
  std::unique_ptr<client::JukiConnection> juki;
};

absl::StatusOr<Servers> FindServers(const Context& context) {
  NAKADACHI_ASSIGN_OR_RETURN(const Profile profile, context.LoadProfile());
  Servers servers;
  if (profile.has_broker()) {
    NAKADACHI_ASSIGN_OR_RETURN(servers.broker, profile.Broker());
  }
  if (profile.has_intermediate()) {
    NAKADACHI_ASSIGN_OR_RETURN(servers.intermediate, profile.Intermediate());
  }
  if (profile.has_juki()) {
    NAKADACHI_ASSIGN_OR_RETURN(servers.juki, profile.Juki());
  }
  if (servers.broker || servers.intermediate || servers.juki) return servers;
  return InvalidField("profile", "missing", "the profile names no server to ask");
}

int Status(Context& context, const StatusOptions& options) {
  Console& console = *context.console;
  const auto servers = FindServers(context);
  if (!servers.ok()) return console.InputError(servers.status());
  std::vector<std::pair<std::string, absl::StatusOr<Report>>> reports;
  if (servers->broker) {
    reports.emplace_back("broker", BrokerReport(*servers->broker, options.unanswered));
  }
  if (servers->intermediate) {
    reports.emplace_back("intermediate", IntermediateReport(*servers->intermediate));
  }
  if (servers->juki) reports.emplace_back("juki", JukiReport(*servers->juki));
  Json json;
  size_t failed = 0, lost = 0;
  for (const auto& [name, report] : reports) {
    if (report.ok()) {
      json[name] = report->json;
      if (!console.json()) console.out() << report->text;
      continue;
    }
    ++failed;
    lost += absl::IsUnavailable(report.status()) || absl::IsDeadlineExceeded(report.status());
    json[name] = {{"error", ErrorJson(report.status())}};
    console.Complain(absl::StrCat(name, ": ", ErrorText(report.status())));
  }
  if (console.json()) console.Print(json);
  if (failed == 0) return kOk;
  if (failed < reports.size()) return kPartly;
  return lost > 0 ? kNotReached : kFailed;
}

}  // namespace

void AddStatusCommand(Command& app, Context& context) {
  AddCommand(app.Subcommand("status", "State of the servers that the profile names"), context,
             &Status);
}

}  // namespace nakadachi::cli
