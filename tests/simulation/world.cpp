#include "world.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <queue>

#include "bgpd_model.hpp"
#include "core/controller.hpp"
#include "daemon/state_file.hpp"
#include "random.hpp"
#include "vty/answers.hpp"
#include "vty/running_config.hpp"
#include "vty/table.hpp"

namespace withdrawd::simulation {
namespace {

using namespace core;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// When the quiet has lasted for so long without a change, it is one.
constexpr Duration quiet_enough = seconds(25);
/// By then it must have come: restarts back off up to a minute.
constexpr Duration quiet_at_last = minutes(4);

class World {
 public:
  World(const Setting& setting, const Story& story, std::uint64_t seed, Planted planted,
        bool keep_log)
      : setting_(setting),
        random_(seed * 2 + 3),
        bgpd_(setting.dialect, setting.file),
        referee_(setting, bgpd_, now_),
        between_(planted),
        keep_log_(keep_log),
        missing_routes_(setting.spots.size()),
        dns_(setting.servers) {
    bgpd_.table_delay = milliseconds(50);
    bgpd_.start_delay = milliseconds(100);
    bgpd_.start(now_);
    for (const Happening& happening : story) {
      at(start() + happening.at, [this, &happening] { begin(happening); });
    }
    at(start() + story_length, [this] { become_quiet(); });
    be_born(true);
  }

  Run run() {
    while (!queue_.empty() && !referee_.violation() && !over_) {
      // A move out of the queue's top, which its interface does not offer.
      Due due = std::move(const_cast<Due&>(queue_.top()));
      queue_.pop();
      now_ = due.at;
      referee_.look(now_);
      watch_pressure();
      due.what();
    }
    if (!over_) referee_.complain(now_, "the world has come to a stop");
    return {steps_, now_ - start(), referee_.violation(), std::move(log_)};
  }

 private:
  struct Due {
    Time at;
    std::uint64_t number;
    std::function<void()> what;
    bool operator<(const Due& other) const {
      return std::tie(other.at, other.number) < std::tie(at, number);
    }
  };
  enum class Process { finding, stopping, restarting };

  static Time start() { return Time{} + std::chrono::hours(1); }
  void at(Time when, std::function<void()> what) {
    queue_.push({std::max(when, now_), ++numbers_, std::move(what)});
  }
  void later(Duration delay, std::function<void()> what) { at(now_ + delay, std::move(what)); }
  Duration soon() { return random_.between(microseconds(200), milliseconds(20)); }
  void note(std::string line) {
    if (keep_log_) {
      log_.push_back(fmt::format("{:>9.3f} s  {}",
                                 std::chrono::duration<double>(now_ - start()).count(), line));
    }
  }

  // Troubles.
  bool on(What what) const { return spells_[static_cast<std::size_t>(what)] > 0; }
  const Configuration& in_force() const { return setting_.configurations[in_force_]; }
  const Settings& settings() const { return in_force().settings; }
  bool pressure() const;
  bool cannot_read() const;
  void watch_pressure();
  void begin(const Happening& happening);
  void kernel_tells(const Happening& happening);
  const Spot* spot_of(const Happening& happening) const;
  void edit_file(std::uint64_t dice);
  void operator_speaks(const Happening& happening);
  void end(const Happening& happening);
  void apply_spells();
  void become_quiet();
  void listen_to_quiet();

  // bgpd.
  void bgpd_dies();
  void bgpd_starts();
  void bgpd_thaws();

  // withdrawd.
  /// The state file, and what the referee knows of it.
  struct Saved {
    std::string text;
    Time at;
    Referee::Knowledge knowledge;
    bool killed = false;  ///< is it written that we have killed bgpd?
  };
  void be_born(bool first);
  void die(const Happening& happening);
  void is_killed(Remains remains);
  void is_told_to_end(Time back_at);
  void ends();
  void is_told_to_reload(std::size_t configuration);
  bool may_reload() const;
  void reloads();
  Saved save() const;
  void deliver(Event event, std::uint64_t life);
  void wake(std::uint64_t life, std::uint64_t alarm);
  void step(Effects effects);

  void carry_out(const AskCheck& effect);
  void carry_out(const ReadBgpd& effect);
  void carry_out(const ApplyPlan& effect);
  void carry_out(const FindBgpd& effect);
  void carry_out(const StopBgpd& effect);
  void carry_out(const RestartBgpd& effect);
  void carry_out(const LogLine& effect);
  void carry_out(const LogBatch& effect);
  void carry_out(const Note& effect);
  // No fleet is configured here: see fleet_world.cpp.
  void carry_out(const AskLeave&) { referee_.complain(now_, "leave is asked without a fleet"); }
  void carry_out(const SayPlace&) { referee_.complain(now_, "a place is told without a fleet"); }

