#include "common/crypto/key_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace nakadachi {
namespace {

using Json = nlohmann::ordered_json;

absl::string_view View(const std::array<uint8_t, 32>& bytes) {
  return absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// C2SP signed-note: name, first four bytes of SHA-256(name, newline, 1, key) and base64(1, key).
std::string NoteVerifierKey(absl::string_view name, const Ed25519PublicKey& key) {
  const std::string typed_key = absl::StrCat("\x01", View(key));
  const Hash id = Sha256(name, "\n", typed_key);
  return absl::StrCat(name, "+", HexEncode(AsView(id).substr(0, 4)), "+", Base64Encode(typed_key));
}

absl::Status CheckName(absl::string_view name) {
  const bool usable = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return c != '+' && absl::ascii_isgraph(static_cast<unsigned char>(c));
  });
  if (usable) return absl::OkStatus();
  return InvalidField("name", "name", "must be visible ASCII characters without '+'");
}

PublicMemberKeys PublicPart(absl::string_view name, const MemberKeys& keys) {
  const Ed25519PublicKey& signing = keys.signing.public_key();
  return {std::string(name), NoteVerifierKey(name, signing), signing, keys.sealing.public_key()};
}

Json ToJson(const PublicMemberKeys& keys) {
  return Json{{"name", keys.name},
              {"vkey", keys.vkey},
              {"signing_public_key", HexEncode(View(keys.signing))},
              {"sealing_public_key", HexEncode(View(keys.sealing))}};
}

void WipeMember(Json* json, const char* member) {
  const auto it = json->find(member);
  if (it != json->end() && it->is_string()) Wipe(&it->get_ref<std::string&>());
}

// A JSON object whose private members are wiped when it goes.
class KeyJson {
 public:
  explicit KeyJson(Json json) : json_(std::move(json)) {}
  ~KeyJson() {
    WipeMember(&json_, "signing_seed");
    WipeMember(&json_, "sealing_private_key");
  }
  KeyJson(KeyJson&&) = default;
  KeyJson& operator=(KeyJson&&) = default;

  Json& json() { return json_; }
  const std::string* Member(const char* name) const {
    const auto it = json_.find(name);
    if (it == json_.end() || !it->is_string()) return nullptr;
    return &it->get_ref<const std::string&>();
  }

 private:
  Json json_;
};

absl::StatusOr<KeyJson> ParseKeyJson(const std::string& path, absl::string_view text) {
  KeyJson parsed(Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false));
  if (!parsed.json().is_object()) return InvalidField(path, "json", "is not a JSON object");
  return parsed;
}

// 32 bytes from 64 hexadecimal digits.
absl::StatusOr<Secret> Decode32(const std::string& path, absl::string_view hex) {
  NAKADACHI_ASSIGN_OR_RETURN(std::string bytes, HexDecode(hex, path));
  Secret secret(bytes);
  Wipe(&bytes);
  if (secret.size() != 32) return InvalidField(path, "length", "a key must have 64 digits");
  return secret;
}

absl::StatusOr<Secret> Member32(const std::string& path, const KeyJson& json, const char* name) {
  const std::string* hex = json.Member(name);
  if (hex == nullptr) return InvalidField(path, "json", absl::StrCat("has no text '", name, "'"));
  return Decode32(path, *hex);
}

absl::StatusOr<std::array<uint8_t, 32>> PublicKey32(const std::string& path, const KeyJson& json,
                                                    const char* name) {
  NAKADACHI_ASSIGN_OR_RETURN(const Secret bytes, Member32(path, json, name));
  return HashFromBytes(bytes.Expose(), path);
}

absl::Status Mismatch(const std::string& path, absl::string_view what) {
  return InvalidField(path, "key-mismatch", what);
}

absl::StatusOr<PublicMemberKeys> ParsePublic(const std::string& path, const KeyJson& json) {
  const std::string* name = json.Member("name");
  const std::string* vkey = json.Member("vkey");
  if (name == nullptr || vkey == nullptr)
    return InvalidField(path, "json", "has no text 'name' or no text 'vkey'");
  PublicMemberKeys keys{*name, *vkey};
  NAKADACHI_ASSIGN_OR_RETURN(keys.signing, PublicKey32(path, json, "signing_public_key"));
  NAKADACHI_ASSIGN_OR_RETURN(keys.sealing, PublicKey32(path, json, "sealing_public_key"));
  if (!CheckName(keys.name).ok() || keys.vkey != NoteVerifierKey(keys.name, keys.signing))
    return Mismatch(path, "the vkey is not that of the name and the signing key");
  return keys;
}

