#include "client/cli/secret_input.h"

#include <termios.h>
#include <unistd.h>

#include <iostream>

#include "absl/strings/strip.h"

namespace nakadachi::cli {

std::string ReadUnseen() {
  termios before{};
  const bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;
  if (terminal) {
    std::cerr << "Individual number: " << std::flush;
    termios silent = before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  std::string line;
  std::getline(std::cin, line);
  if (terminal) {
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    std::cerr << "\n";
  }
  return std::string(absl::StripSuffix(line, "\r"));
}

}  // namespace nakadachi::cli
