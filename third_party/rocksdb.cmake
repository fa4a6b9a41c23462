# RocksDB 7.8.3 (Debian librocksdb-dev), Apache-2.0 or GPL-2.0.
find_library(NAKADACHI_ROCKSDB_LIBRARY rocksdb REQUIRED)
find_path(NAKADACHI_ROCKSDB_INCLUDE rocksdb/db.h REQUIRED)
add_library(nakadachi_rocksdb INTERFACE)
target_include_directories(nakadachi_rocksdb SYSTEM INTERFACE ${NAKADACHI_ROCKSDB_INCLUDE})
target_link_libraries(nakadachi_rocksdb INTERFACE ${NAKADACHI_ROCKSDB_LIBRARY})
