// The real page in a real browser: what it shows was recomputed there.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/replay/story.h"
#include "tools/replay/film.h"
#include "tools/replay/replay.h"

namespace nakadachi::replay {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kDeadline = std::chrono::seconds(120);

std::string Browser() {
  for (const char* path : {"/usr/bin/chromium-headless-shell", "/usr/bin/chromium"}) {
    if (access(path, X_OK) == 0) return path;
  }
  return "";
}

// What a program in a process group of its own writes to standard output until it ends.
std::string OutputOf(const std::vector<std::string>& arguments) {
  std::array<int, 2> pipe_ends{};
  if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) return "";
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    dup2(pipe_ends[1], STDOUT_FILENO);
    const int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDERR_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }
  setpgid(pid, pid);
  close(pipe_ends[1]);
  const auto deadline = std::chrono::steady_clock::now() + kDeadline;
  std::string output;
  std::array<char, 65'536> buffer{};
  pollfd wait{pipe_ends[0], POLLIN, 0};
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0 || poll(&wait, 1, static_cast<int>(left.count())) <= 0) break;
    const ssize_t got = read(pipe_ends[0], buffer.data(), buffer.size());
    if (got <= 0) break;
    output.append(buffer.data(), static_cast<size_t>(got));
  }
  close(pipe_ends[0]);
  kill(-pid, SIGKILL);  // what the browser started goes with it
  int status = 0;
  waitpid(pid, &status, 0);
  return output;
}

class PageInBrowser : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(Browser(), "") << "No Chromium is installed: run tools/setup.";
    TestNetwork network;
    Tell(network);
    network.Export(folder_.path() + "/evidence");
    ReplayOptions options;
    options.folders = {folder_.path() + "/evidence"};
    auto report = Replay(options);
    ASSERT_TRUE(report.ok()) << report.status();
    const auto data = GatherPage(options.folders, *std::move(report));
    ASSERT_TRUE(data.ok()) << data.status();
    data_ = *data;
  }
  // The document as it is once the page's script has run.
  std::string Open(const std::string& page, const std::string& hash) {
    const std::string path = folder_.path() + "/page.html";
    EXPECT_TRUE(WritePage(path, page).ok());
    return OutputOf({Browser(), "--headless", "--no-sandbox", "--disable-dev-shm-usage",
                     "--disable-gpu", "--user-data-dir=" + folder_.path() + "/profile",
                     "--virtual-time-budget=20000", "--dump-dom",
                     absl::StrCat("file://", path, "#", hash)});
  }

  TemporaryFolder folder_;
  PageData data_;
};

constexpr char kGood[] = "<span class=\"mark good\"";
constexpr char kBad[] = "<span class=\"mark bad\"";

// The line that sums up what the page has recomputed.
std::string Recomputed(const std::string& document) {
  const size_t at = document.find("id=\"recomputed\"");
  return at == std::string::npos ? "" : document.substr(at, 300);
}

TEST_F(PageInBrowser, RecomputesEveryProofInBothLanguages) {
  const std::string page = RenderPage(data_);
  const std::string english = Open(page, "en");
  EXPECT_THAT(english, HasSubstr("<html lang=\"en\""));
  EXPECT_THAT(english, HasSubstr("data-ready=\"true\"")) << "every signature was looked at";
  EXPECT_THAT(english, HasSubstr(">No findings, but not everything could be judged<"));
  EXPECT_THAT(Recomputed(english), HasSubstr(kGood));
  EXPECT_THAT(english, HasSubstr("All statements, proofs and links of this exchange hold."));
  for (const LogReport& log : data_.report.logs) {
    EXPECT_THAT(english, HasSubstr("data-signature=\"" + log.log + "\">" + kGood)) << log.log;
  }
  EXPECT_THAT(english, HasSubstr("<svg class=\"timeline\""));
  EXPECT_THAT(english, HasSubstr("<svg class=\"sequence\""));

  const std::string japanese = Open(page, "ja");
  EXPECT_THAT(japanese, HasSubstr("<html lang=\"ja\""));
  EXPECT_THAT(japanese, HasSubstr(">指摘なし。ただし判定できないものがある<"));
  EXPECT_THAT(Recomputed(japanese), HasSubstr(kGood));
  EXPECT_THAT(japanese, HasSubstr("情報提供許可証"));
}

TEST_F(PageInBrowser, SeesOneChangedByteOfARecord) {
  PageStatement& statement = data_.exchanges.front().statements.front();
  statement.statement.back() = static_cast<char>(statement.statement.back() ^ 1);
  const std::string document = Open(RenderPage(data_), "en&x=0");
  EXPECT_THAT(Recomputed(document), HasSubstr(kBad));
  EXPECT_THAT(document, HasSubstr("Something of this exchange does not hold"));
}

TEST_F(PageInBrowser, SeesAChangedPathAndAChangedCheckpoint) {
  PageStatement& statement = data_.exchanges.front().statements.front();
  ASSERT_FALSE(statement.path.empty());
  statement.path.front()[5] = static_cast<char>(statement.path.front()[5] ^ 1);
  LogReport& broker = data_.report.logs.front();
  const size_t at = broker.note.find("time ");
  ASSERT_NE(at, std::string::npos);
  broker.note[at + 6] = broker.note[at + 6] == '9' ? '8' : '9';
  const std::string document = Open(RenderPage(data_), "en&x=0");
  EXPECT_THAT(Recomputed(document), HasSubstr(kBad));
  EXPECT_THAT(document, HasSubstr(absl::StrCat("data-signature=\"broker\">", kBad)));
}

TEST_F(PageInBrowser, ShowsHostileTextsAsText) {
  data_.report.network = "</script><img src=x onerror=\"document.title='broken'\">";
  data_.report.members.front().name = data_.report.network;
  const std::string document = Open(RenderPage(data_), "en");
  EXPECT_THAT(document, HasSubstr("&lt;/script&gt;&lt;img src=x"));
  EXPECT_THAT(document, Not(HasSubstr("<img")));
  EXPECT_THAT(document, Not(HasSubstr("<title>broken")));
}

}  // namespace
}  // namespace nakadachi::replay
