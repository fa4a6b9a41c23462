# Abseil 20220623.1 (Debian libabsl-dev), Apache-2.0. Status, time, strings, synchronisation.
find_package(absl REQUIRED)
