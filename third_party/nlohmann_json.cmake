# JSON for Modern C++ 3.11.2 (Debian nlohmann-json3-dev), MIT. What programs print with --json.
find_path(NAKADACHI_NLOHMANN_JSON_INCLUDE nlohmann/json.hpp REQUIRED)
add_library(nakadachi_json INTERFACE)
target_include_directories(nakadachi_json SYSTEM INTERFACE ${NAKADACHI_NLOHMANN_JSON_INCLUDE})
