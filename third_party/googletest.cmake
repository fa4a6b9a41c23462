# GoogleTest 1.12.1 (Debian libgtest-dev, libgmock-dev), BSD-3-Clause.
find_package(GTest REQUIRED)

# Its headers, compiled once for all tests but the optimised ones: a second less for each.
add_library(nakadachi_googletest_headers OBJECT ${CMAKE_CURRENT_LIST_DIR}/googletest_headers.cc)
target_link_libraries(nakadachi_googletest_headers PRIVATE nakadachi_options GTest::gmock)
target_compile_options(nakadachi_googletest_headers PRIVATE -O0)
target_precompile_headers(nakadachi_googletest_headers PRIVATE <gmock/gmock.h>)
