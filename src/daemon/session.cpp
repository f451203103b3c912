#include "daemon/session.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json.hpp>
#include <exception>
#include <memory>
#include <new>
#include <string_view>
#include <utility>
#include <variant>

#include "daemon/change_feed.hpp"
#include "daemon/control_socket.hpp"
#include "daemon/descriptors.hpp"
#include "daemon/engine.hpp"
#include "daemon/exit_status.hpp"
#include "daemon/fleet_json.hpp"
#include "daemon/history.hpp"
#include "daemon/http_server.hpp"
#include "daemon/lock_file.hpp"
#include "daemon/log_summary.hpp"
#include "daemon/measurements.hpp"
#include "daemon/on_change.hpp"
#include "daemon/page_routes.hpp"
#include "daemon/report_json.hpp"
#include "daemon/requester.hpp"
#include "daemon/requests.hpp"
#include "daemon/state_file.hpp"
#include "daemon/status_page.hpp"
#include "daemon/supervisor.hpp"
#include "daemon/web.hpp"
#include "process/bgpd_process.hpp"
#include "vty/socket_transport.hpp"

namespace withdrawd::daemon {
namespace asio = boost::asio;
using core::Severity;
namespace {

/// So much of the history is read for the status page: thousands of changes, in milliseconds.
constexpr off_t page_history = 1'000'000;
/// How exactly the status page knows when a bgpd died of which nobody was told.
constexpr auto between_looks = std::chrono::seconds(10);
constexpr auto lock_poll = std::chrono::milliseconds(20);
/// How long a change of bgpd that is under way may still take when the run is to end.
constexpr auto last_words = std::chrono::seconds(10);
/// How long on_change may still take then; what has not had its turn is dropped.
constexpr auto last_notes = std::chrono::seconds(2);
/// How often the supervisor hears a new status, at most.
constexpr auto between_statuses = std::chrono::seconds(1);
/// What takes longer than this waits until checks that are due have been asked.
constexpr auto noticeable = std::chrono::milliseconds(2);

/// Counts that go on growing would make every outcome a change worth saving.
core::Memory worth_saving(core::Memory memory, const core::Settings& settings) {
  for (const core::Check& check : settings.checks) {
    if (auto it = memory.checks.find(check.name); it != memory.checks.end()) {
      it->second.run = std::min(it->second.run, std::max(check.policy.rise, check.policy.fall));
    }
  }
  return memory;
}

int exit_status(const core::Report& report, bool at_rest) {
  if (report.mode == core::Mode::soft && !report.bgpd_reachable && !report.bgpd_gone) {
    return exit_unreachable;
  }
  const bool all_up = std::ranges::all_of(report.checks, [](const core::CheckReport& check) {
    return check.health == core::Health::up;
  });
  return all_up && at_rest ? exit_fine : exit_unhealthy;
}

class Session {
 public:
  Session(config::Config config, Log log, SessionPlan plan)
      : log_(std::move(log)),
        plan_(std::move(plan)),
        config_(std::move(config)),
        state_(config_.state_file),
        signals_(io_, SIGTERM, SIGINT, SIGHUP),
        deadline_(io_),
        turn_(io_),
        force_(io_),
        status_timer_(io_),
        summary_timer_(io_),
        save_(io_) {}

  /// Something has gone wrong in the middle of a step, and what the Controller knows may be half a
  /// truth. The next start reads bgpd and knows the whole.
  int give_up(std::string_view why) noexcept {
    try {
      const bool busy = engine_ && engine_->controller().busy();
      tell(Severity::critical,
           fmt::format(
               "{}: this run ends{}; announcements stay as they are, the next start reads "
               "bgpd and goes on from there",
               why,
               busy ? " in the middle of something, and what has come of it is not known" : ""));
    } catch (...) {
      constexpr std::string_view bare = "withdrawd: out of memory, ends\n";
      // Nobody is left to be told that it failed; glibc, when it looks closely, wants it looked at.
      if (::write(STDERR_FILENO, bare.data(), bare.size()) < 0) return exit_unhealthy;
    }
    return exit_unhealthy;
  }

