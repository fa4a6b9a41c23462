#include <gtest/gtest.h>

#include <atomic>

#include "absl/synchronization/notification.h"
#include "common/rpc/rate_limiter.h"
#include "common/rpc/work_pool.h"

namespace nakadachi::rpc {
namespace {

int AdmittedOf(int calls, RateLimiter* limiter, const std::string& peer, absl::Duration now) {
  int admitted = 0;
  for (int i = 0; i < calls; ++i) admitted += limiter->Admit(peer, now) ? 1 : 0;
  return admitted;
}

TEST(RateLimiter, HoldsOneSecondAPeerAndRefills) {
  RateLimiter limiter(10);
  const absl::Duration start = absl::Hours(5);
  EXPECT_EQ(AdmittedOf(25, &limiter, "a", start), 10);
  EXPECT_EQ(AdmittedOf(25, &limiter, "b", start), 10);
  EXPECT_EQ(AdmittedOf(25, &limiter, "a", start + absl::Milliseconds(500)), 5);
  EXPECT_EQ(AdmittedOf(25, &limiter, "a", start + absl::Milliseconds(550)), 0);
  EXPECT_EQ(AdmittedOf(25, &limiter, "a", start + absl::Hours(1)), 10);
}

TEST(RateLimiter, NeverAdmitsMoreThanItsRate) {
  RateLimiter limiter(100);
  int admitted = 0;
  for (int ms = 0; ms < 10'000; ++ms) {
    admitted += AdmittedOf(3, &limiter, "a", absl::Milliseconds(ms));
  }
  EXPECT_GE(admitted, 1'090);
  EXPECT_LE(admitted, 1'100);
}

TEST(WorkPool, RunsWhatItTookAlsoWhileItEnds) {
  std::atomic<int> ran{0};
  {
    WorkPool pool(3);
    for (int i = 0; i < 500; ++i) ASSERT_TRUE(pool.Submit([&ran] { ++ran; }));
  }
  EXPECT_EQ(ran, 500);
}

TEST(WorkPool, RefusesBeyondItsQueue) {
  absl::Notification started, release;
  WorkPool pool(1, 2);
  ASSERT_TRUE(pool.Submit([&] {
    started.Notify();
    release.WaitForNotification();
  }));
  started.WaitForNotification();
  EXPECT_TRUE(pool.Submit([] {}));
  EXPECT_TRUE(pool.Submit([] {}));
  EXPECT_FALSE(pool.Submit([] {}));
  release.Notify();
}

}  // namespace
}  // namespace nakadachi::rpc
