#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/command_line.h"
#include "client/cli/regular_file.h"
#include "client/cli/replica_csv.h"
#include "common/base/status.h"

namespace nakadachi::cli {
namespace {

constexpr size_t kChunk = 20'000;  // sets in memory
constexpr size_t kProblemsTold = 20;

struct LoadOptions {
  std::string file;
  bool check = false;
  void Declare(Command& command) {
    command.Add("file", file, "CSV, one row a dose (client/cli/README.md)").Required();
    command.AddFlag("--check", check, "Only check the file");
    command.Footer(
        "Example: nakadachi replica load replica.csv\n"
        "The whole file is checked before anything is sent, and read again as it is: it must be a "
        "regular file.\nLoading it again does no harm.");
  }
};

struct FileAccount {
  uint64_t sets = 0;
  uint64_t rows = 0;
  std::vector<absl::Status> problems;
};

absl::StatusOr<FileAccount> CheckFile(Context& context, const std::string& path) {
  NAKADACHI_ASSIGN_OR_RETURN(std::ifstream file, OpenRegularFile(path));
  NAKADACHI_ASSIGN_OR_RETURN(const auto reader, ReplicaCsvReader::Create(file));
  Progress progress(context.console->err(), "rows checked", Progress::Of(0));
  FileAccount account;
  ReplicaCsvReader::Set set;
  while (true) {
    bool fatal = false;
    const auto more = reader->Next(&set, &fatal);
    if (!more.ok()) account.problems.push_back(more.status());
    if (fatal || (more.ok() && !*more)) break;
    if (!more.ok()) continue;
    ++account.sets;
    progress.At(reader->rows());
  }
  account.rows = reader->rows();
  return account;
}

int TellProblems(Console& console, const std::vector<absl::Status>& problems) {
  for (size_t i = 0; i < problems.size() && i < kProblemsTold; ++i) {
    console.Complain(ErrorText(problems[i]));
  }
  if (problems.size() > kProblemsTold) {
    console.Complain(absl::StrCat("and ", problems.size() - kProblemsTold, " more"));
  }
  if (console.json()) {
    Json json = {{"error", ErrorJson(problems.front())}, {"problems", Json::array()}};
    for (const absl::Status& problem : problems) json["problems"].push_back(ErrorJson(problem));
    console.Print(json);
  }
  return kUnreadable;
}

struct LoadAccount {
  uint64_t sets = 0;
  uint64_t stored = 0;
  std::vector<ReplicaCsvReader::Located> refused;
};

absl::Status SendFile(Context& context, client::MunicipalClient& municipal, const std::string& path,
                      uint64_t sets, LoadAccount* account) {
  NAKADACHI_ASSIGN_OR_RETURN(std::ifstream file, OpenRegularFile(path));
  NAKADACHI_ASSIGN_OR_RETURN(const auto reader, ReplicaCsvReader::Create(file));
  Progress progress(context.console->err(), "sets loaded", Progress::Of(sets));
  std::vector<v1::ReplicaEntry> chunk;
  std::vector<ReplicaCsvReader::Lines> lines;
  ReplicaCsvReader::Set set;
  bool more = true;
  while (more) {
    bool fatal = false;
    NAKADACHI_ASSIGN_OR_RETURN(more, reader->Next(&set, &fatal));
    if (more) {
      chunk.push_back(std::move(set.entry));
      lines.push_back(std::move(set.lines));
    }
    if (chunk.empty() || (more && chunk.size() < kChunk)) continue;
    NAKADACHI_ASSIGN_OR_RETURN(const auto results,
                               municipal.RegisterReplicas(
                                   chunk, [&](size_t done) { progress.At(account->sets + done); },
                                   absl::Seconds(context.wait_s)));
    for (size_t i = 0; i < results.size(); ++i) {
      account->stored += results[i].ok() ? 1 : 0;
      if (!results[i].ok()) account->refused.push_back(reader->Locate(lines[i], results[i]));
    }
    account->sets += results.size();
    chunk.clear();
    lines.clear();
  }
  return absl::OkStatus();
}

int Tell(Console& console, const FileAccount& file, const LoadAccount& account,
         const absl::Status& status) {
  for (size_t i = 0; i < account.refused.size() && i < kProblemsTold; ++i) {
    const auto& [line, refusal] = account.refused[i];
    const bool located = absl::StartsWith(GetFieldRule(refusal).field, "line ");
    console.Complain(located ? ErrorText(refusal)
                             : absl::StrCat("line ", line, ": ", ErrorText(refusal)));
  }
  if (account.refused.size() > kProblemsTold) {
    console.Complain(absl::StrCat("and ", account.refused.size() - kProblemsTold, " more"));
  }
  if (!status.ok()) console.Complain(ErrorText(status));
  if (console.json()) {
    Json json = {{"rows", file.rows},
                 {"sets", file.sets},
                 {"stored", account.stored},
                 {"refused", Json::array()}};
    for (const auto& [line, refusal] : account.refused) {
      Json problem = {{"line", line}};
      problem.update(ErrorJson(refusal));
      json["refused"].push_back(problem);
    }
    if (!status.ok()) json["error"] = ErrorJson(status);
    console.Print(json);
  } else {
    console.out() << account.stored << " of " << file.sets << " sets (" << file.rows
                  << " rows) registered, " << account.refused.size() << " refused\n";
  }
  if (status.ok() && account.refused.empty()) return kOk;
  if (account.stored > 0) return kPartly;
  const bool lost = absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
  return lost ? kNotReached : kFailed;
}

int Load(Context& context, const LoadOptions& options) {
  Console& console = *context.console;
  const auto file = CheckFile(context, options.file);
  if (!file.ok()) return console.InputError(file.status());
  if (!file->problems.empty()) return TellProblems(console, file->problems);
  if (options.check) {
    if (console.json()) {
      console.Print({{"rows", file->rows}, {"sets", file->sets}});
    } else {
      console.out() << "In order: " << file->sets << " sets, " << file->rows << " rows\n";
    }
    return kOk;
  }
  const auto profile = context.LoadProfile();
  if (!profile.ok()) return console.InputError(profile.status());
  const auto municipal = profile->Municipal();
  if (!municipal.ok()) return console.InputError(municipal.status());
  LoadAccount account;
  const absl::Status status = SendFile(context, **municipal, options.file, file->sets, &account);
  return Tell(console, *file, account, status);
}

}  // namespace

void AddReplicaCommands(Command& app, Context& context) {
  Command group = app.Group("replica", "The replica of an institution's records",
                            "Example: nakadachi replica load replica.csv");
  AddCommand(group.Subcommand("load", "Register what a source system holds"), context, &Load);
}

}  // namespace nakadachi::cli
