#include "tests/integration/needles.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"
#include "common/storage/database.h"

namespace nakadachi::integration {
namespace {

namespace fs = std::filesystem;

constexpr size_t kStart = 8;
constexpr size_t kShortest = 10;

uint64_t StartOf(const char* bytes) {
  uint64_t start = 0;
  std::memcpy(&start, bytes, kStart);
  return start;
}

// The base64 characters that depend on `bytes` alone where `before` bytes stand in front.
std::string Base64Core(absl::string_view bytes, size_t before) {
  std::string text = Base64Encode(absl::StrCat(std::string(before, '\0'), bytes));
  while (text.back() == '=') text.pop_back();
  if ((before + bytes.size()) % 3 != 0) text.pop_back();
  return text.substr(before == 0 ? 0 : before + 1);
}

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

// RocksDB names the families of a database in its newest OPTIONS file.
std::vector<std::string> FamilyNames(const std::string& folder) {
  fs::path newest;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!absl::StartsWith(name, "OPTIONS-") || absl::EndsWith(name, ".dbtmp")) continue;
    if (newest.empty() || name > newest.filename().string()) newest = entry.path();
  }
  std::vector<std::string> names;
  constexpr absl::string_view kSection = "[CFOptions \"";
  std::istringstream options(newest.empty() ? "" : ReadFile(newest));
  for (std::string line; std::getline(options, line);) {
    const absl::string_view text = absl::StripAsciiWhitespace(line);
    if (!absl::StartsWith(text, kSection)) continue;
    const absl::string_view rest = text.substr(kSection.size());
    const std::string name(rest.substr(0, rest.find('"')));
    if (name != "default") names.push_back(name);
  }
  return names;
}

// Families that are kept otherwise than sealed; one that is missing here fails to open its seals,
// and so is noticed.
storage::Form FormOf(const std::string& family) {
  static const std::set<std::string> plain = {"commitments", "tiles"};
  static const std::set<std::string> by_period = {
      "accesses", "exchanges",     "halves",     "open",    "permits",
      "persons",  "presentations", "provisions", "reviews", "statements"};
  if (plain.count(family) != 0) return storage::Form::kPlain;
  return by_period.count(family) != 0 ? storage::Form::kPeriod : storage::Form::kSealed;
}

}  // namespace

void Needles::Add(const std::string& label, absl::string_view bytes) {
  NAKADACHI_CHECK(bytes.size() >= kShortest);
  ++count_;
  AddForm(label, std::string(bytes));
  const std::string hex = HexEncode(bytes);
  AddForm(label, hex);
  AddForm(label, absl::AsciiStrToUpper(hex));
  for (size_t before = 0; before < 3; ++before) AddForm(label, Base64Core(bytes, before));
}

void Needles::AddForm(const std::string& label, std::string bytes) {
  const uint64_t start = StartOf(bytes.data());
  by_start_[start].push_back({label, std::move(bytes)});
}

std::set<std::string> Needles::FindIn(absl::string_view haystack) const {
  std::set<std::string> found;
  for (size_t at = 0; at + kStart <= haystack.size(); ++at) {
    const auto forms = by_start_.find(StartOf(haystack.data() + at));
    if (forms == by_start_.end()) continue;
    for (const Form& form : forms->second) {
      if (absl::StartsWith(haystack.substr(at), form.bytes)) found.insert(form.label);
    }
  }
  return found;
}

std::vector<std::string> FindInFiles(const Needles& needles, const std::string& folder) {
  std::vector<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    for (const std::string& label : needles.FindIn(ReadFile(entry.path()))) {
      found.push_back(absl::StrCat(entry.path().string(), ": ", label));
    }
  }
  return found;
}

absl::StatusOr<std::vector<Stored>> ReadDatabase(const std::string& folder,
                                                 const std::string& owner,
                                                 const std::string& key_encryption_key) {
  NAKADACHI_ASSIGN_OR_RETURN(const auto provider, storage::OpenFileKeyProvider(key_encryption_key));
  storage::OpenOptions open;
  open.path = folder;
  open.owner = owner;
  for (const std::string& name : FamilyNames(folder)) open.families.push_back({name, FormOf(name)});
  open.environment = storage::Environment::Create(64 << 20);
  open.key_provider = provider.get();
  open.random = &SystemRandom();
  NAKADACHI_ASSIGN_OR_RETURN(const auto database, storage::Database::Open(open));
  std::vector<Stored> stored;
  for (size_t i = 0; i < open.families.size(); ++i) {
    const std::string& family = open.families[i].name;
    NAKADACHI_RETURN_IF_ERROR(database->Scan(
        static_cast<int>(i), "", "", [&](absl::string_view key, absl::string_view value) {
          stored.push_back({family, std::string(key), std::string(value)});
          return true;
        }));
  }
  return stored;
}

}  // namespace nakadachi::integration
