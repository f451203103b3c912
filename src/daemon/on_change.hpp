#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/severity.hpp"
#include "core/time.hpp"
#include "daemon/history.hpp"

namespace withdrawd::daemon {

/// Runs the operator's command for each entry, one after the other. Nobody waits for it; what goes
/// wrong with it is a warning and nothing else.
class OnChange {
 public:
  using TellFunction = std::function<void(core::Severity, const std::string&)>;

  /// So many entries wait for their turn; further ones are dropped.
  static constexpr std::size_t most_waiting = 1000;

  OnChange(boost::asio::any_io_executor executor, TellFunction tell);

  /// For entries whose turn comes from now on. `command` empty: nothing is run.
  void use(std::vector<std::string> command, core::Duration limit);
  void add(HistoryEntry entry);

  bool idle() const { return !running_ && waiting_.empty(); }
  /// Called when the last waiting entry has had its turn.
  void when_idle(std::function<void()> done) { done_ = std::move(done); }
  /// How many entries have not had their turn to its end.
  std::size_t left() const { return waiting_.size() + (running_ ? 1 : 0); }

 private:
  void start_next();
  void ended(const HistoryEntry& entry, const std::string& problem);

  boost::asio::any_io_executor executor_;
  TellFunction tell_;
  std::vector<std::string> command_;
  core::Duration limit_{};
  std::deque<HistoryEntry> waiting_;
  bool running_ = false;
  std::size_t dropped_ = 0;
  std::function<void()> done_;
  std::shared_ptr<const int> alive_ = std::make_shared<const int>(0);
};

/// "WITHDRAWD_KIND=changed" and so on, for one entry.
std::vector<std::string> environment_for(const HistoryEntry& entry);

}  // namespace withdrawd::daemon
