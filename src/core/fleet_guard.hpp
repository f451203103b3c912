#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "core/desired_state.hpp"
#include "core/events.hpp"
#include "core/settings.hpp"

namespace withdrawd::core {

/// Keeps the last sites of a fleet from withdrawing the same prefix. It asks for leave before a
/// prefix may be withdrawn, and tells the others where this site stands. What it relies on: leave
/// is the taking away of this site's own place, so that nobody counts on it from then on, however
/// late it is used; and nobody counts on a place but those who find it `up`.
/// Counts prefixes as Policy does, which drives it.
class FleetGuard {
 public:
  /// Not on without a fleet in the settings: then everything is allowed and nobody is told.
  explicit FleetGuard(const Settings& settings);
  bool on() const { return fleet_ != nullptr; }

  /// The name under which the sites know a prefix of a rule: "192.0.2.0/24", with its instance if
  /// the rule names one, "192.0.2.0/24@vrf CUSTOMER".
  static std::string place_name(const Rule& rule, const Prefix& prefix);

  /// Each is true if something has to be decided again.
  bool on_event(const LeaveAnswered& answer, Time now);
  bool on_event(const FleetReached& reached, Time now);
  bool on_event(const FleetChanged& changed);
  /// True if that is news.
  bool on_event(const FleetNameContested& contested);
  bool bgpd_gone(bool gone);
  /// bgpd may have to be killed soon, which takes every prefix with it.
  bool kill_near(bool near);
  bool is_kill_near() const { return kill_near_; }

  /// All that matters for one prefix.
  struct Facts {
    DesiredState wanted;  ///< what it would be without a fleet
    DesiredState before;  ///< what it has been
    Standing standing = Standing::unknown;
    Health health = Health::unknown;
    bool near_down = false;  ///< one more bad outcome, which may be on its way, makes it down
    bool drained = false;
    bool forced = false;  ///< an operator takes it out with or without leave
  };
  /// What the prefix should be, given the fleet. Asks for leave and tells the others.
  DesiredState judge(std::size_t index, const Facts& facts, Time now, Effects& effects);
  /// When time alone changes something.
  std::optional<Time> next_change() const;

  /// Is an answer under way that something has to wait for?
  bool waits() const;
  /// What keeps bgpd from being killed, for people; none: nothing.
  std::optional<std::string> kill_hindrance() const;

  enum class Verdict : std::uint8_t {
    none,     ///< nothing to be allowed or forbidden
    waiting,  ///< no answer yet
    held,     ///< must not go
    given,    ///< may go
    without,  ///< may go, but nobody has given leave
  };
  Verdict verdict(std::size_t index) const { return items_[index].verdict; }
  /// Why the verdict is `held` or `without`: "only 1 other site announces it healthy (b)".
  const std::string& detail(std::size_t index) const { return items_[index].detail; }
  const FleetFloor& floor(std::size_t index) const { return items_[index].floor; }
  const std::optional<Place>& place(std::size_t index) const { return items_[index].said; }

  /// Of the store, as last heard.
  const std::optional<FleetReached>& reached() const { return reached_; }
  std::optional<Time> reached_since() const { return reached_since_; }
  /// Who uses this site's name besides; empty: nobody.
  const std::string& name_contested_by() const { return name_contested_by_; }

 private:
  enum class Leave : std::uint8_t { none, asked, refused, unreachable };
  /// Does nobody count on this site, and how did that come?
  enum class Left : std::uint8_t {
    no,
    unasked,  ///< by force, or it was not there: whoever knows that has not looked at the others
    given,    ///< asked for: there were others enough, who know
    without,  ///< asked for, and nobody answered
  };
  struct Item {
    std::string place;
    FleetFloor floor;
    Leave leave = Leave::none;
    unsigned number = 0;  ///< of the asking; an answer to an earlier one says nothing
    Time asked_at{};
    Time retry_at{};
    Left left = Left::no;
    bool goes = false;     ///< is to be withdrawn
    bool is_away = false;  ///< was not in the table when last seen
    bool has_left() const { return left != Left::no; }
    Verdict verdict = Verdict::none;
    std::string detail{};
    std::optional<Place> said{};
  };

  void ask(std::size_t index, Time now, Effects& effects);
  void forget(Item& item);
  void look_at_clock(Item& item, Time now);
  void settle(Item& item);
  void tell_others(std::size_t index, const Facts& facts, Effects& effects);

  const Fleet* fleet_;
  std::vector<Item> items_;
  std::optional<FleetReached> reached_;
  std::optional<Time> reached_since_;
  std::string name_contested_by_;
  bool gone_ = false;
  bool kill_near_ = false;
};

}  // namespace withdrawd::core
