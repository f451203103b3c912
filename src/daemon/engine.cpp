#include "daemon/engine.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <limits>
#include <map>

#include "checks/ask.hpp"
#include "vty/password_file.hpp"
#include "vty/socket_transport.hpp"

namespace withdrawd::daemon {
namespace asio = boost::asio;
namespace {

constexpr std::size_t said_at_once = 64;
constexpr std::size_t everything = std::numeric_limits<std::size_t>::max();

/// Lets those go first who wait already: what comes now may take long.
asio::awaitable<void> turn() {
  co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
}

}  // namespace

Engine::Engine(asio::io_context& io, config::Config config, const core::Memory& memory,
               Manner manner, TellFunction tell, std::function<void()> after_step)
    : io_(io),
      config_(std::move(config)),
      manner_(manner),
      tell_(std::move(tell)),
      after_step_(std::move(after_step)),
      timer_(io),
      controller_(std::make_unique<core::Controller>(config_.settings, memory,
                                                     std::chrono::steady_clock::now())),
      bgpd_(make_bgpd()),
      link_(make_link()) {
  watch_processes();
}

Engine::~Engine() {
  stop();
}

std::shared_ptr<vty::Bgpd> Engine::make_bgpd() {
  std::weak_ptr<const int> alive = generation_;
  auto bgpd = std::make_shared<vty::Bgpd>(io_.get_executor(), config_.access, [this, alive] {
    // Not from inside the operation that noticed it.
    if (!alive.lock()) return;
    peer_is_new_ = true;
    asio::post(io_, [this, alive] {
      if (alive.lock()) feed(core::ConnectionLost{});
    });
  });
  bgpd->finish_within(config_.settings.fallback.after);
  return bgpd;
}

// A bgpd that is frozen later takes no connection once its queue is full, and a restarted one is
// another process.
void Engine::talked(bool answered) {
  if (answered && peer_is_new_) {
    peer_ = process::look_for_peer(vty::talking_sockets(config_.access));
  }
  peer_is_new_ = !answered;
}

process::Evidence Engine::evidence() {
  process::Evidence known;
  for (const auto& place : vty::socket_places(config_.access)) known.sockets.emplace_back(place);
  // The hard path has no vty: it goes by the pid file and the name.
  if (config_.settings.mode == core::Mode::hard) return known;
  if (!peer_ || !peer_->alive()) {
    peer_ = process::look_for_peer(vty::talking_sockets(config_.access));
  }
  known.peer = peer_;
  return known;
}

// Checks that watch the same share one watch: looking for processes is what costs.
void Engine::watch_processes() {
  std::map<core::WatchedProcess, std::vector<std::size_t>> watched;
  const auto& checks = config_.settings.checks;
  for (std::size_t i = 0; i < checks.size(); ++i) {
    if (checks[i].watch) watched[*checks[i].watch].push_back(i);
  }
  watches_.assign(checks.size(), nullptr);
  for (auto& [what, dependents] : watched) {
    const auto watch = std::make_shared<process::DeathWatch>(
        io_.get_executor(), what, [this, alive = std::weak_ptr(generation_), dependents] {
          for (const std::size_t check : dependents) {
            if (alive.lock()) feed(core::ProcessDied{check});
          }
        });
    for (const std::size_t check : dependents) watches_[check] = watch;
  }
}

std::shared_ptr<fleet::Link> Engine::make_link() {
  if (!config_.settings.fleet || manner_ == Manner::observe) return nullptr;
  return std::make_shared<fleet::Link>(
      io_.get_executor(), *config_.settings.fleet, config_.fleet,
      [file = config_.fleet.password_file] { return vty::read_password_file(file); },
      [this, alive = std::weak_ptr(generation_)](const core::Event& event) {
        if (alive.lock()) feed(event);
      });
}

void Engine::start() {
  if (link_) link_->start();
  asio::post(io_, [this, alive = std::weak_ptr(generation_)] {
    if (!alive.lock()) return;
    carry_out(controller_->wake(std::chrono::steady_clock::now()));
    step_done();
  });
}

void Engine::stop() {
  say(everything);
  if (link_) link_->stop();
  generation_.reset();
  armed_for_.reset();
  timer_.cancel();
}

void Engine::replace(config::Config config) {
  say(everything);
  generation_ = std::make_shared<const int>(0);
  armed_for_.reset();
  if (vty::talking_sockets(config.access) != vty::talking_sockets(config_.access)) peer_.reset();
  peer_is_new_ = true;
  config_ = std::move(config);
  controller_ = std::make_unique<core::Controller>(
      config_.settings, controller_->memory_for_reload(), std::chrono::steady_clock::now());
  bgpd_ = make_bgpd();
  watch_processes();
  if (link_) link_->stop();
  link_ = make_link();
  talking_ = false;
  start();
}

void Engine::feed(core::Event event) {
  if (witness_.event) witness_.event(event);
  carry_out(controller_->on(std::move(event), std::chrono::steady_clock::now()));
  step_done();
}

void Engine::step_done() {
  arm_timer();
  after_step_();
}

void Engine::arm_timer() {
  const auto wake = controller_->next_wake();
  // Of a thousand answers a second few change when something is due next.
  if (wake == armed_for_) return;
  armed_for_ = wake;
  if (!wake) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(*wake);
  timer_.async_wait([this, alive = std::weak_ptr(generation_)](boost::system::error_code error) {
    if (error || !alive.lock()) return;
    armed_for_.reset();
    carry_out(controller_->wake(std::chrono::steady_clock::now()));
    step_done();
  });
}

void Engine::carry_out(const core::Effects& effects) {
  for (const core::Effect& effect : effects) {
    if (witness_.effect) witness_.effect(effect);
    if (std::holds_alternative<core::LogLine>(effect) ||
        std::holds_alternative<core::Note>(effect) ||
        std::holds_alternative<core::LogBatch>(effect)) {
      unsaid_.push_back(effect);
    } else {
      std::visit([this](const auto& one) { carry_out(one); }, effect);
    }
  }
  if (!saying_) say(said_at_once);
}

void Engine::say(std::size_t most) {
  for (; most > 0 && !unsaid_.empty(); --most) {
    if (const auto* each = std::get_if<core::LogBatch>(&unsaid_.front())) {
      if (said_of_first_ < each->count) tell_(each->make(said_of_first_++));
      if (said_of_first_ < each->count) continue;
      said_of_first_ = 0;
      unsaid_.pop_front();
    } else {
      const core::Effect effect = std::move(unsaid_.front());
      unsaid_.pop_front();
      std::visit([this](const auto& one) { carry_out(one); }, effect);
    }
  }
  saying_ = !unsaid_.empty();
  if (!saying_) return;
  asio::post(io_, [this, alive = std::weak_ptr(generation_)] {
    if (alive.lock()) say(said_at_once);
  });
}

template <class MakeEvent>
void Engine::spawn(MakeEvent make_event) {
  asio::co_spawn(
      io_,
      [](Engine* self, std::weak_ptr<const int> alive, MakeEvent make) -> asio::awaitable<void> {
        core::Event event = co_await make();
        if (alive.lock()) self->feed(std::move(event));
      }(this, generation_, std::move(make_event)),
      // The Controller waits for the event; without it, it would wait for ever. So whoever runs the
      // loop hears of it, and ends.
      [](const std::exception_ptr& thrown) {
        if (thrown) std::rethrow_exception(thrown);
      });
}

void Engine::carry_out(const core::AskCheck& effect) {
  spawn([effect,
         probe = config_.settings.checks[effect.check].probe]() -> asio::awaitable<core::Event> {
    core::Outcome outcome = co_await checks::ask(probe);
    co_return core::CheckAnswered{effect.check, std::move(outcome), effect.asking};
  });
  // Behind the question, which it must not delay.
  if (const auto& watch = watches_[effect.check]) watch->look(std::chrono::steady_clock::now());
}

void Engine::carry_out(const core::ReadBgpd& effect) {
  talking_ = true;
  spawn([this, bgpd = bgpd_, alive = std::weak_ptr(generation_), lookups = effect.lookups,
         who = effect.who]() -> asio::awaitable<core::Event> {
    vty::ReadReport report = co_await bgpd->read(lookups, who);
    if (alive.lock()) {
      talking_ = false;
      talked(report.observed.has_value());
    }
    co_await turn();
    co_return core::BgpdRead{std::move(report.observed), std::move(report.via),
                             std::move(report.attempts)};
  });
}

void Engine::carry_out(const core::ApplyPlan& effect) {
  if (manner_ == Manner::observe) {
    withheld_ = effect.plan.vty_lines();
    return;
  }
  talking_ = true;
  spawn([this, bgpd = bgpd_, alive = std::weak_ptr(generation_), plan = effect.plan,
         lookups = effect.lookups]() -> asio::awaitable<core::Event> {
    vty::ApplyReport report = co_await bgpd->apply(plan, lookups);
    if (alive.lock()) {
      talking_ = false;
      talked(report.observed.has_value());
    }
    co_await turn();
    co_return core::PlanApplied{std::move(report.observed), std::move(report.via),
                                std::move(report.answered), std::move(report.attempts)};
  });
}

void Engine::carry_out(const core::FindBgpd&) {
  spawn([bgpd = config_.process, known = evidence()]() -> asio::awaitable<core::Event> {
    const auto found = process::find(bgpd, known);
    if (!found) co_return core::BgpdFound{std::unexpected(found.error())};
    if (!*found) co_return core::BgpdFound{std::vector<pid_t>{}};
    co_return core::BgpdFound{std::vector<pid_t>{(*found)->pid},
                              process::origin_of((*found)->pid, ::getpid()).restart};
  });
}

void Engine::carry_out(const core::StopBgpd&) {
  if (manner_ == Manner::observe) {
    withheld_.emplace_back("kill bgpd");
    return;
  }
  spawn([this, alive = std::weak_ptr(generation_), bgpd = config_.process,
         known = evidence()]() -> asio::awaitable<core::Event> {
    auto stopped = co_await process::stop(bgpd, known);
    if (stopped.pids && alive.lock() && !talking_) bgpd_->reset();
    co_return std::move(stopped);
  });
}

void Engine::carry_out(const core::RestartBgpd&) {
  if (manner_ == Manner::observe) {
    withheld_.emplace_back("restart bgpd");
    return;
  }
  spawn([this, alive = std::weak_ptr(generation_), bgpd = config_.process,
         seen = controller_->restart()]() -> asio::awaitable<core::Event> {
    auto restarted = co_await process::restart(bgpd, seen);
    if (restarted && alive.lock() && !talking_) bgpd_->reset();
    co_return core::BgpdRestarted{std::move(restarted)};
  });
}

void Engine::carry_out(const core::AskLeave& effect) {
  if (link_) {
    link_->ask(effect);
    return;
  }
  spawn([effect]() -> asio::awaitable<core::Event> {
    co_return core::LeaveAnswered{effect.prefix, effect.number,
                                  core::LeaveAnswered::Answer::unreachable, "there is no store"};
  });
}

void Engine::carry_out(const core::SayPlace& effect) {
  if (link_) link_->say(effect);
}

void Engine::carry_out(const core::LogLine& effect) {
  tell_(effect);
}

void Engine::carry_out(const core::LogBatch& effect) {
  for (std::size_t i = 0; i < effect.count; ++i) tell_(effect.make(i));
}

// Observing, nothing has changed that would have to be kept.
void Engine::carry_out(const core::Note& effect) {
  if (manner_ == Manner::act && note_) note_(effect);
}

}  // namespace withdrawd::daemon