  int run() {
    if (!complete(config_)) return exit_usage;
    raise_descriptor_limit();
    wait_for_signal();
    take_lock();
    io_.run();
    // Here nothing of the engine runs any more, but its Controller still knows how it ended.
    if (engine_) {
      save(true);
      measurements_->write_file();
      if (plan_.single_round) {
        status_ = exit_status(engine_->controller().report(std::chrono::steady_clock::now()),
                              engine_->controller().at_rest());
      }
      let_on_change_end();
    }
    for (const core::Tell& line : log_summary_.rest()) log_.tell(line);
    return status_;
  }

 private:
  void tell(Severity severity, std::string_view text) {
    log_.tell(severity, text);
    if (severity > Severity::debug) status_is_old_ = true;
  }

  void tell(const core::Tell& line) {
    if (log_summary_.is_shown(line, std::chrono::steady_clock::now())) {
      log_.tell(line);
    } else if (!std::exchange(summary_awaited_, true)) {
      await_summary();
    }
    if (line.severity > Severity::debug) status_is_old_ = true;
  }

  void await_summary() {
    const auto due = log_summary_.next_due();
    summary_awaited_ = due.has_value();
    if (!due) return;
    summary_timer_.expires_at(*due);
    summary_timer_.async_wait([this](boost::system::error_code error) {
      if (error) return;
      for (const core::Tell& line : log_summary_.due(std::chrono::steady_clock::now())) {
        log_.tell(line);
      }
      await_summary();
    });
  }

  /// Says what is missing, where the configuration leaves it to the host.
  bool complete(const config::Config& config) {
    if (!config.process.restart.empty()) return true;
    const auto found = process::default_restart();
    if (found) return true;
    if (config.settings.mode == core::Mode::hard) {
      tell(Severity::critical, found.error().text());
      return false;
    }
    tell(Severity::warning,
         "if bgpd ever had to be killed, it could not be started again: " + found.error().text());
    return true;
  }

  void take_lock() {
    auto taken = LockFile::take(config_.lock_file, plan_.mode);
    if (!taken) {
      tell(Severity::critical, taken.error().text());
      status_ = exit_usage;
      finish();
      return;
    }
    if (auto* lock = std::get_if<LockFile>(&*taken)) {
      lock_.emplace(std::move(*lock));
      begin();
      return;
    }
    const auto& holder = std::get<LockFile::Holder>(*taken);
    const bool over = plan_.until && std::chrono::steady_clock::now() >= *plan_.until;
    // Who writes a drain down is done in a moment.
    const bool moment = holder.mode == "drain";
    if (((plan_.waits_its_turn && holder.mode != "run") || moment) && !over) {
      turn_.expires_after(lock_poll);
      turn_.async_wait([this](boost::system::error_code error) {
        if (!error && !ending_) take_lock();
      });
      return;
    }
    const std::string who = holder.pid > 0 ? fmt::format("`withdrawd {}` (pid {})",
                                                         core::printable(holder.mode), holder.pid)
                                           : "another withdrawd";
    tell(plan_.waits_its_turn ? Severity::info : Severity::error,
         fmt::format("{} is at work here and holds {}; this one leaves", who,
                     config_.lock_file.string()));
    // A cron job beside a daemon is superfluous, no failure.
    status_ = plan_.waits_its_turn ? exit_fine : exit_usage;
    finish();
  }

  void begin() {
    auto loaded = state_.load(StateFile::Moment::now());
    if (!loaded.warning.empty()) tell(Severity::warning, loaded.warning);
    saved_ = loaded.memory;
    engine_ = std::make_unique<Engine>(
        io_, config_, loaded.memory, Engine::Manner::act,
        [this](const core::Tell& line) { tell(line); }, [this] { after_step(); });
    keep_notes();
    measure(loaded.counters);
    engine_->on_note([this](const core::Note& note) {
      const auto entry = entry_of(note, std::chrono::system_clock::now());
      history_->add(entry);
      on_change_->add(entry);
      if (page_) page_->add(entry);
    });
    auto control = ControlServer::open(
        io_.get_executor(), config_.control_socket,
        [this](std::string_view request, uid_t peer) { return answer(request, peer); });
    if (control) {
      control_ = std::move(*control);
      control_->answer_later("fleet",
                             [this](ControlServer::Reply reply) { show_fleet(std::move(reply)); });
    } else {
      tell(Severity::warning, control.error().text());
    }
    open_http();
    share();
    if (plan_.until) {
      deadline_.expires_at(*plan_.until);
      deadline_.async_wait([this](boost::system::error_code error) {
        if (!error) end();
      });
    }
    tell(Severity::info,
         fmt::format("withdrawd {} (pid {}) begins: {}", plan_.mode, ::getpid(), summary()));
    engine_->start();
    // From inside the loop: then it turns.
    asio::post(io_, [this] { tell_supervisor(); });
  }

