#include "daemon/session.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <malloc.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json.hpp>
#include <exception>
#include <map>
#include <memory>
#include <new>
#include <set>
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
#include "files/beside.hpp"
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
/// How long a start waits for the disk on which its lock or state is.
constexpr auto disk_patience = std::chrono::seconds(3);
/// How long a run waits at its end for what is to be written.
constexpr auto last_writes = std::chrono::seconds(2);
/// A write that takes longer is told.
constexpr auto hanging = std::chrono::seconds(5);
/// For a reader of TOML, which is nested.
constexpr std::size_t reload_stack = std::size_t{8} * 1024 * 1024;
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

/// Whose members may ask withdrawd and read its history: those who may type into bgpd, unless the
/// configuration names others. Waits for the disk, and for whoever keeps this host's groups.
core::Result<std::optional<gid_t>> group_to_share_with(const config::Config& config) {
  if (!config.control_group.empty()) {
    std::array<char, 16384> buffer{};
    group entry{};
    group* named = nullptr;
    ::getgrnam_r(config.control_group.c_str(), &entry, buffer.data(), buffer.size(), &named);
    if (named) return named->gr_gid;
    return std::unexpected(core::Error{"give the control socket to group " + config.control_group,
                                       "there is no such group", "correct control_group"});
  }
  struct stat found;
  for (const std::string& place : vty::socket_places(config.access)) {
    if (::stat(place.c_str(), &found) == 0) return found.st_gid;
  }
  return std::nullopt;
}

/// The history, as its writer's thread has it, with what is to be told of it.
struct Keeper {
  Keeper(const config::Config& config)
      : history(config.history_file, config.history_size,
                [this](Severity severity, const std::string& text) {
                  told.emplace_back(severity, text);
                }) {}
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;
  std::vector<std::pair<Severity, std::string>> told;
  History history;
};

/// A configuration, with all that must be looked up for it.
struct Loaded {
  config::Config config;
  std::optional<core::Error> no_restart;  ///< bgpd could not be started again
  core::Result<std::optional<gid_t>> group;
  core::Result<std::shared_ptr<Log::Opened>> log;

  static core::Result<Loaded> from(core::Result<config::Config> read) {
    if (!read) return std::unexpected(read.error());
    auto no_restart = without_restart(*read);
    auto group = group_to_share_with(*read);
    auto log = Log::prepare(LogPlan::of(*read));
    return Loaded{*std::move(read), std::move(no_restart), std::move(group), std::move(log)};
  }

