#include "daemon/orders.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <thread>
#include <variant>

#include "daemon/control_socket.hpp"
#include "daemon/lock_file.hpp"
#include "daemon/requester.hpp"
#include "daemon/state_file.hpp"

namespace withdrawd::daemon {
namespace {

/// Between two runs of cron there is nobody to ask, and while one starts or ends there is one who
/// does not answer yet, or no longer.
constexpr auto answer_patience = std::chrono::seconds(3);
constexpr auto pause = std::chrono::milliseconds(50);

core::Result<std::string> write_down(const config::Config& config, const Request& asked) {
  // The same as one who runs would keep of it.
  auto understood = Request::parse(asked.line());
  if (!understood) return std::unexpected(understood.error());
  understood->who = requester(::geteuid(), understood->who);
  const Request& request = *understood;
  auto prefixes = core::find_prefixes(config.settings, request.target);
  if (!prefixes) return std::unexpected(prefixes.error());
  const StateFile file(config.state_file);
  const StateFile::Moment now = StateFile::Moment::now();
  auto loaded = file.load(now);
  for (const core::PrefixKey& key : *prefixes) {
    auto& drains = loaded.memory.policy.drains;
    auto drain = drain_of(request, now.steady);
    if (!drain) {
      drains.erase(key);
      continue;
    }
    if (const auto before = drains.find(key); before != drains.end()) {
      drain->since = before->second.since;
    }
    drains.insert_or_assign(key, *std::move(drain));
  }
  if (auto saved = file.save(loaded.memory, now, loaded.counters); !saved)
    return std::unexpected(saved.error());
  std::string text = drained_text(request, prefixes->size()) +
                     ": no withdrawd runs here now, so nothing changes before the next run";
  if (!loaded.warning.empty()) text += "; " + loaded.warning;
  return text;
}

}  // namespace

core::Result<std::string> send_request(const std::filesystem::path& socket, const Request& request,
                                       core::Duration limit) {
  const auto answer = ask_control(socket, request.line(), limit);
  if (!answer) return std::unexpected(answer.error());
  return read_said(*answer);
}

core::Result<std::string> carry_out_drain(const config::Config& config, const Request& request) {
  const auto give_up = std::chrono::steady_clock::now() + answer_patience;
  while (true) {
    auto answer = send_request(config.control_socket, request);
    if (answer || answer.error().code != core::Error::Code::nobody_answers) return answer;
    auto taken = LockFile::take(config.lock_file, "drain");
    if (!taken) return std::unexpected(taken.error());
    if (std::holds_alternative<LockFile>(*taken)) return write_down(config, request);
    if (std::chrono::steady_clock::now() >= give_up) {
      return std::unexpected(
          core::Error{answer.error().tried,
                      fmt::format("{}, although {} is held by one", answer.error().happened,
                                  config.lock_file.string()),
                      "the control socket belongs to the vty group: are you a member?"});
    }
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace withdrawd::daemon
