#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <ctime>
#include <memory>

#include "cli/doctor_fleet.hpp"
#include "core/outcome.hpp"
#include "daemon/control_socket.hpp"
#include "fleet/inspection.hpp"
#include "vty/password_file.hpp"

namespace withdrawd::cli {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using Clock = std::chrono::steady_clock;

/// What the daemon says of itself.
void ask_daemon(const config::Config& config, FleetFacts& facts) {
  const auto answer = daemon::ask_control(config.control_socket, "status");
  if (!answer) return;
  boost::system::error_code error;
  const json::value status = json::parse(*answer, error);
  const auto* root = error ? nullptr : status.if_object();
  const auto* fleet = root ? root->if_contains("fleet") : nullptr;
  if (!fleet || !fleet->is_object()) return;
  facts.running = true;
  const auto* by = fleet->get_object().if_contains("name_contested_by");
  if (by && by->is_string()) facts.contested_by = core::printable(by->get_string(), 100);
}

/// Shared with the coroutines, some of which may outlive the wait for them.
struct Visit {
  asio::io_context io;
  FleetFacts facts;
  std::size_t open = 0;
};

asio::awaitable<void> visit(std::shared_ptr<Visit> all, std::size_t index, config::Config config,
                            std::shared_ptr<const fleet::Tls> tls, std::string password,
                            core::Time deadline) {
  const auto begun = Clock::now();
  auto found = co_await fleet::inspect(
      all->io.get_executor(), config.fleet, config.fleet.endpoints[index], std::move(tls),
      std::move(password), fleet::Keys(config.settings.fleet->group), deadline);
  auto& endpoint = all->facts.endpoints[index];
  endpoint.problem = std::move(found.problem);
  endpoint.took = Clock::now() - begun;
  endpoint.certificate = found.certificate;
  if (found.view && !all->facts.view) {
    all->facts.view = std::move(found.view);
    all->facts.groups = std::move(found.groups);
  }
  if (--all->open == 0) all->io.stop();
}

}  // namespace

FleetFacts gather_fleet(const config::Config& config, core::Duration limit) {
  const auto all = std::make_shared<Visit>();
  FleetFacts& facts = all->facts;
  facts.now = std::time(nullptr);
  ask_daemon(config, facts);
  if (!config.fleet.cert.empty()) {
    if (const auto own = fleet::read_validity(config.fleet.cert)) facts.certificate = *own;
  }
  for (const auto& endpoint : config.fleet.endpoints) {
    facts.endpoints.push_back(
        {endpoint.text(), core::Error{"", "no answer when doctor's time was up", ""}, {}, {}});
  }
  auto tls = fleet::Tls::make(config.fleet);
  std::string password;
  if (!tls) facts.proof = std::move(tls.error());
  if (!config.fleet.user.empty() && !facts.proof) {
    auto read = vty::read_password_file(config.fleet.password_file);
    if (read) {
      password = std::move(*read);
    } else {
      facts.proof = std::move(read.error());
    }
  }
  if (facts.proof) return facts;
  const auto deadline = Clock::now() + limit;
  for (std::size_t i = 0; i < facts.endpoints.size(); ++i) {
    ++all->open;
    asio::co_spawn(all->io, visit(all, i, config, *tls, password, deadline), asio::detached);
  }
  all->io.run_for(limit + std::chrono::milliseconds(200));
  return facts;
}

}  // namespace withdrawd::cli
