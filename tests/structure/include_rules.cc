#include "tests/structure/include_rules.h"

#include <fnmatch.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace nakadachi {
namespace {

namespace fs = std::filesystem;

// A folder and the folders that it may include besides itself. The longest name that fits a file
// counts; a folder that no row names is a violation.
struct Direction {
  std::string folder;
  std::vector<std::string> may_include;
};
const std::vector<Direction>& Directions() {
  static const auto& directions = *new std::vector<Direction>{
      {"common/base", {}},
      {"common/crypto", {"common/base"}},
      {"common/merkle", {"common/base", "common/crypto"}},
      {"common/permission", {"common/base"}},
      {"common/storage", {"common/base", "common/crypto"}},
      {"common/ledger", {"common/base", "common/crypto", "common/merkle", "common/storage"}},
      {"common/witness", {"common/base", "common/crypto", "common/merkle", "common/ledger"}},
      {"common/directory",
       {"common/base", "common/crypto", "common/merkle", "common/permission", "common/ledger"}},
      {"common/evidence",
       {"common/base", "common/crypto", "common/merkle", "common/ledger", "common/directory"}},
      {"common/sealing", {"common/base", "common/crypto", "common/directory"}},
      {"common/rpc", {"common/base", "common/crypto"}},
      {"common/inspection",
       {"common/base", "common/crypto", "common/ledger", "common/rpc", "common/storage"}},
      {"common/retention", {"common/base", "common/crypto", "common/ledger", "common/storage"}},

      // Systems talk by gRPC: no server includes another.
      {"server/broker", {"common"}},
      {"server/juki", {"common"}},
      {"server/intermediate", {"common"}},

      {"client", {"common"}},
      {"client/cli", {"common", "client", "tools/pki"}},

      {"tools/pki", {"common"}},
      // What audits shares no path with what it audits.
      {"tools/replay", {"common"}},
      {"tools/simulator", {"common", "server", "client", "tools/pki"}},
      {"tools/bench",
       {"common", "server", "client", "tools/pki", "tools/replay", "tools/simulator"}},

      {"tests", {"common", "server", "client", "tools"}},
  };
  return directions;
}

// A library, how its headers are told, and the only files that include them directly.
struct Library {
  std::string name;
  std::vector<std::string> headers;
  std::vector<std::string> only_from;
};
const Library& BoringSsl() {
  static const auto& library =
      *new Library{"BoringSSL", {"openssl/*"}, {"common/crypto/*", "tests/common/crypto/*"}};
  return library;
}
const Library& RocksDb() {
  static const auto& library =
      *new Library{"RocksDB", {"rocksdb/*"}, {"common/storage/*", "tests/common/storage/*"}};
  return library;
}
const Library& Grpc() {
  static const auto& library =
      *new Library{"gRPC",
                   {"grpc/*", "grpcpp/*", "*.grpc.pb.h"},
                   {"common/rpc/*", "server/*/service/*", "server/*_service.cc",
                    "server/*_server.cc", "server/*_links.cc", "client/*", "tools/*", "tests/*"}};
  return library;
}
const std::vector<const Library*>& Libraries() {
  static const auto& libraries =
      *new std::vector<const Library*>{&BoringSsl(), &RocksDb(), &Grpc()};
  return libraries;
}

// Pure rules: neither library is reached through any chain of headers.
const std::vector<std::string>& PureFiles() {
  static const auto& files =
      *new std::vector<std::string>{"common/base/*",     "common/merkle/*",  "common/permission/*",
                                    "common/evidence/*", "server/*/model/*", "tools/replay/*"};
  return files;
}
const std::vector<const Library*>& ImpureLibraries() {
  static const auto& libraries = *new std::vector<const Library*>{&RocksDb(), &Grpc()};
  return libraries;
}

bool Matches(const std::string& path, const std::vector<std::string>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(), [&path](const std::string& pattern) {
    return fnmatch(pattern.c_str(), path.c_str(), 0) == 0;
  });
}

bool IsIn(const std::string& path, const std::string& folder) {
  return absl::StartsWith(path, folder + "/");
}

const std::vector<std::string>& TopFolders() {
  static const auto& folders =
      *new std::vector<std::string>{"common", "server", "client", "tools", "tests"};
  return folders;
}

// The file of ours that an include names, from the root of the tree or from the includer's own
// folder; the include itself where it is none.
std::string Resolve(const Sources& sources, const std::string& file, const std::string& include) {
  const std::string beside = (fs::path(file).parent_path() / include).lexically_normal().string();
  return sources.count(include) == 0 && sources.count(beside) > 0 ? beside : include;
}

