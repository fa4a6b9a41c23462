// Runs the built program `nakadachi` as a user does.
#ifndef NAKADACHI_TESTS_CLIENT_CLI_COMMAND_LINE_H_
#define NAKADACHI_TESTS_CLIENT_CLI_COMMAND_LINE_H_

#include <functional>
#include <string>
#include <vector>

namespace nakadachi::cli {

struct Finished {
  int code = -1;  // exit code; -1 where a signal ended it
  std::string out;
  std::string err;
};

// $NAKADACHI_BIN_DIR, where the programs lie.
std::string BinFolder();

// A running `nakadachi`; killed and awaited when it goes.
class Running {
 public:
  // Output goes to files of `folder`; `input` is its standard input.
  Running(const std::string& folder, const std::vector<std::string>& arguments,
          const std::string& input = "");
  ~Running();
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  // Ends the test's program where it takes longer than two minutes.
  Finished Wait();
  // kill -9; false where it had ended by itself.
  bool Kill();

 private:
  std::string stem_;
  int pid_ = 0;
};

// Waits until `done`; false after half a minute.
bool Eventually(const std::function<bool()>& done);

std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, const std::string& content);

}  // namespace nakadachi::cli

#endif  // NAKADACHI_TESTS_CLIENT_CLI_COMMAND_LINE_H_
