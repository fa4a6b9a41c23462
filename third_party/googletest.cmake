# GoogleTest 1.12.1 (Debian libgtest-dev, libgmock-dev), BSD-3-Clause.
find_package(GTest REQUIRED)

# Its headers and those that nearly every file of ours reads, compiled once for all tests but the
# optimised ones: two seconds less for each. Optimised code gets false warnings of GCC 12 by it,
# which no longer knows then that the headers are not ours.
add_library(nakadachi_googletest_headers OBJECT ${CMAKE_CURRENT_LIST_DIR}/googletest_headers.cc)
target_link_libraries(nakadachi_googletest_headers PRIVATE nakadachi_options GTest::gmock
  absl::statusor absl::strings absl::synchronization protobuf::libprotobuf)
target_compile_options(nakadachi_googletest_headers PRIVATE -O0)
target_precompile_headers(nakadachi_googletest_headers PRIVATE
  <gmock/gmock.h> <functional> <map> <memory> <optional> <string> <utility> <vector>
  <absl/status/statusor.h> <absl/strings/str_cat.h> <absl/synchronization/mutex.h>
  <google/protobuf/extension_set.h> <google/protobuf/generated_enum_reflection.h>
  <google/protobuf/generated_message_util.h> <google/protobuf/message.h>)