  void tell_supervisor() {
    if (!supervisor_.listens() || ending_) return;
    supervisor_.ready();
    heartbeat_.start();
    tell_status();
  }

  void tell_status() {
    if (std::exchange(status_is_old_, false)) {
      supervisor_.status(
          status_line(engine_->controller().report(std::chrono::steady_clock::now())));
    }
    status_timer_.expires_after(between_statuses);
    status_timer_.async_wait([this](boost::system::error_code error) {
      if (!error && !ending_) tell_status();
    });
  }

  core::Report report() const {
    core::Report report = engine_->controller().report(std::chrono::steady_clock::now());
    if (report.fleet && engine_->link()) report.fleet->sites = engine_->link()->sites();
    return report;
  }

  /// For the status page: whoever looks at it sees all sites.
  core::Report report_with_sites() const {
    if (const auto& link = engine_->link()) link->follow();
    return report();
  }

  void measure(const boost::json::object& earlier) {
    measurements_ = std::make_unique<Measurements>(
        io_.get_executor(), plan_.mode,
        Measurements::Sources{.report = [this] { return report(); },
                              .changes_waiting = [this] { return on_change_->left(); }},
        [this](Severity severity, const std::string& text) { tell(severity, text); });
    measurements_->use(config_);
    // A daemon's counters begin with it, as those of daemons do.
    if (plan_.mode != "run") measurements_->resume(earlier);
    Engine::Witness witness = measurements_->witness();
    witness.event = [this, measure = std::move(witness.event)](const core::Event& event) {
      measure(event);
      const auto* answer = std::get_if<core::CheckAnswered>(&event);
      if (answer && page_) page_->answered(*answer, std::chrono::steady_clock::now());
    };
    engine_->watch(std::move(witness));
  }

  /// Only a daemon: a run of cron ends in the middle of somebody's question.
  void open_http() {
    if (plan_.mode != "run") return;
    add_web_routes(routes_, {.report = [this] { return report(); },
                             .metrics = [this] { return measurements_->text(); }});
    open_page();
    http_ = std::make_unique<HttpServer>(
        io_.get_executor(), routes_,
        [this](Severity severity, const std::string& text) { tell(severity, text); });
    http_->use(config_.http);
    changes_.emplace(io_.get_executor(), *http_, [this] { return report(); });
  }

  void open_page() {
    std::array<char, 256> host{};
    static_cast<void>(::gethostname(host.data(), host.size() - 1));
    page_.emplace(core::printable(host.data()));
    page_->use(config_.settings);
    read_history_for_page();
    add_page_routes(routes_, *page_, [this] { return report_with_sites(); });
    look_for_page();
  }

  /// Once, when there is somebody to show it to: at the start, or when a reload switches [http] on.
  void read_history_for_page() {
    if (page_knows_history_ || config_.http.listen.empty()) return;
    page_knows_history_ = true;
    page_->begin_with(last_entries(config_.history_file, page_history));
  }

  /// A bgpd that has died on its own is nobody's change: it is only seen by looking.
  void look_for_page() {
    page_timer_.expires_after(between_looks);
    page_timer_.async_wait([this](boost::system::error_code error) {
      if (error || ending_) return;
      if (!config_.http.listen.empty()) {
        const auto now = StatusPage::Moment::now();
        page_->see(report(), now.wall);
      }
      look_for_page();
    });
  }

