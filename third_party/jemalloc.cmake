# jemalloc 5.3.0 (Debian libjemalloc-dev), BSD-2-Clause. The servers allocate in many threads, small
# and short-lived: glibc's allocator was a quarter of their time. Sanitizers bring their own.
if(NOT NAKADACHI_SANITIZER)
  find_library(NAKADACHI_JEMALLOC_LIBRARY jemalloc REQUIRED)
  set(NAKADACHI_ALLOCATOR -Wl,--no-as-needed ${NAKADACHI_JEMALLOC_LIBRARY} -Wl,--as-needed)
endif()
