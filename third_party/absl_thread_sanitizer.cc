// Tells ThreadSanitizer what absl::Mutex does: Debian's Abseil is a shared library built without
// it, so that its locks would order nothing in the tool's eyes and every guarded access would be
// reported as a race. Linked into ThreadSanitizer builds only, with --wrap for each name below.
#include <sanitizer/tsan_interface.h>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
}

namespace {

// Abseil evaluates the conditions of waiting threads while it gives a lock up: those reads are
// guarded, but fall after the moment at which the tool has to be told of the release.
class Released {
 public:
  Released(absl::Mutex* mu, unsigned flags) : mu_(mu), flags_(flags) {
    __tsan_mutex_pre_unlock(mu_, flags_);
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
  }
  ~Released() {
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
    __tsan_mutex_post_unlock(mu_, flags_);
  }

 private:
  absl::Mutex* mu_;
  unsigned flags_;
};

void Retaken(absl::Mutex* mu) {
  __tsan_mutex_pre_lock(mu, 0);
  __tsan_mutex_post_lock(mu, 0, 0);
}

}  // namespace

#define LOCK(symbol, flags)                                      \
  extern "C" void __real_##symbol(absl::Mutex* mu);              \
  extern "C" void __wrap_##symbol(absl::Mutex* mu) {             \
    __tsan_mutex_pre_lock(mu, __tsan_mutex_linker_init | flags); \
    __real_##symbol(mu);                                         \
    __tsan_mutex_post_lock(mu, flags, 0);                        \
  }
#define UNLOCK(symbol, flags)                        \
  extern "C" void __real_##symbol(absl::Mutex* mu);  \
  extern "C" void __wrap_##symbol(absl::Mutex* mu) { \
    Released released(mu, flags);                    \
    __real_##symbol(mu);                             \
  }
#define AWAIT_UNTIL(symbol, Limit)                                                          \
  extern "C" bool __real_##symbol(absl::Mutex* mu, const absl::Condition& c, Limit limit);  \
  extern "C" bool __wrap_##symbol(absl::Mutex* mu, const absl::Condition& c, Limit limit) { \
    bool holds;                                                                             \
    {                                                                                       \
      Released released(mu, 0);                                                             \
      holds = __real_##symbol(mu, c, limit);                                                \
    }                                                                                       \
    Retaken(mu);                                                                            \
    return holds;                                                                           \
  }

LOCK(_ZN4absl7debian35Mutex4LockEv, 0)
UNLOCK(_ZN4absl7debian35Mutex6UnlockEv, 0)
LOCK(_ZN4absl7debian35Mutex10ReaderLockEv, __tsan_mutex_read_lock)
UNLOCK(_ZN4absl7debian35Mutex12ReaderUnlockEv, __tsan_mutex_read_lock)
AWAIT_UNTIL(_ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE,
            absl::Duration)
AWAIT_UNTIL(_ZN4absl7debian35Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE, absl::Time)

extern "C" void __real__ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE(absl::Mutex*,
                                                                      const absl::Condition&);
extern "C" void __wrap__ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE(absl::Mutex* mu,
                                                                      const absl::Condition& c) {
  {
    Released released(mu, 0);
    __real__ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE(mu, c);
  }
  Retaken(mu);
}
extern "C" void __real__ZN4absl7debian37CondVar4WaitEPNS0_5MutexE(absl::CondVar*, absl::Mutex*);
extern "C" void __wrap__ZN4absl7debian37CondVar4WaitEPNS0_5MutexE(absl::CondVar* cv,
                                                                  absl::Mutex* mu) {
  {
    Released released(mu, 0);
    __real__ZN4absl7debian37CondVar4WaitEPNS0_5MutexE(cv, mu);
  }
  Retaken(mu);
}

extern "C" bool __real__ZN4absl7debian35Mutex7TryLockEv(absl::Mutex*);
extern "C" bool __wrap__ZN4absl7debian35Mutex7TryLockEv(absl::Mutex* mu) {
  constexpr unsigned kTry = __tsan_mutex_linker_init | __tsan_mutex_try_lock;
  __tsan_mutex_pre_lock(mu, kTry);
  const bool locked = __real__ZN4absl7debian35Mutex7TryLockEv(mu);
  __tsan_mutex_post_lock(mu, locked ? kTry : kTry | __tsan_mutex_try_lock_failed, 0);
  return locked;
}

// Whoever waits for a BlockingCounter sees what was done before each count.
#define DECREMENT _ZN4absl7debian315BlockingCounter14DecrementCountEv
#define COUNTED _ZN4absl7debian315BlockingCounter4WaitEv
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
extern "C" bool JOIN(__real_, DECREMENT)(absl::BlockingCounter*);
extern "C" bool JOIN(__wrap_, DECREMENT)(absl::BlockingCounter* counter) {
  __tsan_release(counter);
  return JOIN(__real_, DECREMENT)(counter);
}
extern "C" void JOIN(__real_, COUNTED)(absl::BlockingCounter*);
extern "C" void JOIN(__wrap_, COUNTED)(absl::BlockingCounter* counter) {
  JOIN(__real_, COUNTED)(counter);
  __tsan_acquire(counter);
}

// A Notification lets those go on who wait for what was done before it.
#define NOTIFY _ZN4absl7debian312Notification6NotifyEv
#define WAIT _ZNK4absl7debian312Notification19WaitForNotificationEv
#define WAIT_FOR _ZNK4absl7debian312Notification30WaitForNotificationWithTimeoutENS0_8DurationE
extern "C" void JOIN(__real_, NOTIFY)(absl::Notification*);
extern "C" void JOIN(__wrap_, NOTIFY)(absl::Notification* notification) {
  __tsan_release(notification);
  JOIN(__real_, NOTIFY)(notification);
}
extern "C" void JOIN(__real_, WAIT)(absl::Notification*);
extern "C" void JOIN(__wrap_, WAIT)(absl::Notification* notification) {
  JOIN(__real_, WAIT)(notification);
  __tsan_acquire(notification);
}
extern "C" bool JOIN(__real_, WAIT_FOR)(absl::Notification*, absl::Duration);
extern "C" bool JOIN(__wrap_, WAIT_FOR)(absl::Notification* notification, absl::Duration limit) {
  const bool notified = JOIN(__real_, WAIT_FOR)(notification, limit);
  if (notified) __tsan_acquire(notification);
  return notified;
}