  void keep_notes() {
    const auto say = [this](Severity severity, const std::string& text) { tell(severity, text); };
    history_.emplace(config_.history_file, config_.history_size, say);
    if (!on_change_) on_change_.emplace(io_.get_executor(), say);
    on_change_->use(config_.on_change, config_.on_change_timeout);
  }

  /// The next run need not wait for it: it finds the lock free.
  void let_on_change_end() {
    control_.reset();
    changes_.reset();
    http_.reset();
    lock_.reset();
    // What is abandoned in the middle of a change of bgpd must not come to life again.
    if (!engine_->controller().busy() && !on_change_->idle()) {
      on_change_->when_idle([this] { io_.stop(); });
      io_.restart();
      io_.run_for(last_notes);
    }
    if (on_change_->left() > 0) {
      tell(Severity::warning, fmt::format("on_change: this run is over; {} change(s) were dropped",
                                          on_change_->left()));
    }
  }

  /// Whoever may type into bgpd may also ask withdrawd and read its history.
  void share() {
    if (!config_.control_group.empty()) {
      // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
      const group* named = ::getgrnam(config_.control_group.c_str());
      const auto given = named ? share_with(named->gr_gid)
                               : std::unexpected(core::Error{
                                     "give the control socket to group " + config_.control_group,
                                     "there is no such group", "correct control_group"});
      if (!given) tell(Severity::warning, given.error().text());
      return;
    }
    struct stat found;
    for (const std::string& place : vty::socket_places(config_.access)) {
      if (::stat(place.c_str(), &found) != 0) continue;
      // Without the right to, members of that group ask bgpd itself.
      static_cast<void>(share_with(found.st_gid));
      return;
    }
  }

  core::Result<void> share_with(gid_t group) {
    if (history_) history_->give_to(group);
    if (http_) http_->give_to(group);
    return control_ ? control_->give_to(group) : core::Result<void>{};
  }

  std::string summary() const {
    std::size_t prefixes = 0;
    for (const auto& rule : config_.settings.rules) prefixes += rule.prefixes.size();
    return fmt::format(
        "{} mode, {} check{}, {} prefix{}",
        config_.settings.mode == core::Mode::hard ? "hard" : "soft", config_.settings.checks.size(),
        config_.settings.checks.size() == 1 ? "" : "s", prefixes, prefixes == 1 ? "" : "es");
  }

  std::string answer(std::string_view line, uid_t peer) {
    auto request = Request::parse(line);
    if (!request) return said(std::unexpected(request.error()));
    request->who = requester(peer, request->who);
    switch (request->verb) {
      case Request::Verb::status:
        return boost::json::serialize(to_json(report())) + "\n";
      case Request::Verb::drain:
      case Request::Verb::undrain:
        return said(drain(*request));
      case Request::Verb::reload:
        return said(reload("`withdrawd reload`"));
      case Request::Verb::now:
        tell(Severity::debug, "`withdrawd now`: asks all checks");
        // Not from inside the connection: what follows may end this run.
        asio::post(io_, [this] { engine_->happen(core::AskNow{}); });
        return said(fmt::format("asks {} check(s) now", config_.settings.checks.size()));
    }
    return "";
  }

  void show_fleet(ControlServer::Reply reply) {
    const auto& link = engine_->link();
    if (!link) {
      reply(said(std::unexpected(
          core::Error{"look at the fleet", "this site is in none", "configure [fleet]"})));
      return;
    }
    link->look([fleet = *engine_->config().settings.fleet,
                reply = std::move(reply)](core::Result<core::FleetSites> view) {
      reply(view ? boost::json::serialize(to_json(fleet, *view)) + "\n"
                 : said(std::unexpected(view.error())));
    });
  }

  /// For the one who asked.
  static std::string said(const core::Result<std::string>& result) {
    boost::json::object object;
    if (result) {
      object["said"] = *result;
    } else {
      object["error"] = result.error().text();
    }
    return boost::json::serialize(object) + "\n";
  }

  core::Result<std::string> drain(const Request& request) {
    auto prefixes = core::find_prefixes(engine_->config().settings, request.target);
    if (!prefixes) return std::unexpected(prefixes.error());
    const std::size_t count = prefixes->size();
    engine_->happen(core::DrainChanged{
        std::move(*prefixes), drain_of(request, std::chrono::steady_clock::now()), request.who});
    return drained_text(request, count);
  }

