# gRPC C++ 1.51.1 (Debian libgrpc++-dev, protobuf-compiler-grpc), Apache-2.0, and Protocol Buffers
# 3.21.12 (Debian libprotobuf-dev, protobuf-compiler), BSD-3-Clause.
find_package(Protobuf REQUIRED)
find_package(PkgConfig REQUIRED)
find_library(NAKADACHI_GRPCPP_LIBRARY grpc++ REQUIRED)
find_library(NAKADACHI_GRPCPP_REFLECTION_LIBRARY grpc++_reflection REQUIRED)
find_library(NAKADACHI_GRPC_LIBRARY grpc REQUIRED)
find_library(NAKADACHI_GPR_LIBRARY gpr REQUIRED)
find_program(NAKADACHI_GRPC_PLUGIN grpc_cpp_plugin REQUIRED)

# The libraries are shared; linked by name, because Debian's exported targets pull in the static
# archives of everything below.
add_library(nakadachi_grpc_runtime INTERFACE)
target_link_libraries(nakadachi_grpc_runtime INTERFACE
  ${NAKADACHI_GRPCPP_LIBRARY} ${NAKADACHI_GRPCPP_REFLECTION_LIBRARY} ${NAKADACHI_GRPC_LIBRARY}
  ${NAKADACHI_GPR_LIBRARY} protobuf::libprotobuf absl::synchronization absl::strings absl::time
  Threads::Threads)

# ThreadSanitizer builds: Debian's gRPC is not instrumented, so the tool is told of its hand-overs.
if(NAKADACHI_SANITIZER STREQUAL "thread")
  add_library(nakadachi_grpc_thread_sanitizer OBJECT ${CMAKE_CURRENT_LIST_DIR}/grpc_thread_sanitizer.cc)
  target_link_libraries(nakadachi_grpc_thread_sanitizer PRIVATE ${NAKADACHI_GRPC_LIBRARY})
  target_link_libraries(nakadachi_grpc_runtime INTERFACE
    $<TARGET_OBJECTS:nakadachi_grpc_thread_sanitizer> ${CMAKE_DL_LIBS})
endif()