const Direction* DirectionOf(const std::string& file) {
  const Direction* best = nullptr;
  for (const Direction& direction : Directions()) {
    if (!IsIn(file, direction.folder)) continue;
    if (best == nullptr || best->folder.size() < direction.folder.size()) best = &direction;
  }
  return best;
}

void CheckDirections(const Sources& sources, std::vector<std::string>* violations) {
  for (const auto& [file, includes] : sources) {
    const Direction* direction = DirectionOf(file);
    if (direction == nullptr) {
      violations->push_back(absl::StrCat(file, ": no rule names its folder"));
      continue;
    }
    for (const std::string& include : includes) {
      const std::string target = Resolve(sources, file, include);
      const auto holds_target = [&target](const std::string& f) { return IsIn(target, f); };
      const auto& folders = TopFolders();
      if (std::none_of(folders.begin(), folders.end(), holds_target)) continue;
      // A folder with rows of its own within another is not part of it.
      const Direction* owner = DirectionOf(target);
      if (owner == direction) continue;
      const auto& allowed = direction->may_include;
      if (std::any_of(allowed.begin(), allowed.end(), holds_target)) continue;
      violations->push_back(
          absl::StrCat(file, ": ", include, ": ", direction->folder, " may include ",
                       allowed.empty() ? "itself only" : absl::StrJoin(allowed, ", ")));
    }
  }
}

void CheckLibraries(const Sources& sources, std::vector<std::string>* violations) {
  for (const auto& [file, includes] : sources) {
    for (const std::string& include : includes) {
      for (const Library* library : Libraries()) {
        if (!Matches(include, library->headers) || Matches(file, library->only_from)) continue;
        violations->push_back(absl::StrCat(file, ": ", include, ": ", library->name,
                                           " is included from ",
                                           absl::StrJoin(library->only_from, ", "), " only"));
      }
    }
  }
}

// Walks what `file` reaches; `way` is how it was reached.
void CheckReached(const Sources& sources, const std::string& file, std::vector<std::string> way,
                  std::set<std::string>* seen, std::vector<std::string>* violations) {
  way.push_back(file);
  const auto found = sources.find(file);
  if (found == sources.end()) return;
  for (const std::string& include : found->second) {
    for (const Library* library : ImpureLibraries()) {
      if (!Matches(include, library->headers)) continue;
      violations->push_back(absl::StrCat(absl::StrJoin(way, " -> "), " -> ", include,
                                         ": pure rules do without ", library->name));
    }
    const std::string target = Resolve(sources, file, include);
    if (seen->insert(target).second) CheckReached(sources, target, way, seen, violations);
  }
}

void CheckPurity(const Sources& sources, std::vector<std::string>* violations) {
  for (const auto& [file, includes] : sources) {
    if (!Matches(file, PureFiles())) continue;
    std::set<std::string> seen = {file};
    CheckReached(sources, file, {}, &seen, violations);
  }
}

std::string ReadText(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

std::vector<std::string> IncludesOf(const std::string& text) {
  std::vector<std::string> includes;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    absl::string_view rest = absl::StripLeadingAsciiWhitespace(line);
    if (!absl::ConsumePrefix(&rest, "#")) continue;
    rest = absl::StripLeadingAsciiWhitespace(rest);
    if (!absl::ConsumePrefix(&rest, "include")) continue;
    rest = absl::StripLeadingAsciiWhitespace(rest);
    if (rest.empty() || (rest.front() != '"' && rest.front() != '<')) continue;
    const char end = rest.front() == '<' ? '>' : '"';
    rest.remove_prefix(1);
    includes.emplace_back(rest.substr(0, rest.find(end)));
  }
  return includes;
}

Sources ReadSources(const std::string& root) {
  const std::vector<std::string> patterns = {"*.h", "*.cc", "*.h.in", "*.cc.in"};
  Sources sources;
  for (const std::string& folder : TopFolders()) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(root) / folder)) {
      const std::string path = fs::relative(entry.path(), root).string();
      if (!entry.is_regular_file() || !Matches(path, patterns)) continue;
      sources[path] = IncludesOf(ReadText(entry.path()));
    }
  }
  return sources;
}

std::vector<std::string> Violations(const Sources& sources) {
  std::vector<std::string> violations;
  CheckDirections(sources, &violations);
  CheckLibraries(sources, &violations);
  CheckPurity(sources, &violations);
  return violations;
}

}  // namespace nakadachi
