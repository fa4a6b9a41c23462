# CLI11 2.1.2 (Debian libcli11-dev), BSD-3-Clause. Subcommands of the command line.
find_path(NAKADACHI_CLI11_INCLUDE CLI/CLI.hpp REQUIRED)
add_library(nakadachi_cli11 INTERFACE)
target_include_directories(nakadachi_cli11 SYSTEM INTERFACE ${NAKADACHI_CLI11_INCLUDE})
