#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/command_line.h"
#include "common/base/period.h"
#include "common/base/status.h"
#include "common/rpc/peer.h"
#include "tools/pki/pki.h"

namespace nakadachi::cli {
namespace {

Overwrite OverwriteOf(bool allowed) { return allowed ? Overwrite::kAllowed : Overwrite::kNever; }

// What is already there, or cannot be written, is the input's fault.
int Done(Context& context, const absl::Status& status, const Json& json, const std::string& text) {
  if (!status.ok()) return context.console->InputError(status);
  if (context.console->json()) {
    context.console->Print(json);
  } else {
    context.console->out() << text;
  }
  return kOk;
}

struct InitOptions {
  std::string folder;
  bool overwrite = false;
  void Declare(Command& command) {
    command.Add("folder", folder, "Folder of the trust roots").Required();
    command.AddFlag("--overwrite", overwrite, "Replace roots that are there already");
    command.Footer("Example: nakadachi pki init /secure/pki");
  }
};

int Init(Context& context, const InitOptions& options) {
  const absl::Status status =
      pki::Init(options.folder, absl::Now(), OverwriteOf(options.overwrite));
  Json json;
  std::string text = "Trust roots, each with root.pem to hand out and root.key to keep:\n";
  for (const auto trust : {pki::Trust::kNetwork, pki::Trust::kTerminal, pki::Trust::kVenue}) {
    const std::string path = pki::RootCertificatePath(options.folder, trust);
    json[std::string(pki::TrustName(trust))] = path;
    absl::StrAppend(&text, "  ", path, "\n");
  }
  return Done(context, status, json, text);
}

struct IssueOptions {
  std::string folder;
  std::string output;
  std::string role;
  std::string trust;
  std::string name;
  std::vector<std::string> institutions;
  std::vector<std::string> dns_names;
  std::string department;
  std::string staff;
  bool statements = false;
  bool persons = false;
  std::string from;
  std::string to;
  int days = 397;
  bool overwrite = false;
  void Declare(Command& command) {
    command.Add("folder", folder, "Folder of the trust roots (pki init)").Required();
    command.Add("--out", output, "Writes <out>.pem and <out>.key").Required();
    command
        .Add("--role", role,
             "broker, juki, intermediate, office, operator, staff, inspector or portal")
        .Required();
    command.Add("--institution", institutions,
                "Code that the holder may speak for, or an inspector inspect (there also "
                "broker, or all); may be repeated. Needed by intermediate, office and staff");
    command.Add("--trust", trust,
                "network, terminal or venue (default: terminal for staff, else network)");
    command.Add("--dns", dns_names, "DNS name of a server (default: by role and institutions)");
    command.Add("--department", department, "Of a staff member, who needs one");
    command.Add("--staff", staff, "Pseudonym of a staff member, inspector or portal, who need one");
    command.AddFlag("--statements", statements,
                    "Inspector: may see bodies of statements, not commitments only");
    command.AddFlag("--persons", persons,
                    "Inspector: may see the broker's record-management codes");
    command.Add("--from", from, "Inspector: bodies from this day or time on");
    command.Add("--to", to, "Inspector: bodies up to this day (with it) or time");
    command.Add("--name", name, "Common name (default: last part of --out)");
    command.Add("--days", days, "Validity in days (default 397)").Within(1, 3650);
    command.AddFlag("--overwrite", overwrite, "Replace files that are there already");
    command.Footer(
        "Examples:\n"
        "  nakadachi pki issue /secure/pki --role intermediate --institution 072028 --out tls\n"
        "  nakadachi pki issue /secure/pki --role intermediate --institution 072028 "
        "--trust terminal --out terminal\n"
        "  nakadachi pki issue /secure/pki --role staff --institution 072028 --department health "
        "--staff s-17 --out staff\n"
        "  nakadachi pki issue /secure/pki --role office --institution 072028 --trust terminal "
        "--out office\n"
        "  nakadachi pki issue /secure/pki --role inspector --staff i-3 --institution all "
        "--statements --persons --from 2024-04-01 --to 2025-03-31 --out inspector\n"
        "  nakadachi pki issue /secure/pki --role portal --staff mynaportal --out portal");
  }
};

std::vector<std::string> DnsNames(const IssueOptions& options, const rpc::Peer& peer) {
  if (!options.dns_names.empty()) return options.dns_names;
  if (peer.role == rpc::Role::kBroker) return {pki::BrokerDnsName()};
  if (peer.role == rpc::Role::kJuki) return {pki::JukiDnsName()};
  std::vector<std::string> names;
  if (peer.role != rpc::Role::kIntermediate) return names;
  for (const LocalGovernmentCode& code : peer.institutions) {
    names.push_back(pki::IntermediateDnsName(code));
  }
  return names;
}

// For an inspector "all" and "broker" are institutions too.
absl::Status AddInstitution(const std::string& text, rpc::Peer* peer) {
  if (peer->role == rpc::Role::kInspector && text == "all") {
    peer->inspection.all = true;
    return absl::OkStatus();
  }
  if (peer->role == rpc::Role::kInspector && text == "broker") {
    peer->inspection.broker = true;
    return absl::OkStatus();
  }
  NAKADACHI_ASSIGN_OR_RETURN(auto code, LocalGovernmentCode::Parse(text, "institution"));
  peer->institutions.insert(std::move(code));
  return absl::OkStatus();
}

absl::Status AddScope(const IssueOptions& options, rpc::Peer* peer) {
  rpc::InspectionScope& scope = peer->inspection;
  scope.statements = options.statements;
  scope.persons = options.persons;
  if (!options.from.empty()) {
    NAKADACHI_ASSIGN_OR_RETURN(scope.from_ms, ParseFrom(options.from, "from"));
  }
  if (!options.to.empty()) {
    NAKADACHI_ASSIGN_OR_RETURN(scope.until_ms, ParseUntil(options.to, "to"));
  }
  if (scope.until_ms != 0 && scope.until_ms <= scope.from_ms) {
    return InvalidField("to", "period", "the period ends before it begins");
  }
  if (scope.persons && !(scope.statements && (scope.all || scope.broker))) {
    return InvalidField("persons", "persons", "goes with --statements of the broker's ledger");
  }
  return absl::OkStatus();
}

// Without these a server would turn the holder away.
absl::Status CheckComplete(const rpc::Peer& peer) {
  const bool staff = peer.role == rpc::Role::kStaff;
  const bool local =
      staff || peer.role == rpc::Role::kIntermediate || peer.role == rpc::Role::kOffice;
  if (local && peer.institutions.empty()) {
    return InvalidField("institution", "required", "the holder could speak for nobody");
  }
  if (staff && peer.department.empty()) {
    return InvalidField("department", "required", "a question names the department that asks");
  }
  const bool recorded =
      staff || peer.role == rpc::Role::kInspector || peer.role == rpc::Role::kPortal;
  if (recorded && peer.staff_pseudonym.empty()) {
    return InvalidField("staff", "required", "what they do is recorded under a pseudonym");
  }
  return absl::OkStatus();
}

absl::StatusOr<rpc::Peer> PeerOf(const IssueOptions& options) {
  rpc::Peer peer;
  NAKADACHI_ASSIGN_OR_RETURN(peer.role, rpc::ParseRole(options.role));
  const bool inspector = peer.role == rpc::Role::kInspector;
  const bool has_pseudonym =
      inspector || peer.role == rpc::Role::kStaff || peer.role == rpc::Role::kPortal;
  if (!options.department.empty() && peer.role != rpc::Role::kStaff) {
    return InvalidField("role", "staff", "only staff have a department");
  }
  if (!options.staff.empty() && !has_pseudonym) {
    return InvalidField("role", "staff", "only staff, inspectors and portals have a pseudonym");
  }
  for (const std::string& text : options.institutions) {
    NAKADACHI_RETURN_IF_ERROR(AddInstitution(text, &peer));
  }
  const bool scoped =
      options.statements || options.persons || !options.from.empty() || !options.to.empty();
  if (scoped && !inspector) {
    return InvalidField("role", "inspector", "only inspectors have a scope");
  }
  NAKADACHI_RETURN_IF_ERROR(AddScope(options, &peer));
  peer.department = options.department;
  peer.staff_pseudonym = options.staff;
  NAKADACHI_RETURN_IF_ERROR(CheckComplete(peer));
  return peer;
}

absl::StatusOr<pki::IssuedFiles> IssueFiles(const IssueOptions& options) {
  NAKADACHI_ASSIGN_OR_RETURN(const rpc::Peer peer, PeerOf(options));
  pki::IssueRequest request;
  request.trust = peer.role == rpc::Role::kStaff ? pki::Trust::kTerminal : pki::Trust::kNetwork;
  if (!options.trust.empty()) {
    NAKADACHI_ASSIGN_OR_RETURN(request.trust, pki::ParseTrust(options.trust));
  }
  request.output = options.output;
  request.common_name = options.name;
  request.uris = rpc::PeerUris(peer);
  request.dns_names = DnsNames(options, peer);
  request.now = absl::Now();
  request.lifetime = absl::Hours(24 * options.days);
  request.overwrite = OverwriteOf(options.overwrite);
  return pki::Issue(options.folder, request);
}

int Issue(Context& context, const IssueOptions& options) {
  const auto files = IssueFiles(options);
  if (!files.ok()) return context.console->InputError(files.status());
  const Json json = {{"certificate", files->certificate},
                     {"private_key", files->private_key},
                     {"trust_root", files->trust_root}};
  return Done(context, absl::OkStatus(), json,
              absl::StrCat("certificate  ", files->certificate, "\nprivate key  ",
                           files->private_key, "\ntrust root   ", files->trust_root, "\n"));
}

struct KeysOptions {
  std::string path;
  std::string author;
  bool overwrite = false;
  void Declare(Command& command) {
    command.Add("file", path, "Key file to make; <file>.pub goes to the operator").Required();
    command.Add("--institution", author, "Local-government code, or broker").Required();
    command.AddFlag("--overwrite", overwrite, "Replace keys that are there already");
    command.Footer("Example: nakadachi pki keys 072028.keys --institution 072028");
  }
};

int Keys(Context& context, const KeysOptions& options) {
  const auto author = Author::Parse(options.author, "institution");
  if (!author.ok()) return context.console->InputError(author.status());
  const auto keys = pki::MakeKeys(options.path, *author, OverwriteOf(options.overwrite));
  if (!keys.ok()) return context.console->InputError(keys.status());
  const std::string published = absl::StrCat(options.path, ".pub");
  const Json json = {{"file", options.path}, {"public_file", published}, {"vkey", keys->vkey}};
  return Done(context, absl::OkStatus(), json,
              absl::StrCat("private  ", options.path, "\npublic   ", published, "\nvkey     ",
                           keys->vkey, "\n"));
}

struct SecretOptions {
  std::string path;
  bool overwrite = false;
  void Declare(Command& command) {
    command.Add("file", path, "File to make: 32 random bytes").Required();
    command.AddFlag("--overwrite", overwrite, "Replace a secret that is there already");
    command.Footer("Example: nakadachi pki secret 072028.kek");
  }
};

int MakeSecret(Context& context, const SecretOptions& options) {
  return Done(context, pki::MakeSecret(options.path, OverwriteOf(options.overwrite)),
              {{"file", options.path}}, absl::StrCat("secret  ", options.path, "\n"));
}

}  // namespace

void AddPkiCommands(Command& app, Context& context) {
  Command group = app.Group("pki", "Trust roots, certificates, keys and secrets",
                            "Example: nakadachi pki init /secure/pki");
  AddCommand(group.Subcommand("init", "Make the three trust roots"), context, &Init);
  AddCommand(group.Subcommand("issue", "Issue a certificate for mutual TLS"), context, &Issue);
  AddCommand(group.Subcommand("keys", "Make a member's signing and sealing keys"), context, &Keys);
  AddCommand(group.Subcommand("secret", "Make a key-encryption key or a code key"), context,
             &MakeSecret);
}

}  // namespace nakadachi::cli