  void after_step() {
    save(false);
    if (changes_) changes_->stepped();
    const core::Controller& controller = engine_->controller();
    measurements_->stepped(controller);
    if (plan_.single_round && (controller.at_rest() || controller.stuck())) end();
    // What is refused is tried again, for as long as there is time.
    if (ending_ && !controller.busy() && (!retires_ || controller.at_rest())) finish();
    // A run that ends takes up nothing new: it might bring back what it is withdrawing.
    if (next_config_ && !ending_ && !controller.busy()) adopt();
  }

  /// With thousands of prefixes the state takes a while to be written, and thousands of checks
  /// change it in as many steps. So it is written when twenty times as long has passed; for few of
  /// them that is at once. Checks that are due come first.
  void save(bool last) {
    if (!last && engine_->controller().revision() == saved_revision_) return;
    const auto now = std::chrono::steady_clock::now();
    if (last || (now >= save_not_before_ && save_takes_ < noticeable)) {
      write_state(last);
      return;
    }
    if (std::exchange(save_waits_, true)) return;
    save_.expires_at(std::max(now, save_not_before_));
    save_.async_wait([this](boost::system::error_code error) {
      save_waits_ = false;
      if (!error && engine_ && !ending_) write_state(false);
    });
  }

  void write_state(bool last) {
    const auto begun = std::chrono::steady_clock::now();
    saved_revision_ = engine_->controller().revision();
    core::Memory memory = worth_saving(engine_->controller().memory(), engine_->config().settings);
    // At the end in any case: the counts' age is that of the file.
    if (memory == saved_ && !last) return;
    const auto done = state_.save(memory, StateFile::Moment::now(), counters());
    saved_ = std::move(memory);
    if (done) {
      save_failed_ = false;
    } else if (!std::exchange(save_failed_, true)) {
      tell(Severity::warning, done.error().text());
    }
    const auto now = std::chrono::steady_clock::now();
    save_takes_ = now - begun;
    save_not_before_ = now + 20 * save_takes_;
  }

  /// For the next run, where runs follow each other and somebody reads them.
  boost::json::object counters() const {
    const bool goes_on = plan_.mode != "run" && measurements_->has_file();
    return goes_on ? measurements_->counters() : boost::json::object();
  }

  void wait_for_signal() {
    signals_.async_wait([this](boost::system::error_code error, int signal) {
      if (error) return;
      if (signal == SIGHUP && plan_.reload) {
        static_cast<void>(reload("SIGHUP"));
      } else {
        tell(Severity::info,
             fmt::format("{}: ends, {}",
                         signal == SIGTERM  ? "SIGTERM"
                         : signal == SIGINT ? "SIGINT"
                                            : "SIGHUP",
                         withdraws_on_exit() ? "rules with on_exit = \"withdraw\" are withdrawn"
                                             : "announcements stay as they are"));
        end();
      }
      wait_for_signal();
    });
  }

  core::Result<std::string> reload(std::string_view by) {
    if (!plan_.reload) {
      return std::unexpected(core::Error{"reload",
                                         "this is a bounded run: the next one reads the "
                                         "file anyway",
                                         ""});
    }
    if (ending_) {
      return std::unexpected(
          core::Error{"reload", "this run is ending", "the next one reads the file anyway"});
    }
    // Also if there is something wrong with the configuration: the file may have been renamed.
    open_log_again();
    supervisor_.reloading();
    auto config = plan_.reload();
    if (!config) {
      supervisor_.ready();
      if (measurements_) measurements_->reload_failed();
      tell(Severity::error, fmt::format("{}: nothing changes: {}", by, config.error().text()));
      return std::unexpected(config.error());
    }
    if (!complete(*config)) {
      supervisor_.ready();
      return std::unexpected(core::Error{"reload", "bgpd could not be restarted", "see the log"});
    }
    next_config_ = std::move(*config);
    reloaded_by_ = by;
    if (engine_ && !engine_->controller().busy()) {
      asio::post(io_, [this] {
        if (next_config_ && !ending_ && engine_ && !engine_->controller().busy()) adopt();
      });
    }
    return "the new configuration is good, and in force";
  }

