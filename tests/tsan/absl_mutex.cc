// Tells the thread sanitizer what absl::Mutex does. Debian's abseil is not built with it, so
// without this every hand-over under an absl::Mutex, ours and gRPC's, is reported as a race. The
// functions below take the place of the library's own, call them, and say what happened before
// what. Linked into every program of the tsan preset and nothing else.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

// The library's function of this name; all of them are members, so `this` comes first.
#define REAL(result, symbol, ...)                        \
  reinterpret_cast<result (*)(__VA_ARGS__)>([] {         \
    static void* const found = dlsym(RTLD_NEXT, symbol); \
    return found;                                        \
  }())

namespace absl {
ABSL_NAMESPACE_BEGIN

namespace {

void Acquired(const void* object) { __tsan_acquire(const_cast<void*>(object)); }
void Releasing(const void* object) { __tsan_release(const_cast<void*>(object)); }

// The mutex that this thread is inside of. The conditions of those who wait for a mutex are
// evaluated under it, by them or by the thread that unlocks it.
thread_local const Mutex* inside = nullptr;

}  // namespace

bool Condition::Eval() const {
  if (inside != nullptr) Acquired(inside);
  const bool met = REAL(bool, "_ZNK4absl7debian39Condition4EvalEv", const Condition*)(this);
  if (inside != nullptr) Releasing(inside);
  return met;
}

void Mutex::Lock() {
  REAL(void, "_ZN4absl7debian35Mutex4LockEv", Mutex*)(this);
  Acquired(this);
}
void Mutex::Unlock() {
  inside = this;
  Releasing(this);
  REAL(void, "_ZN4absl7debian35Mutex6UnlockEv", Mutex*)(this);
}
bool Mutex::TryLock() {
  const bool locked = REAL(bool, "_ZN4absl7debian35Mutex7TryLockEv", Mutex*)(this);
  if (locked) Acquired(this);
  return locked;
}
void Mutex::ReaderLock() {
  REAL(void, "_ZN4absl7debian35Mutex10ReaderLockEv", Mutex*)(this);
  Acquired(this);
}
void Mutex::ReaderUnlock() {
  inside = this;
  Releasing(this);
  REAL(void, "_ZN4absl7debian35Mutex12ReaderUnlockEv", Mutex*)(this);
}
bool Mutex::ReaderTryLock() {
  const bool locked = REAL(bool, "_ZN4absl7debian35Mutex13ReaderTryLockEv", Mutex*)(this);
  if (locked) Acquired(this);
  return locked;
}
void Mutex::LockWhen(const Condition& condition) {
  inside = this;
  REAL(void, "_ZN4absl7debian35Mutex8LockWhenERKNS0_9ConditionE", Mutex*, const Condition&)
  (this, condition);
  Acquired(this);
}
void Mutex::Await(const Condition& condition) {
  inside = this;
  Releasing(this);
  REAL(void, "_ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE", Mutex*, const Condition&)
  (this, condition);
  Acquired(this);
}
bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  inside = this;
  Releasing(this);
  const bool met =
      REAL(bool, "_ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE", Mutex*,
           const Condition&, Duration)(this, condition, timeout);
  Acquired(this);
  return met;
}
bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  inside = this;
  Releasing(this);
  const bool met =
      REAL(bool, "_ZN4absl7debian35Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE", Mutex*,
           const Condition&, Time)(this, condition, deadline);
  Acquired(this);
  return met;
}
bool Mutex::LockWhenWithTimeout(const Condition& condition, Duration timeout) {
  inside = this;
  const bool met =
      REAL(bool, "_ZN4absl7debian35Mutex19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE",
           Mutex*, const Condition&, Duration)(this, condition, timeout);
  Acquired(this);
  return met;
}
bool Mutex::LockWhenWithDeadline(const Condition& condition, Time deadline) {
  inside = this;
  const bool met =
      REAL(bool, "_ZN4absl7debian35Mutex20LockWhenWithDeadlineERKNS0_9ConditionENS0_4TimeE", Mutex*,
           const Condition&, Time)(this, condition, deadline);
  Acquired(this);
  return met;
}

void CondVar::Wait(Mutex* mutex) {
  Releasing(mutex);
  REAL(void, "_ZN4absl7debian37CondVar4WaitEPNS0_5MutexE", CondVar*, Mutex*)(this, mutex);
  Acquired(mutex);
}
bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  Releasing(mutex);
  const bool timed_out =
      REAL(bool, "_ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE", CondVar*,
           Mutex*, Duration)(this, mutex, timeout);
  Acquired(mutex);
  return timed_out;
}
bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  Releasing(mutex);
  const bool timed_out =
      REAL(bool, "_ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE", CondVar*,
           Mutex*, Time)(this, mutex, deadline);
  Acquired(mutex);
  return timed_out;
}

void Notification::Notify() {
  Releasing(this);
  REAL(void, "_ZN4absl7debian312Notification6NotifyEv", Notification*)(this);
}
void Notification::WaitForNotification() const {
  REAL(void, "_ZNK4absl7debian312Notification19WaitForNotificationEv", const Notification*)(this);
  Acquired(this);
}
bool Notification::WaitForNotificationWithTimeout(Duration timeout) const {
  const bool notified =
      REAL(bool, "_ZNK4absl7debian312Notification30WaitForNotificationWithTimeoutENS0_8DurationE",
           const Notification*, Duration)(this, timeout);
  if (notified) Acquired(this);
  return notified;
}

ABSL_NAMESPACE_END
}  // namespace absl
