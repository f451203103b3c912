#include "files/beside.hpp"

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <set>

namespace withdrawd::files {
namespace {

void* run(void* argument) {
  const std::unique_ptr<std::function<void()>> work(static_cast<std::function<void()>*>(argument));
  (*work)();
  return nullptr;
}

/// Where they sleep and since when; the mutex is for all threads that end.
using Sleepers = std::multiset<std::pair<std::string, core::Time>>;
std::mutex counting;
Sleepers& asleep() {
  // Never torn down: threads may outlive main().
  static auto* const sleepers = new Sleepers();
  return *sleepers;
}

}  // namespace

Sleeper::Sleeper(std::string place)
    : place_(std::move(place)), since_(std::chrono::steady_clock::now()) {
  const std::lock_guard lock(counting);
  asleep().emplace(place_, since_);
}

Sleeper::~Sleeper() {
  const std::lock_guard lock(counting);
  asleep().erase(asleep().find({place_, since_}));
}

bool Sleeper::any(const std::string& place, core::Duration span) {
  const std::lock_guard lock(counting);
  const auto first = asleep().lower_bound({place, core::Time::min()});
  return first != asleep().end() && first->first == place &&
         std::chrono::steady_clock::now() - first->second > span;
}

bool Sleeper::any() {
  const std::lock_guard lock(counting);
  return !asleep().empty();
}

bool start_thread(std::function<void()> work, std::size_t stack) {
  auto task = std::make_unique<std::function<void()>>(std::move(work));
  pthread_attr_t attributes;
  if (::pthread_attr_init(&attributes) != 0) return false;
  ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  ::pthread_attr_setstacksize(&attributes, stack);
  // A signal is for the loop.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread{};
  const bool started = ::pthread_create(&thread, &attributes, run, task.get()) == 0;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::pthread_attr_destroy(&attributes);
  if (started) static_cast<void>(task.release());
  return started;
}

}  // namespace withdrawd::files