  /// An operation on bgpd: what was said, and what bgpd was like.
  struct Operation {
    std::optional<Plan> plan;
    std::vector<Lookup> lookups;
    std::uint64_t life;
    Time begun;
    pid_t pid = 0;
    std::vector<std::string> answered{};
    std::optional<RunningConfig> truth{};
    unsigned foreign_changes = 0;
    Time seen_at{};
    bool over = false;  ///< withdrawd has been answered, or has given up
  };
  using Shared = std::shared_ptr<Operation>;
  void start_operation(Shared operation);
  void reach_bgpd(const Shared& operation);
  std::optional<Failure> type(Operation& operation, bool late);
  std::expected<Observed, Failure> read_back(Operation& operation);
  void answer(const Shared& operation, std::expected<Observed, Failure> result);
  void time_out(const Shared& operation);
  Outcome dns_outcome(std::size_t check, Duration& latency);
  Failure failure(Trouble trouble, std::string_view happened) const {
    return {trouble, {"talk to bgpd", std::string(happened), ""}};
  }

  const Setting& setting_;
  Random random_;
  Time now_ = start();
  BgpdModel bgpd_;
  Referee referee_;
  GoBetween between_;
  bool keep_log_;
  std::vector<std::string> log_;
  std::priority_queue<Due> queue_;
  std::uint64_t numbers_ = 0;

  std::array<int, what_count> spells_{};
  std::array<int, 3> missing_route_maps_{};
  std::vector<int> missing_routes_;  ///< by spot
  struct Dns {
    What manner = What::dns_answers;
    std::uint64_t version = 0;
    std::optional<OutcomeKind> last{};  ///< for the log
    std::uint64_t asking = 0;           ///< the one that counts
  };
  std::vector<Dns> dns_;
  /// What was typed at a frozen bgpd, and waits in its socket.
  std::vector<Shared> unread_;
  bool killed_by_us_ = false;
  bool orphaned_ = false;  ///< and withdrawd has lost the memory of that
  Time bgpd_stable_since_{};

  std::unique_ptr<Controller> controller_;
  std::uint64_t life_ = 0;
  std::uint64_t alarm_ = 0;
  Time starved_until_{};
  bool operating_ = false;
  Time operation_begun_{};
  Time replaced_at_{};  ///< what was asked before is about a bgpd that is no more
  bool connected_ = false;
  bool finding_ = false;
  bool changing_process_ = false;
  std::size_t steps_ = 0;

  std::size_t in_file_ = 0;   ///< the configuration that the file holds
  std::size_t in_force_ = 0;  ///< and the one that withdrawd has read
  bool to_reload_ = false;
  bool ending_ = false;
  Time back_at_{};        ///< then it is started again
  bool retires_ = false;  ///< prefixes are being withdrawn, because it ends
  std::optional<Happening> death_in_the_act_;
  std::optional<Happening> reload_in_the_act_;
  std::optional<Saved> old_;
  std::optional<Saved> kept_;

