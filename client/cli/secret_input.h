// What a person types that nobody shall see.
#ifndef NAKADACHI_CLIENT_CLI_SECRET_INPUT_H_
#define NAKADACHI_CLIENT_CLI_SECRET_INPUT_H_

#include <string>

namespace nakadachi::cli {

// A line of standard input: an individual number. On a terminal it is asked for, without an echo.
std::string ReadUnseen();

}  // namespace nakadachi::cli

#endif  // NAKADACHI_CLIENT_CLI_SECRET_INPUT_H_
