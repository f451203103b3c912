#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/time.hpp"

namespace withdrawd::daemon {

/// Writes beside the loop: a thread that does one job after the other, and whose disk may hang
/// (frozen, a network file system without its server) while withdrawals go on. Each place that is
/// written to has a writer of its own, so that one that hangs stops no other. Whoever gives it a
/// job never waits, and what waits is bounded.
class FileWriter {
 public:
  /// What is to be told when a job is done, by the loop; may be empty.
  using Report = std::function<void()>;
  /// Runs on the thread: touches nothing of the loop's.
  using Job = std::function<Report()>;

  /// So many bytes wait at most: some 50,000 lines.
  static constexpr std::size_t most_waiting = std::size_t{8} * 1024 * 1024;

  /// `name`: of what is written, for messages and metrics: "log", "history". Reports are made from
  /// `executor`; without one only by finish().
  explicit FileWriter(std::string name, boost::asio::any_io_executor executor = {});
  /// What still waits is written if the disk lets it; nobody waits for that.
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  /// Takes its turn behind the others. False, and counted: too much waits already.
  bool add(Job job, std::size_t bytes);
  /// The newest takes the place of the one that still waits: of a state only the last is of use.
  void replace(Job job);

  /// Waits until all is done, and makes the reports. False: it is not, in time.
  bool finish(core::Time until);

  const std::string& name() const { return name_; }
  /// How many jobs found no room.
  std::uint64_t dropped() const { return dropped_; }
  /// For how long the job has been at it that is under way; none: none is.
  std::optional<core::Duration> busy_for() const;

 private:
  struct State;
  std::string name_;
  std::shared_ptr<State> state_;
  std::uint64_t dropped_ = 0;
};

}  // namespace withdrawd::daemon
