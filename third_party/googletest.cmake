# GoogleTest 1.12.1 (Debian libgtest-dev, libgmock-dev), BSD-3-Clause.
find_package(GTest REQUIRED)
