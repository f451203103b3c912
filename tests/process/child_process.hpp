#pragma once

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace withdrawd::test {

/// A process of ours that sleeps under a name of the test's choice, until it is killed or its owner
/// ends. When the constructor returns, it already bears that name.
class ChildProcess {
 public:
  /// `name` is the program's file name in `directory`; a copy of `original`, unless it is there.
  ChildProcess(const std::filesystem::path& directory, const std::string& name,
               const std::filesystem::path& original = "/bin/sleep",
               std::vector<std::string> arguments = {"600"}) {
    const auto program = directory / name;
    if (!std::filesystem::exists(program)) std::filesystem::copy_file(original, program);
    std::string word = name;
    std::vector<char*> argv{word.data()};
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    char* environment[] = {nullptr};
    if (::posix_spawn(&pid_, program.c_str(), nullptr, nullptr, argv.data(), environment) != 0) {
      throw std::runtime_error("posix_spawn failed");
    }
    // exec gives the caller its turn a moment before it changes the name, and that before the
    // words.
    while (comm() != name.substr(0, 15) || !has_words()) std::this_thread::yield();
  }
  ~ChildProcess() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    reap();
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }

  /// Waits for its end and gives the status that wait gives; its pid is free from then on.
  int reap() {
    int status = 0;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    return status;
  }

  /// Has it ended, reaped or not?
  bool has_ended() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == pid_;
  }

  /// Kills it and leaves the zombie.
  void become_zombie() const {
    ::kill(pid_, SIGKILL);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  }

  /// Stops it, and waits until it stands still.
  void freeze() const {
    ::kill(pid_, SIGSTOP);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED | WNOWAIT);
  }

 private:
  bool has_words() const {
    return std::ifstream("/proc/" + std::to_string(pid_) + "/cmdline").get() != EOF;
  }
  std::string comm() const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/comm");
    std::string name;
    std::getline(file, name);
    return name;
  }

  pid_t pid_ = 0;
};

}  // namespace withdrawd::test
