#include "daemon/file_writer.hpp"

#include <doctest/doctest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <future>
#include <string>
#include <thread>

using namespace withdrawd;
using daemon::FileWriter;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

core::Time in(core::Duration span) {
  return std::chrono::steady_clock::now() + span;
}

/// A disk that hangs until it thaws.
struct Disk {
  std::promise<void> frozen;
  std::shared_future<void> thawed = frozen.get_future().share();

  FileWriter::Job write(std::string text, std::shared_ptr<std::string> file) {
    return [thawed = thawed, text = std::move(text), file = std::move(file)] {
      thawed.wait();
      *file += text;
      return FileWriter::Report();
    };
  }
};

}  // namespace

TEST_CASE("who gives a writer something never waits, and after the thaw all is written in order") {
  Disk disk;
  const auto file = std::make_shared<std::string>();
  FileWriter writer("log");
  for (int i = 0; i < 10; ++i) CHECK(writer.add(disk.write(std::to_string(i), file), 1));
  CHECK_FALSE(writer.finish(in(milliseconds(20))));
  CHECK(writer.busy_for());
  disk.frozen.set_value();
  CHECK(writer.finish(in(seconds(10))));
  CHECK_FALSE(writer.busy_for());
  CHECK(*file == "0123456789");
}

TEST_CASE("what finds no room is dropped and counted") {
  Disk disk;
  const auto file = std::make_shared<std::string>();
  FileWriter writer("log");
  writer.add(disk.write("a", file), 0);
  CHECK(writer.add(disk.write("b", file), FileWriter::most_waiting / 2));
  CHECK(writer.dropped() == 0);
  while (writer.add(disk.write("c", file), FileWriter::most_waiting / 4)) {
  }
  CHECK_FALSE(writer.add(disk.write("d", file), FileWriter::most_waiting / 4 + 1));
  CHECK(writer.dropped() == 2);
  disk.frozen.set_value();
  CHECK(writer.finish(in(seconds(10))));
  CHECK(writer.add(disk.write("e", file), FileWriter::most_waiting));
  CHECK(writer.finish(in(seconds(10))));
  CHECK(file->ends_with("ce"));
}

TEST_CASE("of a state that waits only the newest is written") {
  Disk disk;
  const auto file = std::make_shared<std::string>();
  FileWriter writer("state");
  writer.replace(disk.write("1", file));
  while (!writer.busy_for()) std::this_thread::yield();
  for (const auto* state : {"2", "3", "4"}) writer.replace(disk.write(state, file));
  disk.frozen.set_value();
  CHECK(writer.finish(in(seconds(10))));
  CHECK(*file == "14");
}

TEST_CASE("what came of it is told by the loop, or where it is waited for") {
  boost::asio::io_context io;
  auto work = boost::asio::make_work_guard(io);
  FileWriter writer("state", io.get_executor());
  const auto loop = std::this_thread::get_id();
  int told = 0;
  const auto job = [&]() -> FileWriter::Report {
    return [&] {
      CHECK(std::this_thread::get_id() == loop);
      ++told;
      io.stop();
    };
  };
  writer.replace(job);
  io.run();
  CHECK(told == 1);
  writer.replace(job);
  CHECK(writer.finish(in(seconds(10))));
  CHECK(told == 2);
}

TEST_CASE("a writer whose disk hangs is left to itself, and tells nobody when it comes back") {
  Disk disk;
  const auto file = std::make_shared<std::string>();
  boost::asio::io_context io;
  bool told = false;
  {
    FileWriter writer("state", io.get_executor());
    writer.add(
        [write = disk.write("x", file), &told]() -> FileWriter::Report {
          write();
          return [&told] { told = true; };
        },
        1);
    while (!writer.busy_for()) std::this_thread::yield();
  }
  disk.frozen.set_value();
  while (file.use_count() > 1) std::this_thread::sleep_for(milliseconds(1));
  io.poll();
  CHECK_FALSE(told);
  CHECK(*file == "x");
}