absl::StatusOr<MemberKeys> ParsePrivate(const std::string& path, const KeyJson& json) {
  NAKADACHI_ASSIGN_OR_RETURN(const Secret seed, Member32(path, json, "signing_seed"));
  NAKADACHI_ASSIGN_OR_RETURN(const Secret sealing, Member32(path, json, "sealing_private_key"));
  NAKADACHI_ASSIGN_OR_RETURN(Ed25519PrivateKey signing_key, Ed25519PrivateKey::FromSeed(seed));
  NAKADACHI_ASSIGN_OR_RETURN(X25519PrivateKey sealing_key, X25519PrivateKey::FromBytes(sealing));
  return MemberKeys{std::move(signing_key), std::move(sealing_key)};
}

Secret HexSecret(const Secret& secret) {
  std::string hex = HexEncode(secret.Expose());
  Secret result(hex);
  Wipe(&hex);
  return result;
}

Secret PrivateFileText(const PublicMemberKeys& public_part, const MemberKeys& keys) {
  KeyJson file(ToJson(public_part));
  file.json()["signing_seed"] = std::string(HexSecret(keys.signing.seed()).Expose());
  file.json()["sealing_private_key"] = std::string(HexSecret(keys.sealing.bytes()).Expose());
  std::string text = file.json().dump(2) + "\n";
  Secret result(text);
  Wipe(&text);
  return result;
}

}  // namespace

absl::StatusOr<MemberKeys> LoadMemberKeys(const std::string& path, absl::string_view name) {
  NAKADACHI_ASSIGN_OR_RETURN(const Secret text, ReadPrivateFile(path));
  NAKADACHI_ASSIGN_OR_RETURN(const KeyJson json, ParseKeyJson(path, text.Expose()));
  NAKADACHI_ASSIGN_OR_RETURN(const PublicMemberKeys public_part, ParsePublic(path, json));
  if (!name.empty() && public_part.name != name)
    return InvalidField(path, "name", absl::StrCat("holds the keys of ", public_part.name));
  NAKADACHI_ASSIGN_OR_RETURN(MemberKeys keys, ParsePrivate(path, json));
  if (keys.signing.public_key() != public_part.signing ||
      keys.sealing.public_key() != public_part.sealing)
    return Mismatch(path, "private and public keys do not belong together");
  return keys;
}

absl::StatusOr<PublicMemberKeys> LoadPublicMemberKeys(const std::string& path) {
  NAKADACHI_ASSIGN_OR_RETURN(std::string text, ReadPublicFile(path));
  const Secret wiped(text);
  Wipe(&text);
  NAKADACHI_ASSIGN_OR_RETURN(const KeyJson json, ParseKeyJson(path, wiped.Expose()));
  return ParsePublic(path, json);
}

absl::StatusOr<Secret> LoadHexSecret(const std::string& path) {
  NAKADACHI_ASSIGN_OR_RETURN(const Secret text, ReadPrivateFile(path));
  return Decode32(path, absl::StripAsciiWhitespace(text.Expose()));
}

absl::StatusOr<PublicMemberKeys> MakeMemberKeys(const std::string& path, absl::string_view name,
                                                Random& random, Overwrite overwrite) {
  NAKADACHI_RETURN_IF_ERROR(CheckName(name));
  const MemberKeys keys{Ed25519PrivateKey::Generate(random), X25519PrivateKey::Generate(random)};
  PublicMemberKeys public_part = PublicPart(name, keys);
  NAKADACHI_RETURN_IF_ERROR(WritePrivateFile(path, PrivateFileText(public_part, keys), overwrite));
  // A ".pub" without its private file belongs to nobody: it may be replaced.
  NAKADACHI_RETURN_IF_ERROR(
      WritePublicFile(path + ".pub", ToJson(public_part).dump(2) + "\n", Overwrite::kAllowed));
  return public_part;
}

absl::Status MakeHexSecret(const std::string& path, Random& random, Overwrite overwrite) {
  std::string text = absl::StrCat(HexSecret(Secret::Generate(random, 32)).Expose(), "\n");
  const Secret content(text);
  Wipe(&text);
  return WritePrivateFile(path, content, overwrite);
}

}  // namespace nakadachi
