# Abseil 20220623.1 (Debian libabsl-dev), Apache-2.0. Status, time, strings, synchronisation.
find_package(absl REQUIRED)

# ThreadSanitizer builds: Debian's Abseil is not instrumented, so the tool is told what its locks do.
if(NAKADACHI_SANITIZER STREQUAL "thread")
  add_library(nakadachi_absl_thread_sanitizer OBJECT ${CMAKE_CURRENT_LIST_DIR}/absl_thread_sanitizer.cc)
  target_link_libraries(nakadachi_absl_thread_sanitizer PUBLIC absl::synchronization)
  foreach(symbol
      _ZN4absl7debian35Mutex4LockEv
      _ZN4absl7debian35Mutex7TryLockEv
      _ZN4absl7debian35Mutex6UnlockEv
      _ZN4absl7debian35Mutex10ReaderLockEv
      _ZN4absl7debian35Mutex12ReaderUnlockEv
      _ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE
      _ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE
      _ZN4absl7debian35Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE
      _ZN4absl7debian37CondVar4WaitEPNS0_5MutexE
      _ZN4absl7debian315BlockingCounter14DecrementCountEv
      _ZN4absl7debian315BlockingCounter4WaitEv
      _ZN4absl7debian312Notification6NotifyEv
      _ZNK4absl7debian312Notification19WaitForNotificationEv
      _ZNK4absl7debian312Notification30WaitForNotificationWithTimeoutENS0_8DurationE)
    target_link_options(nakadachi_absl_thread_sanitizer INTERFACE -Wl,--wrap=${symbol})
  endforeach()
endif()
