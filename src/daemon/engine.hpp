#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "core/controller.hpp"
#include "fleet/link.hpp"
#include "process/bgpd_process.hpp"
#include "process/death_watch.hpp"
#include "vty/bgpd.hpp"

namespace withdrawd::daemon {

/// Carries the Controller's effects out and feeds what comes of them back in. One thread, the
/// io_context's; nothing in it blocks.
class Engine {
 public:
  enum class Manner : std::uint8_t {
    act,      ///< carry everything out
    observe,  ///< ask and read, but change nothing: what would have been done is kept
  };
  using TellFunction = std::function<void(const core::LogLine&)>;

  /// `after_step` is called after each event has been dealt with, also before the first.
  Engine(boost::asio::io_context& io, config::Config config, const core::Memory& memory,
         Manner manner, TellFunction tell, std::function<void()> after_step);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void start();
  /// Nothing more is begun, and what is under way is not waited for.
  void stop();

  /// Goes on with another configuration: health, options and the fallback's state stay. Only while
  /// the Controller is not busy; questions under way are forgotten.
  void replace(config::Config config);

  /// For each Note, when acting. None: they are dropped.
  void on_note(std::function<void(const core::Note&)> note) { note_ = std::move(note); }

  /// Shows somebody who only counts all that happens and all that is wanted, before it is dealt
  /// with.
  struct Witness {
    std::function<void(const core::Event&)> event;
    std::function<void(const core::Effect&)> effect;
  };
  void watch(Witness witness) { witness_ = std::move(witness); }

  /// Tells the Controller of something that has not come from the world: a drain, "ask now".
  void happen(core::Event event) { feed(std::move(event)); }

  const core::Controller& controller() const { return *controller_; }
  /// To the fleet's store; none: this site is in no fleet.
  const std::shared_ptr<fleet::Link>& link() const { return link_; }
  const config::Config& config() const { return config_; }

  /// Observing only: has the Controller come to an action? And what it is, a line each.
  bool withheld_something() const { return !withheld_.empty(); }
  const std::vector<std::string>& withheld() const { return withheld_; }

 private:
  void feed(core::Event event);
  void carry_out(const core::Effects& effects);
  void step_done();
  void arm_timer();
  template <class MakeEvent>
  void spawn(MakeEvent make_event);

  void carry_out(const core::AskCheck& effect);
  void carry_out(const core::ReadBgpd& effect);
  void carry_out(const core::ApplyPlan& effect);
  void carry_out(const core::FindBgpd& effect);
  void carry_out(const core::StopBgpd& effect);
  void carry_out(const core::RestartBgpd& effect);
  void carry_out(const core::AskLeave& effect);
  void carry_out(const core::SayPlace& effect);
  void carry_out(const core::LogLine& effect);
  void carry_out(const core::LogBatch& effect);
  void carry_out(const core::Note& effect);
  void say(std::size_t most);

  std::shared_ptr<vty::Bgpd> make_bgpd();
  void talked(bool answered);
  process::Evidence evidence();
  void watch_processes();
  std::shared_ptr<fleet::Link> make_link();

  boost::asio::io_context& io_;
  config::Config config_;
  Manner manner_;
  TellFunction tell_;
  std::function<void(const core::Note&)> note_;
  Witness witness_;
  std::function<void()> after_step_;
  boost::asio::steady_timer timer_;
  std::optional<core::Time> armed_for_{};  ///< the timer, for this generation
  /// What is under way belongs to this generation; answers to an earlier one are dropped.
  std::shared_ptr<const int> generation_ = std::make_shared<const int>(0);
  std::unique_ptr<core::Controller> controller_;
  std::shared_ptr<vty::Bgpd> bgpd_;
  std::shared_ptr<fleet::Link> link_;  ///< none: this site is in no fleet
  bool talking_ = false;               ///< an operation of bgpd_ is under way
  /// Whose process answers: taken while it does, and kept for when it no longer does.
  std::shared_ptr<const process::VtyPeer> peer_;
  bool peer_is_new_ = true;  ///< what answers next may be another process
  std::vector<std::string> withheld_;
  /// What there is to say and to note. Ten thousand prefixes that go together have twice as many
  /// lines, which must not keep other checks from being asked: a few are written at a time.
  std::deque<core::Effect> unsaid_;
  std::size_t said_of_first_ = 0;  ///< lines, where it is many
  bool saying_ = false;
  std::vector<std::shared_ptr<process::DeathWatch>> watches_;  ///< by check; none: nothing to watch
};

}  // namespace withdrawd::daemon
