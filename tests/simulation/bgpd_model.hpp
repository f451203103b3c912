#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/bgp.hpp"
#include "core/time.hpp"

namespace withdrawd::simulation {

/// Whose words bgpd speaks.
enum class Dialect : std::uint8_t { quagga, frr };

/// A bgpd as withdrawd and its peers know it: a process, a configuration that is typed at and
/// printed, and a table that follows the configuration some time later. Its words are those of the
/// recorded conversations.
class BgpdModel {
 public:
  using Networks = std::map<core::Prefix, core::NetworkOptions>;
  /// An instance, by its place in the configuration.
  using Place = std::size_t;

  BgpdModel(Dialect dialect, core::RunningConfig file);

  // The process.
  bool running() const { return running_; }
  bool frozen() const { return frozen_; }
  pid_t pid() const { return pid_; }
  void start(core::Time now);
  void die();
  void freeze(core::Time now);
  void thaw(core::Time now);

  /// What its peers believe: true also of a frozen bgpd, whose sessions stand.
  bool announces(Place place, const core::Prefix& prefix, core::Time now);
  /// Would it, if it had the time?
  bool wants_to_announce(Place place, const core::Prefix& prefix) const;

  const core::RunningConfig& config() const { return config_; }
  /// How often somebody else than withdrawd has changed the configuration.
  unsigned foreign_changes() const { return foreign_changes_; }
  void count_as_foreign() { ++foreign_changes_; }

  // Other people's hands.
  void edit(Place place, const core::Prefix& prefix,
            const std::optional<core::NetworkOptions>& statement, core::Time now);
  void edit_file(Place place, const core::Prefix& prefix,
                 const std::optional<core::NetworkOptions>& statement);
  void reload_file(core::Time now);
  void write_file() { file_ = config_; }
  void define_route_map(const std::string& name, bool defined, core::Time now);
  void redistribute(Place place, const core::Prefix& prefix, bool on, core::Time now);
  void miss_in_rib(const core::Prefix& prefix, bool missing, core::Time now);
  bool misses_in_rib(const core::Prefix& prefix) const { return missing_in_rib_.contains(prefix); }

  bool locked = false;                    ///< somebody sits in configuration mode
  bool refuses = false;                   ///< takes no statement
  bool deaf_to_statements = false;        ///< says yes to each and does nothing
  std::set<core::Prefix> without_answer;  ///< look-ups that it answers with nonsense
  core::Duration table_delay{};           ///< from a change to the table
  core::Duration start_delay{};           ///< from the start to the first routes

  // The vty, from the node after `enable`.
  struct Reply {
    std::string text;
    int status = 0;
  };
  class Session;

  std::string running_config_text() const;
  std::string show(Place place, const core::Prefix& prefix, core::Time now);

 private:
  struct Route {
    bool shown = false;
    std::optional<core::Time> turns{};  ///< when it is shown, or not any longer
  };

  void settle(core::Time now);
  void retarget(core::Time now, core::Duration delay);
  void changed_by_others(core::Time now);

  Dialect dialect_;
  core::RunningConfig file_;
  core::RunningConfig config_;
  bool running_ = false;
  bool frozen_ = false;
  pid_t pid_ = 100;
  unsigned foreign_changes_ = 0;
  std::map<std::pair<Place, core::Prefix>, Route> table_;
  std::set<std::pair<Place, core::Prefix>> redistributed_;
  std::set<core::Prefix> missing_in_rib_;
};

/// One conversation: the nodes of configuration mode, and what each takes.
class BgpdModel::Session {
 public:
  explicit Session(BgpdModel& bgpd) : bgpd_(bgpd) {}
  /// `changed` is set if the line has changed the configuration, `no_op` if it was a statement
  /// that did not.
  Reply type(std::string_view line, core::Time now);

  struct Statement {
    Place place;
    core::Prefix prefix;
    std::optional<core::NetworkOptions> wanted;  ///< none: withdrawn
    std::optional<core::NetworkOptions> before;
    bool taken;
  };
  const std::vector<Statement>& statements() const { return statements_; }

 private:
  enum class Node { enable, config, router, family };
  Reply unknown(std::string_view line) const;
  Reply network(std::string_view rest, bool no, core::Time now);

  BgpdModel& bgpd_;
  Node node_ = Node::enable;
  Place place_ = 0;
  core::Family family_ = core::Family::ipv4;
  std::vector<Statement> statements_;
};

}  // namespace withdrawd::simulation