  bool quiet_ = false;
  Time quiet_since_{};
  std::optional<Time> settled_since_;
  bool over_ = false;
};

// Is something going on that keeps withdrawd from what it should do, or that looks like it?
bool World::pressure() const {
  constexpr std::array hindrances{
      What::vty_locked, What::vty_refuses,   What::vty_without_effect, What::dies_at_statement,
      What::table_slow, What::redistributes, What::route_gone,         What::route_map_gone,
      What::find_fails, What::stop_fails,    What::restart_fails,      What::restart_in_vain};
  return cannot_read() || !bgpd_.running() ||
         std::ranges::any_of(hindrances, [this](What what) { return on(what); });
}

// The part of it that keeps withdrawd from knowing.
bool World::cannot_read() const {
  constexpr std::array hindrances{What::bgpd_frozen, What::freezes_at_statement, What::vty_deaf,
                                  What::vty_cut,     What::lookups_unanswered,   What::starved};
  return !controller_ || now_ < starved_until_ || now_ - bgpd_stable_since_ < seconds(1) ||
         changing_process_ || (operating_ && operation_begun_ <= referee_.calm_since()) ||
         std::ranges::any_of(hindrances, [this](What what) { return on(what); });
}

void World::watch_pressure() {
  if (cannot_read()) referee_.blinded(now_);
  if (pressure()) referee_.disturbed(now_);
  referee_.owes_restart(controller_ && settings().mode == Mode::soft && killed_by_us_ &&
                            !orphaned_ && !bgpd_.running() && now_ >= starved_until_ &&
                            !on(What::find_fails) && !on(What::restart_fails) &&
                            !on(What::restart_in_vain),
                        now_);
}

void World::begin(const Happening& happening) {
  note("        (" + in_words(happening, setting_) + ")");
  const What what = happening.what;
  const Spot* spot = spot_of(happening);
  referee_.world_changes();
  ++spells_[static_cast<std::size_t>(what)];
  switch (what) {
    case What::dns_answers:
    case What::dns_nxdomain:
    case What::dns_servfail:
    case What::dns_dead:
    case What::dns_killed:
    case What::dns_loses:
    case What::dns_slow:
    case What::dns_lies:
    case What::cannot_ask:
    case What::dns_flaps: {
      Dns& dns = dns_[happening.whom];
      dns.manner = what;
      const auto version = ++dns.version;
      if (happening.length > Duration::zero()) {
        later(happening.length, [this, whom = happening.whom, version] {
          if (dns_[whom].version == version) dns_[whom].manner = What::dns_answers;
        });
      }
      if (what == What::dns_killed) kernel_tells(happening);
      break;
    }
    case What::bgpd_frozen:
      bgpd_.freeze(now_);
      break;
    case What::bgpd_dies:
    case What::bgpd_restarted:
      bgpd_dies();
      break;
    case What::vty_hangs_up:
      if (connected_) deliver(ConnectionLost{}, life_);
      break;
    case What::types_network:
      if (!spot || !bgpd_.running() || bgpd_.frozen()) break;
      bgpd_.edit(spot->place, spot->prefix, options_of(happening.detail), now_);
      break;
    case What::types_no_network:
      if (!spot || !bgpd_.running() || bgpd_.frozen()) break;
      bgpd_.edit(spot->place, spot->prefix, std::nullopt, now_);
      break;
    case What::frr_reload:
      if (bgpd_.running() && !bgpd_.frozen()) bgpd_.reload_file(now_);
      break;
    case What::frr_reload_anew:
      edit_file(happening.detail);
      if (bgpd_.running() && !bgpd_.frozen()) bgpd_.reload_file(now_);
      break;
    case What::writes_memory:
      if (bgpd_.running() && !bgpd_.frozen()) bgpd_.write_file();
      break;
    case What::drains:
    case What::undrains:
      if (spot) operator_speaks(happening);
      break;
    case What::reloads:
      is_told_to_reload(configuration_of(happening, setting_));
      break;
    case What::reloads_in_the_act:
      reload_in_the_act_ = happening;
      break;
    case What::redistributes:
      if (spot) bgpd_.redistribute(spot->place, spot->prefix, true, now_);
      break;
    case What::route_gone:
      if (spot) ++missing_routes_[happening.whom];
      break;
    case What::route_map_gone:
      ++missing_route_maps_[route_map_of(happening)];
      break;
    case What::withdrawd_dies:
      die(happening);
      break;
    case What::withdrawd_dies_in_the_act:
      death_in_the_act_ = happening;
      break;
    case What::withdrawd_ends:
      is_told_to_end(now_ + happening.length);
      break;
    case What::starved:
      starved_until_ = std::max(starved_until_, now_ + happening.length);
      referee_.deprived(starved_until_);
      break;
    default:
      break;
  }
  apply_spells();
  referee_.disturbed(now_);
  // By copy: the story outlives the world, a shrunk one as well.
  later(happening.length, [this, happening] { end(happening); });
}

// The server's processes die one after the other; or one of them has died long before, or for
// another reason.
void World::kernel_tells(const Happening& happening) {
  for (std::size_t deaths = happening.detail % 4; deaths > 0; --deaths) {
    later(random_.between({}, happening.detail % 5 == 0 ? seconds(1) : milliseconds(5)),
          [this, life = life_, server = happening.whom] {
            if (life != life_) return;
            const auto& checks = settings().checks;
            for (std::size_t i = 0; i < checks.size(); ++i) {
              if (server_of(checks[i]) == server) deliver(ProcessDied{i}, life);
            }
          });
  }
}

const Spot* World::spot_of(const Happening& happening) const {
  // Of a DNS server `whom` counts servers.
  return happening.whom < setting_.spots.size() ? &setting_.spots[happening.whom] : nullptr;
}

// Each statement that a rule may be about: there or not, and with what.
void World::edit_file(std::uint64_t dice) {
  Random random(dice);
  for (const Spot& spot : setting_.spots) {
    const bool stated = random.chance(70);
    const auto options = options_of(random.next());
    bgpd_.edit_file(spot.place, spot.prefix, stated ? std::optional(options) : std::nullopt);
  }
}

void World::operator_speaks(const Happening& happening) {
  const auto& slots = in_force().slots;
  const auto meant = std::ranges::find(slots, happening.whom, &Slot::spot);
  if (meant == slots.end()) return;  // withdrawd knows no such prefix
  DrainChanged change{{}, std::nullopt, "an operator"};
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (drains_rule(happening) ? slots[i].rule != meant->rule : &slots[i] != &*meant) continue;
    change.prefixes.push_back(in_force().key_of(i));
  }
  if (happening.what == What::drains) {
    change.drain = Drain{"an operator", "maintenance", now_, std::nullopt};
    if (!drains_for_good(happening)) change.drain->until = now_ + happening.length;
  }
  deliver(std::move(change), life_);
}

void World::end(const Happening& happening) {
  referee_.world_changes();
  --spells_[static_cast<std::size_t>(happening.what)];
  const Spot* spot = spot_of(happening);
  switch (happening.what) {
    case What::bgpd_frozen:
    case What::freezes_at_statement:
      if (!on(What::bgpd_frozen) && !on(What::freezes_at_statement)) bgpd_thaws();
      break;
    case What::bgpd_dies:
    case What::dies_at_statement:
      if (!bgpd_.running() && !killed_by_us_) bgpd_starts();
      break;
    case What::bgpd_restarted:
      if (!bgpd_.running()) bgpd_starts();
      break;
    case What::redistributes:
      if (spot) bgpd_.redistribute(spot->place, spot->prefix, false, now_);
      break;
    case What::route_gone:
      if (spot) --missing_routes_[happening.whom];
      break;
    case What::route_map_gone:
      --missing_route_maps_[route_map_of(happening)];
      break;
    case What::reloads_in_the_act:
      reload_in_the_act_.reset();  // it has done nothing
      break;
    case What::withdrawd_dies:
      if (!controller_) be_born(false);
      break;
    case What::withdrawd_dies_in_the_act:
      death_in_the_act_.reset();  // it has done nothing
      break;
    default:
      break;
  }
  apply_spells();
  referee_.disturbed(now_);
}

void World::apply_spells() {
  bgpd_.locked = on(What::vty_locked);
  bgpd_.refuses = on(What::vty_refuses);
  bgpd_.deaf_to_statements = on(What::vty_without_effect);
  bgpd_.table_delay = on(What::table_slow) ? milliseconds(900) : milliseconds(50);
  bgpd_.without_answer.clear();
  if (on(What::lookups_unanswered)) {
    for (const Spot& spot : setting_.spots) bgpd_.without_answer.insert(spot.prefix);
  }
  for (std::size_t i = 0; i < missing_route_maps_.size(); ++i) {
    const std::string name(route_maps[i]);
    const bool there = missing_route_maps_[i] == 0;
    if (there != bgpd_.config().route_maps.contains(name)) {
      bgpd_.define_route_map(name, there, now_);
    }
  }
  for (std::size_t i = 0; i < setting_.spots.size(); ++i) {
    const core::Prefix& prefix = setting_.spots[i].prefix;
    const bool missing = missing_routes_[i] > 0;
    if (missing != bgpd_.misses_in_rib(prefix)) bgpd_.miss_in_rib(prefix, missing, now_);
  }
}

void World::bgpd_dies() {
  if (!bgpd_.running()) return;
  bgpd_.die();
  unread_.clear();
  if (setting_.keeps_connection && connected_) {
    later(random_.between(microseconds(100), milliseconds(2)),
          [this, life = life_] { deliver(ConnectionLost{}, life); });
  }
  connected_ = false;
  if (setting_.watchfrr) {
    later(random_.between(milliseconds(500), seconds(5)), [this] {
      if (!bgpd_.running()) bgpd_starts();
    });
  }
}

void World::bgpd_starts() {
  note("        (bgpd starts)");
  bgpd_.start(now_);
  bgpd_stable_since_ = now_;
  killed_by_us_ = orphaned_ = false;
  apply_spells();
  if (on(What::bgpd_frozen)) bgpd_.freeze(now_);
  referee_.disturbed(now_);
}

void World::bgpd_thaws() {
  bgpd_.thaw(now_);
  // What was typed meanwhile is read now, however long ago its sender gave up.
  for (const Shared& operation : std::exchange(unread_, {})) {
    later(random_.between({}, milliseconds(5)), [this, operation] {
      if (!operation->over) {
        reach_bgpd(operation);
      } else if (operation->plan && bgpd_.running() && bgpd_.pid() == operation->pid &&
                 !bgpd_.frozen() && random_.chance(50)) {
        type(*operation, true);
      }
    });
  }
}

// --- withdrawd

/// One moment by both clocks. The wall's is about noon.
daemon::StateFile::Moment moment(Time now) {
  const auto noon = daemon::StateFile::WallTime{} + std::chrono::hours(24 * 365 * 56 + 12);
  return {noon + std::chrono::duration_cast<daemon::StateFile::WallTime::duration>(
                     now.time_since_epoch()),
          now};
}

/// A file that was being written when the power went.
std::string damaged(std::string text, Random& random) {
  text.resize(random.below(text.size() - 2));
  if (random.chance(30)) text.append(64, '\0');
  return text;
}

World::Saved World::save() const {
  return {daemon::state_text(controller_->memory(), moment(now_)), now_, referee_.knowledge(),
          killed_by_us_};
}

void World::be_born(bool first) {
  ++life_;
  operating_ = finding_ = changing_process_ = connected_ = false;
  to_reload_ = ending_ = false;
  starved_until_ = now_;
  in_force_ = in_file_;
  Memory memory;
  Referee::Knowledge knowledge;
  bool knows_of_kill = false;
  if (kept_) {
    if (auto parsed = daemon::parse_state(kept_->text, moment(now_))) {
      memory = std::move(*parsed);
      knowledge = kept_->knowledge;
      knows_of_kill = kept_->killed;
      // So old, they say nothing about now.
      if (memory.checks.empty()) knowledge.counts.clear();
    }
  }
  if (!knows_of_kill && killed_by_us_) orphaned_ = true;
  between_.pass(memory);
  for (Dns& dns : dns_) dns.asking = 0;
  if (!first) note(fmt::format("withdrawd starts, with configuration {}", in_force_ + 1));
  controller_ = std::make_unique<Controller>(between_.pass(settings()), memory, now_);
  referee_.born(in_force(), knowledge, now_);
  if (!old_) old_ = save();
  wake(life_, alarm_);
}

void World::die(const Happening& happening) {
  if (controller_) is_killed(remains_of(happening));
}

void World::is_killed(Remains remains) {
  switch (remains) {
    case Remains::memory:
      kept_ = save();
      break;
    case Remains::nothing:
      kept_.reset();
      break;
    case Remains::old_memory:
      kept_ = old_;
      break;
    case Remains::damaged_memory:
      kept_ = save();
      kept_->text = damaged(kept_->text, random_);
      if (daemon::parse_state(kept_->text, moment(now_))) {
        referee_.complain(now_, "half a state file is taken for a whole one");
      }
  }
  controller_.reset();
  ++life_;  // nothing that is under way is answered any longer
  referee_.died(now_);
}

// As it does on SIGTERM: prefixes that are to go with it go first, and what is under way ends.
void World::is_told_to_end(Time back_at) {
  if (!controller_ || ending_) return;
  ending_ = true;
  back_at_ = back_at;
  const auto& rules = settings().rules;
  retires_ = std::ranges::any_of(rules, &Rule::withdraw_on_exit);
  later(seconds(10), [this, life = life_] {
    if (life == life_ && ending_ && controller_) ends();
  });
  if (retires_) {
    deliver(Retire{}, life_);
  } else if (!controller_->busy()) {
    ends();
  }
}

void World::ends() {
  is_killed(Remains::memory);
  at(back_at_, [this] {
    if (!controller_) be_born(false);
  });
}

void World::is_told_to_reload(std::size_t configuration) {
  in_file_ = configuration;
  if (!controller_) return;
  to_reload_ = true;
  referee_.told_to_reload(now_);
  // Not from inside the request.
  later({}, [this, life = life_] {
    if (life == life_ && controller_ && to_reload_ && may_reload()) reloads();
  });
}

bool World::may_reload() const {
  return now_ >= starved_until_ && !ending_ &&
         (!controller_->busy() || !between_.waits_to_reload());
}

// A new Controller goes on with the memory of the old one, and has a connection of its own.
void World::reloads() {
  // Nobody would hear what comes of it, and the next one would be typed on top of it.
  if (operating_ || changing_process_) {
    referee_.complain(now_, "a reload does not wait for what is under way at bgpd");
  }
  to_reload_ = false;
  ++life_;
  ++alarm_;
  operating_ = finding_ = changing_process_ = connected_ = false;
  in_force_ = in_file_;
  note(fmt::format("withdrawd goes on with configuration {}", in_force_ + 1));
  Memory memory = controller_->memory_for_reload();
  between_.pass_on(memory);
  for (Dns& dns : dns_) dns.asking = 0;
  controller_ = std::make_unique<Controller>(between_.pass(settings()), memory, now_);
  referee_.reloaded(in_force(), now_);
  later({}, [this, life = life_, alarm = alarm_] { wake(life, alarm); });
}

void World::deliver(Event event, std::uint64_t life) {
  if (life != life_ || !controller_) return;
  if (now_ < starved_until_) {
    at(starved_until_, [this, life, event = std::move(event)] { deliver(event, life); });
    return;
  }
  const auto* answer = std::get_if<CheckAnswered>(&event);
  if (answer && answer->asking == dns_[server_of(settings().checks[answer->check])].asking) {
    referee_.answered(answer->check, answer->outcome, now_);
    Dns& dns = dns_[server_of(settings().checks[answer->check])];
    if (dns.last != answer->outcome.kind) {
      dns.last = answer->outcome.kind;
      note(fmt::format("{}'s outcomes from here on: {}", settings().checks[answer->check].name,
                       name(answer->outcome.kind)));
    }
  }
  if (const auto* change = std::get_if<DrainChanged>(&event)) {
    for (std::size_t i = 0; i < in_force().slots.size(); ++i) {
      const PrefixKey key = in_force().key_of(i);
      if (std::ranges::find(change->prefixes, key) == change->prefixes.end()) continue;
      std::optional<Referee::Drained> drain;
      if (change->drain) drain = Referee::Drained{change->drain->since, change->drain->until};
      referee_.drained(i, drain, now_);
    }
  }
  if (std::holds_alternative<Retire>(event)) referee_.told_to_end(now_);
  const auto* stopped = std::get_if<BgpdStopped>(&event);
  const auto* restarted = std::get_if<BgpdRestarted>(&event);
  if ((stopped && stopped->pids && !stopped->pids->empty()) || (restarted && restarted->output)) {
    replaced_at_ = now_;
  }
  referee_.gets_time(now_);
  between_.pass(event);
  step(controller_->on(event, now_));
}

void World::wake(std::uint64_t life, std::uint64_t alarm) {
  if (life != life_ || alarm != alarm_ || !controller_) return;
  if (now_ < starved_until_) {
    at(starved_until_, [this, life, alarm] { wake(life, alarm); });
    return;
  }
  referee_.gets_time(now_);
  step(controller_->wake(now_));
}

void World::step(Effects effects) {
  ++steps_;
  bool acts = false;
  for (Effect& effect : effects) {
    if (!between_.pass(effect)) continue;
    acts = acts ||
           !(std::holds_alternative<LogLine>(effect) || std::holds_alternative<LogBatch>(effect) ||
             std::holds_alternative<Note>(effect) || std::holds_alternative<AskCheck>(effect) ||
             std::holds_alternative<ReadBgpd>(effect) || std::holds_alternative<FindBgpd>(effect));
    std::visit([this](const auto& one) { carry_out(one); }, effect);
  }
  if (acts && death_in_the_act_) {
    // Before it hears what came of it.
    const Happening death = *std::exchange(death_in_the_act_, std::nullopt);
    later(random_.between({}, milliseconds(10)), [this, death] { die(death); });
    later(death.length + milliseconds(10), [this] {
      if (!controller_) be_born(false);
    });
  }
  if (acts && reload_in_the_act_) {
    const Happening reload = *std::exchange(reload_in_the_act_, std::nullopt);
    later(random_.between({}, milliseconds(10)),
          [this, configuration = configuration_of(reload, setting_)] {
            is_told_to_reload(configuration);
          });
  }
  referee_.check_clock(now_);
  watch_pressure();
  referee_.check(*controller_, now_);
  if (ending_ && !controller_->busy() &&
      (!retires_ || controller_->at_rest() || controller_->stuck())) {
    ends();
    return;
  }
  if (to_reload_ && may_reload()) {
    reloads();
    return;
  }
  const auto next = controller_->next_wake();
  ++alarm_;
  if (next) {
    // Timers are late.
    at(*next + random_.between({}, microseconds(500)),
       [this, life = life_, alarm = alarm_] { wake(life, alarm); });
  }
  if (quiet_) listen_to_quiet();
}

void World::carry_out(const LogLine& effect) {
  referee_.tells(effect, now_);
  if (effect.severity != Severity::debug) note("withdrawd says: " + effect.text);
}

void World::carry_out(const LogBatch& effect) {
  for (std::size_t i = 0; i < effect.count; ++i) carry_out(effect.make(i));
}

void World::carry_out(const Note& effect) {
  referee_.notes(effect, now_);
  if (effect.kind != Note::Kind::changed)
    note("withdrawd notes: " + std::string(name(effect.kind)));
}

// --- DNS

Outcome World::dns_outcome(std::size_t index, Duration& latency) {
  const core::Check& check = settings().checks[index];
  const Duration timeout = std::get<core::DnsQuestion>(check.probe).timeout;
  latency = random_.between(microseconds(100), milliseconds(3));
  What manner = dns_[server_of(check)].manner;
  if (manner == What::dns_lies) {
    constexpr std::array lies{What::dns_answers, What::dns_nxdomain, What::dns_servfail,
                              What::dns_dead};
    manner = random_.pick(std::span<const What>(lies));
  } else if (manner == What::dns_flaps) {
    const auto second = std::chrono::duration_cast<seconds>(now_.time_since_epoch()).count();
    manner = second % 3 == 0 ? What::dns_dead : What::dns_answers;
  } else if (manner == What::dns_loses && random_.chance(50)) {
    // The first try is lost; the second one may be, too.
    latency += timeout / 2;
    if (random_.chance(50)) manner = What::dns_dead;
  } else if (manner == What::dns_slow) {
    latency += random_.between(milliseconds(1), timeout - milliseconds(10));
  }
  switch (manner) {
    case What::dns_nxdomain:
      return {OutcomeKind::nxdomain, latency, ""};
    case What::dns_servfail:
      return {OutcomeKind::error, latency, "SERVFAIL"};
    case What::dns_killed:
      latency = milliseconds(20);
      return {OutcomeKind::error, latency, "port unreachable"};
    case What::dns_dead:
      latency = timeout;
      return {OutcomeKind::timeout, latency, ""};
    case What::cannot_ask:
      return {OutcomeKind::unable, latency, "has no file descriptors left"};
    default:
      return {OutcomeKind::ok, latency, "192.0.2.53"};
  }
}

void World::carry_out(const AskCheck& effect) {
  auto& asking = dns_[server_of(settings().checks[effect.check])].asking;
  if (effect.asking != std::exchange(asking, effect.asking)) referee_.overtakes(effect.check);
  referee_.asks(effect.check, now_);
  Duration latency{};
  const Outcome outcome = dns_outcome(effect.check, latency);
  later(latency, [this, life = life_, effect, outcome] {
    deliver(CheckAnswered{effect.check, outcome, effect.asking}, life);
  });
}

// --- bgpd's vty

void World::carry_out(const ReadBgpd& effect) {
  start_operation(std::make_shared<Operation>(Operation{{}, effect.lookups, life_, now_}));
}

void World::carry_out(const ApplyPlan& effect) {
  if (keep_log_) {
    for (const Change& change : effect.plan.changes) {
      note(fmt::format("withdrawd sends \"{}\"", change.statement()));
    }
  }
  referee_.sends(effect.plan, now_);
  start_operation(std::make_shared<Operation>(Operation{effect.plan, effect.lookups, life_, now_}));
}

void World::start_operation(Shared operation) {
  referee_.operates(now_);
  if (operating_) referee_.complain(now_, "two operations on bgpd at a time");
  operating_ = true;
  operation_begun_ = now_;
  later(soon(), [this, operation = std::move(operation)] { reach_bgpd(operation); });
}

void World::reach_bgpd(const Shared& operation) {
  if (operation->life != life_ && random_.chance(50)) return;  // died before it was sent
  if (!bgpd_.running() || on(What::vty_deaf)) {
    connected_ = false;
    answer(operation, std::unexpected(failure(Trouble::unreachable, "nobody is there")));
    return;
  }
  operation->pid = bgpd_.pid();
  if (bgpd_.frozen()) {
    unread_.push_back(operation);
    time_out(operation);
    return;
  }
  connected_ = setting_.keeps_connection;
  if (operation->plan) {
    const bool late = operation->life != life_;
    if (auto trouble = type(*operation, late)) {
      answer(operation, std::unexpected(std::move(*trouble)));
      return;
    }
    if (on(What::freezes_at_statement)) bgpd_.freeze(now_);
    if (on(What::dies_at_statement)) bgpd_dies();
    if (!bgpd_.running() || (on(What::vty_cut) && random_.chance(50))) {
      if (connected_) {
        deliver(ConnectionLost{}, operation->life);
        connected_ = false;
      }
      answer(operation, std::unexpected(failure(Trouble::unreachable, "bgpd hung up")));
      return;
    }
  }
  if (bgpd_.frozen()) {
    time_out(operation);
    return;
  }
  auto result = read_back(*operation);
  // What it has said already is read, whatever becomes of it.
  const bool on_its_way = random_.chance(50);
  later(soon(), [this, operation, on_its_way, result = std::move(result)] {
    if (on_its_way) {
      answer(operation, result);
    } else if (bgpd_.running() && bgpd_.frozen()) {
      time_out(operation);
    } else if (!bgpd_.running() || bgpd_.pid() != operation->pid) {
      answer(operation, std::unexpected(failure(Trouble::unreachable, "bgpd hung up")));
    } else {
      answer(operation, result);
    }
  });
}

std::optional<Failure> World::type(Operation& operation, bool late) {
  BgpdModel::Session session(bgpd_);
  for (const std::string& line : operation.plan->vty_lines()) {
    const auto reply = session.type(line, now_);
    if (vty::says_locked(reply.text)) return failure(Trouble::locked, "it is locked");
    if (!reply.text.empty()) operation.answered.push_back(vty::one_line(reply.text, 400));
  }
  referee_.typed(session.statements(), late, now_);
  // From withdrawd's side that is somebody else's doing: it has given up on it.
  if (late && !session.statements().empty()) bgpd_.count_as_foreign();
  return std::nullopt;
}

std::expected<Observed, Failure> World::read_back(Operation& operation) {
  auto config = vty::read_running_config(bgpd_.running_config_text());
  if (!config) {
    referee_.complain(now_, "the reader fails: " + config.error().text());
    return std::unexpected(failure(Trouble::refused, "unreadable"));
  }
  operation.truth = bgpd_.config();
  operation.foreign_changes = bgpd_.foreign_changes();
  operation.seen_at = now_;
  for (std::size_t i = 0; i < config->instances.size(); ++i) {
    if (config->instances[i].networks != bgpd_.config().instances[i].networks) {
      referee_.complain(now_, "the reader sees other statements than there are");
    }
  }
  if (operation.plan) {
    for (const Change& change : operation.plan->changes) {
      if (!in_effect(change, *config)) {
        return std::unexpected(
            failure(Trouble::refused, fmt::format("\"{}\" is not in effect", change.statement())));
      }
    }
  }
  Observed observed{std::move(*config), {}};
  for (const Lookup& lookup : operation.lookups) {
    const auto chosen = choose_instance(observed.config, lookup.instance);
    if (!chosen) continue;
    const auto place = static_cast<BgpdModel::Place>(*chosen - observed.config.instances.data());
    if (const auto entry = vty::read_table_entry(bgpd_.show(place, lookup.prefix, now_))) {
      observed.in_table.emplace(lookup, entry->sourced_locally());
    }
  }
  return observed;
}

void World::time_out(const Shared& operation) {
  const Duration left = std::max(operation->begun + setting_.patience - now_, Duration::zero());
  later(left, [this, operation] {
    answer(operation, std::unexpected(failure(Trouble::silent, "bgpd does not answer")));
  });
}

void World::answer(const Shared& operation, std::expected<Observed, Failure> result) {
  if (operation->over || operation->life != life_ || !controller_) return;
  if (now_ < starved_until_) {
    at(starved_until_,
       [this, operation, result = std::move(result)] { answer(operation, result); });
    return;
  }
  operation->over = true;
  operating_ = false;
  // What began in trouble may end like that.
  if (operation->begun <= referee_.calm_since()) referee_.disturbed(now_);
  if (result && operation->truth && operation->begun > replaced_at_) {
    referee_.has_seen(*operation->truth, operation->foreign_changes, operation->seen_at);
  }
  if (operation->plan) {
    deliver(PlanApplied{std::move(result), "model", operation->answered}, operation->life);
  } else {
    deliver(BgpdRead{std::move(result), "model"}, operation->life);
  }
}

// --- bgpd's process

void World::carry_out(const FindBgpd&) {
  referee_.finds(now_);
  if (finding_) referee_.complain(now_, "bgpd is looked for twice at a time");
  finding_ = true;
  BgpdFound found{std::vector<pid_t>{}};
  if (on(What::find_fails)) {
    found.pids = std::unexpected(Error{"look for bgpd", "/proc cannot be read", ""});
  } else if (bgpd_.running()) {
    found.pids->push_back(bgpd_.pid());
  }
  later(random_.between(microseconds(50), milliseconds(30)),
        [this, life = life_, found = std::move(found)] {
          if (life != life_) return;
          finding_ = false;
          deliver(found, life);
        });
}

void World::carry_out(const StopBgpd&) {
  note("withdrawd kills bgpd");
  referee_.stops(now_);
  if (changing_process_) referee_.complain(now_, "bgpd is killed and restarted at a time");
  changing_process_ = true;
  later(soon(), [this, life = life_] {
    if (life != life_ && random_.chance(50)) return;  // died before it did so
    BgpdStopped stopped{std::vector<pid_t>{}};
    if (on(What::stop_fails)) {
      stopped.pids = std::unexpected(Error{"kill bgpd", "not permitted", ""});
    } else if (bgpd_.running()) {
      stopped.pids->push_back(bgpd_.pid());
      killed_by_us_ = true;
      bgpd_dies();
      if (life == life_) referee_.kills(now_);
    }
    referee_.missed_something();
    later(random_.between(microseconds(100), milliseconds(3)),
          [this, life, stopped = std::move(stopped)] {
            if (life == life_) changing_process_ = false;
            deliver(stopped, life);
          });
  });
}

void World::carry_out(const RestartBgpd&) {
  note("withdrawd restarts bgpd");
  referee_.restarts(now_);
  if (changing_process_) referee_.complain(now_, "bgpd is killed and restarted at a time");
  changing_process_ = true;
  later(random_.between(milliseconds(20), seconds(2)), [this, life = life_] {
    BgpdRestarted restarted{std::string()};
    if (on(What::restart_fails)) {
      restarted.output = std::unexpected(Error{"run the restart command", "exit status 1", ""});
    } else if (!on(What::restart_in_vain)) {
      if (bgpd_.running()) bgpd_.die();
      bgpd_starts();
    }
    if (life != life_) return;
    changing_process_ = false;
    referee_.missed_something();
    if (now_ >= starved_until_) referee_.restart_ended(now_);
    deliver(std::move(restarted), life);
  });
}

// --- the end

void World::become_quiet() {
  note("        (from here on nothing happens any more)");
  for (Dns& dns : dns_) {
    ++dns.version;
    dns.manner = random_.chance(50) ? What::dns_answers : What::dns_dead;
    if (random_.chance(20)) dns.manner = What::dns_nxdomain;
  }
  quiet_ = true;
  // All spells end by now, those that end at this very moment as well.
  later(milliseconds(1), [this] {
    if (!controller_) be_born(false);
    // What withdrawd has not killed, or cannot know to have killed, is for people to start.
    if (!bgpd_.running() && (!killed_by_us_ || orphaned_)) bgpd_starts();
    quiet_since_ = now_;
    later(quiet_at_last, [this] {
      std::string why;
      referee_.settled(*controller_, now_, &why);
      referee_.complain(now_, "four minutes of quiet, and it does not come to rest: " + why);
    });
  });
}

void World::listen_to_quiet() {
  // A look at bgpd every now and then is no unrest.
  if (quiet_since_ == Time{} || (controller_->busy() && settled_since_)) return;
  if (!referee_.settled(*controller_, now_)) {
    settled_since_.reset();
  } else if (!settled_since_) {
    settled_since_ = now_;
  } else if (now_ - *settled_since_ > quiet_enough) {
    over_ = true;
  }
}

}  // namespace

Run play(const Setting& setting, const Story& story, std::uint64_t seed, Planted planted,
         bool keep_log) {
  return World(setting, story, seed, planted, keep_log).run();
}

}  // namespace withdrawd::simulation