  void adopt() {
    config_ = std::move(*next_config_);
    next_config_.reset();
    open_log_again();
    keep_notes();
    measurements_->use(config_);
    if (http_) http_->use(config_.http);
    if (page_) {
      page_->use(config_.settings);
      read_history_for_page();
    }
    share();
    engine_->replace(config_);
    supervisor_.ready();
    tell(Severity::info,
         fmt::format("{}: goes on with the new configuration: {}", reloaded_by_, summary()));
  }

  void open_log_again() {
    const auto opened = log_.reopen(LogPlan::of(config_));
    if (!opened) {
      tell(Severity::error, opened.error().text() + "; the log goes on where it was");
    }
  }

  bool withdraws_on_exit() const {
    return plan_.mode == "run" && engine_ &&
           std::ranges::any_of(engine_->config().settings.rules, &core::Rule::withdraw_on_exit);
  }

  /// As soon as no change of bgpd is under way, it is over.
  void end() {
    if (std::exchange(ending_, true)) {
      finish();  // asked twice: at once
      return;
    }
    supervisor_.stopping();
    retires_ = withdraws_on_exit();
    if (!retires_ && (!engine_ || !engine_->controller().busy())) {
      finish();
      return;
    }
    force_.expires_after(last_words);
    force_.async_wait([this](boost::system::error_code error) {
      if (error) return;
      if (retires_ && !engine_->controller().at_rest()) {
        tell(Severity::critical,
             fmt::format("ends although bgpd has not done in {} what on_exit asks for: what is not "
                         "withdrawn stays announced, and nobody watches it",
                         core::describe(last_words)));
      }
      finish();
    });
    if (retires_) engine_->happen(core::Retire{});
  }

  void finish() {
    ending_ = true;
    if (engine_) engine_->stop();
    io_.stop();
  }

  asio::io_context io_;  // first: what is in it must outlive nothing but itself
  Log log_;
  SessionPlan plan_;
  config::Config config_;
  StateFile state_;
  asio::signal_set signals_;
  asio::steady_timer deadline_;
  asio::steady_timer turn_;
  asio::steady_timer force_;
  asio::steady_timer status_timer_;
  asio::steady_timer summary_timer_;
  bool status_is_old_ = true;
  asio::steady_timer save_;
  bool save_waits_ = false;
  std::chrono::steady_clock::time_point save_not_before_{};
  std::chrono::steady_clock::duration save_takes_{};
  std::optional<LockFile> lock_;
  std::optional<History> history_;
  std::optional<OnChange> on_change_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Measurements> measurements_;
  std::unique_ptr<ControlServer> control_;
  Supervisor supervisor_ = Supervisor::from_environment();
  Heartbeat heartbeat_{io_.get_executor(), supervisor_,
                       [this] { return engine_->controller().next_wake(); }};
  HttpRoutes routes_;
  std::optional<StatusPage> page_;
  bool page_knows_history_ = false;
  asio::steady_timer page_timer_{io_};
  std::unique_ptr<HttpServer> http_;
  std::optional<ChangeFeed> changes_;
  LogSummary log_summary_;
  bool summary_awaited_ = false;
  core::Memory saved_;
  std::optional<core::Controller::Revision> saved_revision_;
  bool retires_ = false;  ///< prefixes are being withdrawn, because this run ends
  std::optional<config::Config> next_config_;
  std::string reloaded_by_;
  bool save_failed_ = false;
  bool ending_ = false;
  int status_ = exit_fine;
};

}  // namespace

int run_session(config::Config config, Log log, SessionPlan plan) {
  // A vtysh or a peer of the control socket that goes away must not take us along.
  static_cast<void>(::signal(SIGPIPE, SIG_IGN));
  Session session(std::move(config), std::move(log), std::move(plan));
  try {
    return session.run();
  } catch (const std::bad_alloc&) {
    return session.give_up("out of memory");
  } catch (const std::exception& problem) {
    return session.give_up(core::printable(problem.what()));
  }
}

}  // namespace withdrawd::daemon
