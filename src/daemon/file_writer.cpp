#include "daemon/file_writer.hpp"

#include <boost/asio/post.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <utility>
#include <vector>

#include "files/beside.hpp"

namespace withdrawd::daemon {

struct FileWriter::State {
  struct Waiting {
    Job job;
    std::size_t bytes;
    bool replaceable;
  };

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Waiting> jobs;
  std::size_t bytes = 0;            ///< of `jobs`
  std::optional<core::Time> begun;  ///< the job under way
  std::vector<Report> reports;
  boost::asio::any_io_executor executor;
  bool has_thread = false;
  bool closing = false;

  void run(const std::shared_ptr<State>& self) {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [this] { return closing || !jobs.empty(); });
      if (jobs.empty()) return;
      do_one(lock, self);
    }
  }

  void do_one(std::unique_lock<std::mutex>& lock, const std::shared_ptr<State>& self) {
    Waiting next = std::move(jobs.front());
    jobs.pop_front();
    bytes -= next.bytes;
    begun = std::chrono::steady_clock::now();
    lock.unlock();
    Report report;
    {
      const files::Sleeper sleeper;
      try {
        report = next.job();
      } catch (const std::exception&) {
        report = {};  // no memory to write with: that is lost, and the next may do better
      }
      next.job = {};
    }
    lock.lock();
    begun.reset();
    changed.notify_all();
    if (!report || closing) return;
    reports.push_back(std::move(report));
    // While `closing` is not set the executor is there: it is set under this lock.
    if (executor) {
      boost::asio::post(executor, [weak = std::weak_ptr(self)] {
        if (const auto state = weak.lock()) state->make_reports();
      });
    }
  }

  void make_reports() {
    std::vector<Report> ready;
    {
      const std::lock_guard lock(mutex);
      if (closing) return;
      ready.swap(reports);
    }
    for (const Report& report : ready) report();
  }

  /// With a thread to do the jobs; without one to be had they are done here and now.
  void begin(std::unique_lock<std::mutex>& lock, const std::shared_ptr<State>& self) {
    if (!has_thread) has_thread = files::start_thread([self] { self->run(self); });
    if (has_thread) {
      changed.notify_all();
    } else {
      do_one(lock, self);
    }
  }
};

FileWriter::FileWriter(std::string name, boost::asio::any_io_executor executor)
    : name_(std::move(name)), state_(std::make_shared<State>()) {
  state_->executor = std::move(executor);
}

FileWriter::~FileWriter() {
  const std::lock_guard lock(state_->mutex);
  state_->closing = true;
  state_->executor = {};
  state_->reports.clear();
  state_->changed.notify_all();
}

bool FileWriter::add(Job job, std::size_t bytes) {
  std::unique_lock lock(state_->mutex);
  if (state_->bytes + bytes > most_waiting) {
    ++dropped_;
    return false;
  }
  state_->jobs.push_back({std::move(job), bytes, false});
  state_->bytes += bytes;
  state_->begin(lock, state_);
  return true;
}

void FileWriter::replace(Job job) {
  std::unique_lock lock(state_->mutex);
  auto& jobs = state_->jobs;
  if (!jobs.empty() && jobs.back().replaceable) {
    jobs.back().job = std::move(job);
    return;
  }
  jobs.push_back({std::move(job), 0, true});
  state_->begin(lock, state_);
}

bool FileWriter::finish(core::Time until) {
  bool done = false;
  {
    std::unique_lock lock(state_->mutex);
    done = state_->changed.wait_until(lock, until,
                                      [this] { return state_->jobs.empty() && !state_->begun; });
  }
  state_->make_reports();
  return done;
}

std::optional<core::Duration> FileWriter::busy_for() const {
  const std::lock_guard lock(state_->mutex);
  if (!state_->begun) return {};
  return std::chrono::steady_clock::now() - *state_->begun;
}

}  // namespace withdrawd::daemon
