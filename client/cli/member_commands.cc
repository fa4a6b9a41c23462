#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/command_line.h"
#include "common/base/csv.h"
#include "common/base/period.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"
#include "common/crypto/key_file.h"
#include "common/ledger/checkpoint.h"
#include "tools/pki/pki.h"

namespace nakadachi::cli {
namespace {

using Broker = client::BrokerOperatorConnection;

absl::StatusOr<std::unique_ptr<Broker>> Connect(const Context& context) {
  NAKADACHI_ASSIGN_OR_RETURN(const Profile profile, context.LoadProfile());
  return profile.Broker();
}

// Times in the network are the broker's: its clock, not this machine's, says when a key begins.
absl::StatusOr<int64_t> TimeOr(const std::string& text, absl::string_view field,
                               int64_t otherwise) {
  if (text.empty()) return otherwise;
  NAKADACHI_ASSIGN_OR_RETURN(const absl::Time time, ParseTime(text, field));
  return absl::ToUnixMillis(time);
}

std::string Bytes(const std::array<uint8_t, 32>& key) {
  return std::string(reinterpret_cast<const char*>(key.data()), key.size());
}

struct KeyOptions {
  std::string file;
  std::string valid_from;
  std::string valid_until;
  void Declare(Command& command) {
    command.Add("--keys", file, "The member's public key file (….keys.pub)").Required();
    command.Add("--valid-from", valid_from, "Default: now, by the broker's clock");
    command.Add("--valid-until", valid_until, "Default: open");
  }
};

// The member's file of private keys would do as well, but is nothing to hand over: refused, so that
// nobody makes a habit of it. Found by the names of its fields, whatever else the file is.
absl::StatusOr<PublicMemberKeys> ReadHandedOver(const std::string& path) {
  NAKADACHI_ASSIGN_OR_RETURN(std::string text, ReadPublicFile(path));
  const bool holds_private = absl::StrContains(text, "\"signing_seed\"") ||
                             absl::StrContains(text, "\"sealing_private_key\"");
  Wipe(&text);
  if (!holds_private) return LoadPublicMemberKeys(path);
  return InvalidField(
      path, "private-key",
      absl::StrCat("holds private keys, which stay where they were made; give ", path, ".pub"));
}

// Recorded for good; gRPC would not even deliver it.
absl::Status CheckUtf8(absl::string_view field, const std::string& text) {
  if (IsUtf8(text)) return absl::OkStatus();
  return InvalidField(field, "utf-8", "must be UTF-8");
}

// Public keys, named after the member: a file handed over by mistake is noticed here.
absl::StatusOr<v1::PublicKeys> ReadKeys(const KeyOptions& options, const Author& member) {
  NAKADACHI_ASSIGN_OR_RETURN(const PublicMemberKeys keys, ReadHandedOver(options.file));
  if (keys.name != ledger::Origin(member)) {
    return InvalidField(options.file, "name", "the keys are another member's");
  }
  v1::PublicKeys out;
  out.set_signing_key(Bytes(keys.signing));
  out.set_sealing_key(Bytes(keys.sealing));
  NAKADACHI_ASSIGN_OR_RETURN(const int64_t from, TimeOr(options.valid_from, "valid-from", 0));
  NAKADACHI_ASSIGN_OR_RETURN(const int64_t until, TimeOr(options.valid_until, "valid-until", 0));
  out.set_valid_from_ms(from);
  out.set_valid_until_ms(until);
  return out;
}

absl::Status BeginNow(Broker& broker, v1::PublicKeys* keys) {
  if (keys->valid_from_ms() != 0) return absl::OkStatus();
  NAKADACHI_ASSIGN_OR_RETURN(const auto status, broker.GetStatus());
  keys->set_valid_from_ms(status.now_ms());
  return absl::OkStatus();
}

int Changed(Context& context, const absl::StatusOr<v1::DirectoryChanged>& changed,
            const std::string& what) {
  if (!changed.ok()) return context.console->CallError(changed.status());
  v1::Statement statement;
  if (!statement.ParseFromString(changed->statement().statement())) {
    return context.console->CallError(absl::InternalError("the broker answered with no statement"));
  }
  const uint64_t sequence = statement.directory().sequence();
  if (context.console->json()) {
    context.console->Print({{"sequence", sequence},
                            {"time", TimeText(statement.time_ms())},
                            {"leaf_index", changed->statement().leaf_index()}});
  } else {
    context.console->out() << what << " (directory statement " << sequence << ", recorded "
                           << TimeText(statement.time_ms()) << ")\n";
  }
  return kOk;
}

struct AddOptions {
  std::string code;
  std::string name;
  std::string category = "municipality";
  std::string address;
  std::string dns_name;
  KeyOptions keys;
  void Declare(Command& command) {
    command.Add("code", code, "Local-government code").Required();
    command.Add("--name", name, "Its name").Required();
    command.Add("--category", category,
                "Of the permission list: municipality (default), prefecture, …");
    command.Add("--address", address, "host:port of its intermediate server").Required();
    command.Add("--dns-name", dns_name, "DNS name of that server's certificate (default: by code)");
    keys.Declare(command);
    command.Footer(
        "Example: nakadachi member add 072028 --name 会津若松市 --keys 072028.keys.pub "
        "--address 10.1.2.3:7001");
  }
};

int Add(Context& context, const AddOptions& options) {
  const auto code = LocalGovernmentCode::Parse(options.code);
  if (!code.ok()) return context.console->InputError(code.status());
  if (auto status = CheckUtf8("name", options.name); !status.ok()) {
    return context.console->InputError(status);
  }
  auto keys = ReadKeys(options.keys, Author::Of(*code));
  if (!keys.ok()) return context.console->InputError(keys.status());
  const auto broker = Connect(context);
  if (!broker.ok()) return context.console->InputError(broker.status());
  if (auto status = BeginNow(**broker, &*keys); !status.ok()) {
    return context.console->CallError(status);
  }
  v1::AdmitRequest request;
  request.set_request_id(SystemRandom().String(16));
  v1::MemberJoined& member = *request.mutable_member();
  member.set_code(options.code);
  member.set_name(options.name);
  member.set_category(options.category);
  *member.mutable_keys() = *std::move(keys);
  member.mutable_route()->set_address(options.address);
  member.mutable_route()->set_tls_name(options.dns_name.empty() ? pki::IntermediateDnsName(*code)
                                                                : options.dns_name);
  return Changed(context, (*broker)->Admit(request), "Member added");
}

struct ListOptions {
  void Declare(Command& command) { command.Footer("Example: nakadachi member list --json"); }
};

int KeysInForce(const v1::MemberInfo& member) {
  int count = 0;
  for (const auto& key : member.keys()) count += key.revoked_from_ms() == 0 ? 1 : 0;
  return count;
}

Json MemberJson(const v1::MemberInfo& member) {
  Json json;
  json["code"] = member.code();
  json["name"] = member.name();
  json["category"] = member.category();
  json["address"] = member.route().address();
  json["dns_name"] = member.route().tls_name();
  json["keys"] = Json::array();
  for (const auto& key : member.keys()) {
    json["keys"].push_back({{"vkey", key.vkey()},
                            {"valid_from", TimeText(key.keys().valid_from_ms())},
                            {"valid_until", TimeText(key.keys().valid_until_ms())},
                            {"revoked_from", TimeText(key.revoked_from_ms())}});
  }
  return json;
}

int List(Context& context, const ListOptions&) {
  const auto broker = Connect(context);
  if (!broker.ok()) return context.console->InputError(broker.status());
  const auto answer = (*broker)->ListMembers();
  if (!answer.ok()) return context.console->CallError(answer.status());
  if (context.console->json()) {
    Json json = {{"members", Json::array()}};
    for (const auto& member : answer->members()) json["members"].push_back(MemberJson(member));
    context.console->Print(json);
    return kOk;
  }
  Table table({"code", "name", "category", "address", "DNS name", "keys", "revoked"});
  for (const auto& member : answer->members()) {
    const int in_force = KeysInForce(member);
    table.Add({member.code(), member.name(), member.category(), member.route().address(),
               member.route().tls_name(), absl::StrCat(in_force),
               absl::StrCat(member.keys_size() - in_force)});
  }
  context.console->out() << table.ToString();
  return kOk;
}

struct KeyAddOptions {
  std::string code;
  KeyOptions keys;
  void Declare(Command& command) {
    command.Add("code", code, "Local-government code, or broker").Required();
    keys.Declare(command);
    command.Footer("Example: nakadachi member key-add 072028 --keys 072028-2.keys.pub");
  }
};

int KeyAdd(Context& context, const KeyAddOptions& options) {
  const auto author = Author::Parse(options.code, "code");
  if (!author.ok()) return context.console->InputError(author.status());
  auto keys = ReadKeys(options.keys, *author);
  if (!keys.ok()) return context.console->InputError(keys.status());
  const auto broker = Connect(context);
  if (!broker.ok()) return context.console->InputError(broker.status());
  if (auto status = BeginNow(**broker, &*keys); !status.ok()) {
    return context.console->CallError(status);
  }
  v1::AddKeyRequest request;
  request.set_request_id(SystemRandom().String(16));
  request.mutable_key()->set_code(options.code);
  *request.mutable_key()->mutable_keys() = *std::move(keys);
  return Changed(context, (*broker)->AddKey(request), "Key added");
}

struct KeyRevokeOptions {
  std::string code;
  std::string file;
  std::string vkey;
  std::string from;
  std::string reason;
  void Declare(Command& command) {
    command.Add("code", code, "Local-government code, or broker").Required();
    Option file_option = command.Add("--keys", file, "The public key file (….keys.pub), or");
    command.Add("--vkey", vkey, "the key as `member list --json` shows it").Excludes(file_option);
    command.Add("--from", from, "From when on it is not to be trusted (default: now)");
    command.Add("--reason", reason, "Why, one line; recorded for good").Required();
    command.Footer(
        "Example: nakadachi member key-revoke 072028 --keys 072028.keys.pub --reason 'lost disk'");
  }
};

absl::StatusOr<Ed25519PublicKey> KeyToRevoke(const KeyRevokeOptions& options,
                                             const Author& author) {
  if (options.vkey.empty() && options.file.empty()) {
    return InvalidField("keys", "missing", "give --keys or --vkey");
  }
  std::string name;
  Ed25519PublicKey key;
  if (!options.vkey.empty()) {
    NAKADACHI_ASSIGN_OR_RETURN(const auto named,
                               ledger::ParseVerifierKey(absl::StripAsciiWhitespace(options.vkey)));
    name = named.name;
    key = named.key;
  } else {
    NAKADACHI_ASSIGN_OR_RETURN(const auto keys, ReadHandedOver(options.file));
    name = keys.name;
    key = keys.signing;
  }
  if (name == ledger::Origin(author)) return key;
  return InvalidField("keys", "name", "the key is another member's");
}

int KeyRevoke(Context& context, const KeyRevokeOptions& options) {
  const auto author = Author::Parse(options.code, "code");
  if (!author.ok()) return context.console->InputError(author.status());
  if (auto status = CheckWords("reason", options.reason); !status.ok()) {
    return context.console->InputError(status);
  }
  const auto key = KeyToRevoke(options, *author);
  if (!key.ok()) return context.console->InputError(key.status());
  const auto from = TimeOr(options.from, "from", 0);
  if (!from.ok()) return context.console->InputError(from.status());
  const auto broker = Connect(context);
  if (!broker.ok()) return context.console->InputError(broker.status());
  v1::RevokeKeyRequest request;
  request.set_request_id(SystemRandom().String(16));
  request.mutable_key()->set_code(options.code);
  request.mutable_key()->set_signing_key(Bytes(*key));
  request.mutable_key()->set_revoked_from_ms(*from);
  request.mutable_key()->set_reason(options.reason);
  return Changed(context, (*broker)->RevokeKey(request), "Key revoked");
}

struct RouteOptions {
  std::string code;
  std::string address;
  std::string dns_name;
  void Declare(Command& command) {
    command.Add("code", code, "Local-government code").Required();
    command.Add("--address", address, "host:port of its intermediate server").Required();
    command.Add("--dns-name", dns_name, "DNS name of that server's certificate (default: by code)");
    command.Footer("Example: nakadachi member route 072028 --address 10.1.2.9:7001");
  }
};

int Route(Context& context, const RouteOptions& options) {
  const auto code = LocalGovernmentCode::Parse(options.code);
  if (!code.ok()) return context.console->InputError(code.status());
  const auto broker = Connect(context);
  if (!broker.ok()) return context.console->InputError(broker.status());
  v1::ChangeRouteRequest request;
  request.set_request_id(SystemRandom().String(16));
  request.mutable_route()->set_code(options.code);
  request.mutable_route()->mutable_route()->set_address(options.address);
  request.mutable_route()->mutable_route()->set_tls_name(
      options.dns_name.empty() ? pki::IntermediateDnsName(*code) : options.dns_name);
  return Changed(context, (*broker)->ChangeRoute(request), "Route changed");
}

}  // namespace

void AddMemberCommands(Command& app, Context& context) {
  Command group = app.Group("member", "Members of the network (by the broker's operator)",
                            "Example: nakadachi --profile operator.json member list");
  AddCommand(group.Subcommand("add", "Admit a member"), context, &Add);
  AddCommand(group.Subcommand("list", "Members with their keys and routes"), context, &List);
  AddCommand(group.Subcommand("key-add", "Add a member's new key"), context, &KeyAdd);
  AddCommand(group.Subcommand("key-revoke", "Revoke a member's key"), context, &KeyRevoke);
  AddCommand(group.Subcommand("route", "Change where a member is reached"), context, &Route);
}

}  // namespace nakadachi::cli