  /// Where the configuration leaves it to the host: whether that has a command. Which one it is,
  /// the process that is killed tells. Also a unit will do that somebody starts later, by hand.
  static std::optional<core::Error> without_restart(const config::Config& config) {
    if (!config.process.restart.empty()) return {};
    const auto found = process::default_restart(::getpid(), process::Units::installed);
    return found ? std::nullopt : std::optional(found.error());
  }
};

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
    if (!can_restart(config_, Loaded::without_restart(config_))) return exit_usage;
    raise_descriptor_limit();
    wait_for_signal();
    take_lock();
    io_.run();
    // Here nothing of the engine runs any more, but its Controller still knows how it ended.
    if (engine_) {
      save(true);
      measurements_->write_file();
      // The next run reads it as soon as it has the lock.
      write_until_ = std::chrono::steady_clock::now() + last_writes;
      if (!state_writer_.finish(write_until_)) {
        tell(Severity::critical,
             fmt::format("the state could not be saved within {}: the disk of {} hangs",
                         core::describe(last_writes), state_.path().string()));
      }
      measurements_->writer().finish(write_until_);
      if (plan_.single_round) {
        status_ = exit_status(engine_->controller().report(std::chrono::steady_clock::now()),
                              engine_->controller().at_rest());
      }
      let_on_change_end();
    }
    for (const core::LogLine& line : log_summary_.rest()) log_.tell(line);
    return status_;
  }

  /// Waits for what is still to be written, but not for a disk that hangs. False: it does.
  bool finish_writing() {
    // Whoever comes next must find the lock free, also where a thread keeps this process from
    // ending.
    lock_.reset();
    const auto until = std::max(write_until_, std::chrono::steady_clock::now() + last_writes / 4);
    bool done = history_writer_.finish(until);
    if (measurements_) done = measurements_->writer().finish(until) && done;
    done = state_writer_.finish(until) && done;
    return log_.finish(until) && done;
  }

 private:
  void tell(Severity severity, std::string_view text) {
    log_.tell(severity, text);
    if (severity > Severity::debug) status_is_old_ = true;
  }

  void tell(const core::LogLine& line) {
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
      for (const core::LogLine& line : log_summary_.due(std::chrono::steady_clock::now())) {
        log_.tell(line);
      }
      await_summary();
    });
  }

  /// Says so if bgpd could not be. False: this configuration is of no use without.
  bool can_restart(const config::Config& config, const std::optional<core::Error>& problem) {
    if (!problem) return true;
    if (config.settings.mode == core::Mode::hard) {
      tell(Severity::critical, problem->text());
      return false;
    }
    tell(Severity::warning,
         "if bgpd ever had to be killed, it could not be started again: " + problem->text());
    return true;
  }

  void take_lock() {
    auto looked = files::within(disk_patience, [file = config_.lock_file, mode = plan_.mode] {
      return LockFile::take(file, mode);
    });
    auto taken = looked ? *std::move(looked)
                        : std::unexpected(core::Error{
                              "open the lock file " + config_.lock_file.string(),
                              "its disk has not answered for " + core::describe(disk_patience),
                              "set lock_file to a place in memory, such as /run"});
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
    StateFile::Loaded loaded = load_state();
    if (!loaded.warning.empty()) tell(Severity::warning, loaded.warning);
    saved_ = std::make_shared<const core::Memory>(loaded.memory);
    engine_ = std::make_unique<Engine>(
        io_, config_, loaded.memory, Engine::Manner::act,
        [this](const core::LogLine& line) { tell(line); }, [this] { after_step(); });
    keep_notes();
    measure(loaded.counters);
    engine_->on_note([this](const core::Note& note) {
      const auto entry = entry_of(note, std::chrono::system_clock::now());
      keep(entry);
      on_change_->add(entry);
      if (!page_) return;
      page_->add(entry);
      if (page_reads_) page_missed_.push_back(entry);
    });
    auto control = ControlServer::open(
        io_.get_executor(), config_.control_socket,
        [this](std::string_view request, uid_t peer) { return answer(request, peer); });
    if (control) {
      control_ = std::move(*control);
      control_->answer_later("fleet",
                             [this](ControlServer::Reply reply) { show_fleet(std::move(reply)); });
      control_->answer_later(
          "reload",
          [this](ControlServer::Reply reply) { reload("`withdrawd reload`", std::move(reply)); },
          said(std::unexpected(core::Error{"reload",
                                           "the configuration is still being read after " +
                                               core::describe(ControlServer::patience),
                                           "the log says what comes of it"})));
    } else {
      tell(Severity::warning, control.error().text());
    }
    open_http();
    const auto group =
        files::within(disk_patience, [config = config_] { return group_to_share_with(config); });
    if (group) share(*group);
    look_at_disks();
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

  StateFile::Loaded load_state() {
    auto loaded = files::within(disk_patience,
                                [state = state_] { return state.load(StateFile::Moment::now()); });
    if (loaded) return *std::move(loaded);
    return {{},
            {},
            fmt::format("the saved state {} cannot be read (its disk has not answered for {}): "
                        "health counts, drains, damping and the route-maps of withdrawn prefixes "
                        "start afresh",
                        state_.path().string(), core::describe(disk_patience))};
  }

  void keep(const HistoryEntry& entry) {
    if (config_.history_file.empty()) return;
    const auto size = sizeof entry + entry.cause.size();
    history_writer_.add(
        [this, keeper = keeper_, entry, group = group_]() -> FileWriter::Report {
          if (group) keeper->history.give_to(*group);
          keeper->history.add(entry);
          if (keeper->told.empty()) return {};
          return [this, told = std::exchange(keeper->told, {})] {
            for (const auto& [severity, text] : told) tell(severity, text);
          };
        },
        size);
  }

  struct Disk {
    const FileWriter* writer;
    std::uint64_t lost;
    std::string path;  ///< for messages
  };
  std::vector<Disk> disks() const {
    const bool has_file = config_.log_target == config::LogTarget::file;
    return {{&log_.writer(), log_.lost(), has_file ? config_.log_file.string() : "standard error"},
            {&history_writer_, history_writer_.dropped(), config_.history_file.string()},
            {&state_writer_, 0, state_.path().string()},
            {&measurements_->writer(), 0, config_.metrics.file.string()}};
  }

  std::vector<MetricsView::WriterView> writers() const {
    std::vector<MetricsView::WriterView> writers;
    for (const Disk& disk : disks()) {
      writers.push_back(
          {disk.writer->name(), disk.lost, disk.writer->busy_for().value_or(core::Duration{})});
    }
    return writers;
  }

  /// Tells of a write that does not end, and when it has.
  void look_at_disks() {
    for (const Disk& disk : disks()) {
      const bool hangs = disk.writer->busy_for().value_or(core::Duration{}) >= hanging;
      const auto& name = disk.writer->name();
      if (hangs && hanging_.insert(name).second) {
        tell(Severity::error,
             fmt::format("{} ({}): a write has not ended for {}: the disk hangs or is frozen, or "
                         "nobody reads the pipe; withdrawals go on, what is to be written waits",
                         name, disk.path, core::describe(hanging)));
      } else if (!hangs && hanging_.erase(name) > 0) {
        tell(Severity::info, fmt::format("{} ({}): writes end again", name, disk.path));
      }
      const auto lost = std::exchange(lost_told_[name], disk.lost);
      if (name != "log" && disk.lost > lost) {
        tell(Severity::error, fmt::format("{} ({}): {} lines were lost: too many wait already",
                                          name, disk.path, disk.lost - lost));
      }
    }
    disk_timer_.expires_after(between_statuses);
    disk_timer_.async_wait([this](boost::system::error_code error) {
      if (!error && !ending_) look_at_disks();
    });
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
                              .changes_waiting = [this] { return on_change_->left(); },
                              .writers = [this] { return writers(); }},
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
    page_reads_ = true;
    history_writer_.add(
        [this, file = config_.history_file]() -> FileWriter::Report {
          return [this, entries = last_entries(file, page_history)]() mutable {
            page_reads_ = false;
            // What was noted before it was read is in it, or was given no place there.
            for (auto& entry : std::exchange(page_missed_, {})) {
              if (std::ranges::find(entries, entry) == entries.end()) {
                entries.push_back(std::move(entry));
              }
            }
            page_->begin_with(entries);
          };
        },
        0);
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
    keeper_ = std::make_shared<Keeper>(config_);
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

  void share(const core::Result<std::optional<gid_t>>& group) {
    if (!group) tell(Severity::warning, group.error().text());
    if (!group || !*group) return;
    group_ = *group;
    if (http_) http_->give_to(*group_);
    const auto given = control_ ? control_->give_to(*group_) : core::Result<void>{};
    // Without the right to, members of bgpd's own group ask bgpd itself.
    if (!given && !config_.control_group.empty()) tell(Severity::warning, given.error().text());
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
    switch (request->verb) {
      case Request::Verb::status:
        return boost::json::serialize(to_json(report())) + "\n";
      case Request::Verb::drain:
      case Request::Verb::undrain:
        request->who = requester(peer, request->who);
        return said(drain(*request));
      case Request::Verb::reload:
        break;  // answered later
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
    if (next_ && !ending_ && !controller.busy()) adopt();
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
    const auto memory = std::make_shared<const core::Memory>(
        worth_saving(engine_->controller().memory(), engine_->config().settings));
    // At the end in any case: the counts' age is that of the file.
    if (*memory == *saved_ && !last) return;
    saved_ = memory;
    state_writer_.replace([this, state = state_, memory, now = StateFile::Moment::now(),
                           counters = counters()]() -> FileWriter::Report {
      return [this, done = state.save(*memory, now, counters)] {
        if (done) {
          save_failed_ = false;
        } else if (!std::exchange(save_failed_, true)) {
          tell(Severity::warning, done.error().text());
        }
      };
    });
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
        reload("SIGHUP");
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

  /// Files are read and checked beside the loop, however many they are and however long their disk
  /// takes. `reply`: who wants to hear what comes of it.
  void reload(std::string by, ControlServer::Reply reply = {}) {
    if (!plan_.reload || ending_) {
      const auto* why = ending_ ? "this run is ending" : "this is a bounded run";
      if (reply) {
        reply(said(
            std::unexpected(core::Error{"reload", why, "the next one reads the file anyway"})));
      }
      return;
    }
    if (reply) reload_replies_.push_back(std::move(reply));
    reloaded_by_ = std::move(by);
    // What is being read may be what was there before.
    if (std::exchange(reload_wanted_, true) || reloading_) return;
    reloading_ = true;
    asio::co_spawn(io_, reload_as_wanted(), [](const std::exception_ptr& thrown) {
      if (thrown) std::rethrow_exception(thrown);
    });
  }

  asio::awaitable<void> reload_as_wanted() {
    constexpr auto as_long_as_it_takes = core::Duration::max();
    while (std::exchange(reload_wanted_, false) && !ending_) {
      const auto replies = std::exchange(reload_replies_, {});
      supervisor_.reloading();
      // Also if there is something wrong with the configuration: the file may have been renamed.
      auto opened = files::beside(as_long_as_it_takes,
                                  [plan = LogPlan::of(config_)] { return Log::prepare(plan); });
      auto log = co_await std::move(opened);
      if (log) use_log(*log);
      auto loading = files::beside(
          as_long_as_it_takes, [load = plan_.reload] { return Loaded::from(load()); }, "",
          reload_stack);
      auto loaded = co_await std::move(loading);
      if (!loaded || ending_) break;
      const auto answer = said(take_up(*std::move(loaded)));
      for (const auto& reply : replies) reply(answer);
    }
    reloading_ = false;
  }

  core::Result<std::string> take_up(core::Result<Loaded> loaded) {
    if (!loaded) {
      supervisor_.ready();
      if (measurements_) measurements_->reload_failed();
      tell(Severity::error,
           fmt::format("{}: nothing changes: {}", reloaded_by_, loaded.error().text()));
      return std::unexpected(loaded.error());
    }
    if (!can_restart(loaded->config, loaded->no_restart)) {
      supervisor_.ready();
      return std::unexpected(core::Error{"reload", "bgpd could not be restarted", "see the log"});
    }
    next_ = *std::move(loaded);
    if (engine_ && !engine_->controller().busy()) {
      asio::post(io_, [this] {
        if (next_ && !ending_ && engine_ && !engine_->controller().busy()) adopt();
      });
    }
    return "the new configuration is good, and in force";
  }

  void adopt() {
    Loaded next = *std::move(next_);
    next_.reset();
    config_ = std::move(next.config);
    use_log(next.log);
    keep_notes();
    measurements_->use(config_);
    if (http_) http_->use(config_.http);
    if (page_) {
      page_->use(config_.settings);
      read_history_for_page();
    }
    share(next.group);
    engine_->replace(config_);
    supervisor_.ready();
    tell(Severity::info,
         fmt::format("{}: goes on with the new configuration: {}", reloaded_by_, summary()));
  }

  void use_log(const core::Result<std::shared_ptr<Log::Opened>>& opened) {
    if (opened) {
      log_.use(*opened);
    } else {
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
  std::shared_ptr<Keeper> keeper_;
  std::optional<gid_t> group_;  ///< whose members may read the history
  FileWriter history_writer_{"history", io_.get_executor()};
  FileWriter state_writer_{"state", io_.get_executor()};
  asio::steady_timer disk_timer_{io_};
  std::set<std::string> hanging_;                   ///< writers that were told to
  std::map<std::string, std::uint64_t> lost_told_;  ///< lines, by writer
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
  bool page_reads_ = false;                ///< the history, beside the loop
  std::vector<HistoryEntry> page_missed_;  ///< noted meanwhile
  asio::steady_timer page_timer_{io_};
  std::unique_ptr<HttpServer> http_;
  std::optional<ChangeFeed> changes_;
  LogSummary log_summary_;
  bool summary_awaited_ = false;
  std::shared_ptr<const core::Memory> saved_;
  std::optional<core::Controller::Revision> saved_revision_;
  bool retires_ = false;        ///< prefixes are being withdrawn, because this run ends
  std::optional<Loaded> next_;  ///< to be taken up when bgpd is not being changed
  std::string reloaded_by_;
  bool reloading_ = false;
  bool reload_wanted_ = false;
  std::vector<ControlServer::Reply> reload_replies_;
  bool save_failed_ = false;
  bool ending_ = false;
  core::Time write_until_{};  ///< the end waits so long for what is to be written
  int status_ = exit_fine;
};

}  // namespace

int run_session(config::Config config, Log log, SessionPlan plan) {
  // A vtysh or a peer of the control socket that goes away must not take us along.
  static_cast<void>(::signal(SIGPIPE, SIG_IGN));
  // Threads that mostly sleep need no memory of their own.
  ::mallopt(M_ARENA_MAX, 2);  // NOLINT(concurrency-mt-unsafe): there are none yet
  int status = exit_fine;
  bool done = false;
  {
    Session session(std::move(config), std::move(log), std::move(plan));
    try {
      status = session.run();
    } catch (const std::bad_alloc&) {
      status = session.give_up("out of memory");
    } catch (const std::exception& problem) {
      status = session.give_up(core::printable(problem.what()));
    }
    done = session.finish_writing();
  }
  // A thread sleeps in the kernel. Nothing may be torn down below it.
  if (!done || files::Sleeper::any()) ::_exit(status);
  return status;
}

}  // namespace withdrawd::daemon
