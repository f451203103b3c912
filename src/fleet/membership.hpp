#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/events.hpp"
#include "fleet/record.hpp"
#include "fleet/transaction.hpp"

namespace withdrawd::fleet {

/// This site's own places in the store: what is to be said, what has been asked, and which
/// transaction brings that about. No I/O and no clock: whoever drives it carries out
/// `next_transaction` and gives back what came of it, one after the other.
///
/// Leave is one compare-and-swap: so many other sites' records, which were read as `up`, must not
/// have changed (they are there and say so still), nor this site's own; then this site's own says
/// `left`. Two sites that lean on one another cannot both succeed, since each would change what the
/// other compares; and whoever succeeds leaves so many behind, of whom each must ask in its turn.
///
/// Every write compares the site's own record with how it was last read. So a write whose outcome
/// is not known, and which may still be on its way, has no effect once a later one has succeeded;
/// until then nothing is taken for settled.
class Membership {
 public:
  /// The steps of a transaction and what the largest of them compares: etcd takes 128 together by
  /// default.
  static constexpr std::size_t most_operations = 120;
  /// So many records of a prefix are read where a few were not enough.
  static constexpr std::int64_t page = 16;

  using WallClock = std::function<std::int64_t()>;  ///< seconds

  /// `run` is in every record, and is another one in each process.
  Membership(const core::Fleet& fleet, std::string run, WallClock clock);

  void ask(const core::AskLeave& ask);
  void say(const core::SayPlace& say);

  /// Writes are bound to it from now on; what was written under another one may be gone.
  void use_lease(Lease lease);
  Lease lease() const { return lease_; }

  /// Looks again for others to lean on, where too few are known: so that an asking takes one round
  /// trip when it comes. For quiet times.
  void look_around();

  /// Looks whether this site's record is still the one that it has written. For quiet times.
  void look_at_own();
  /// Whoever has written this site's records after this run had: another host with the same name.
  /// A record that an earlier run has left is none. Empty: nobody, or not for so many looks.
  const std::string& name_contested_by() const { return name_contested_by_; }
  /// More than the other host may take to look, and to write again: else both would forget in turn.
  static constexpr unsigned quiet_looks = 27;

  /// Is there something to be done?
  bool has_work() const;
  /// What is to be done next, so much at a time; only when nothing is under way.
  Transaction next_transaction(std::size_t most = most_operations);
  /// What came of it: the askings that are answered.
  std::vector<core::LeaveAnswered> on_result(const TransactionResult& result);
  /// It may have been carried out, may still be, or never.
  void on_unknown();
  /// Nobody is to be reached: the askings that are out are given up.
  std::vector<core::LeaveAnswered> give_up(const std::string& why);

  /// The prefixes that were refused leave, by their names.
  bool any_refused() const;
  /// Another site's record has changed: the prefixes for which that may help who was refused.
  std::vector<std::size_t> on_change(const Record& record) const;

 private:
  /// Whom to lean on is looked for among a few that come behind this site, then among a page of
  /// those behind these (or, if there are none, of those at the begin), then everywhere.
  enum class Reach : std::uint8_t { near, further, around, everywhere };
  struct Place {
    std::string name;
    std::string key;  ///< of this site's record
    std::optional<core::Place> wanted{};
    std::optional<std::string> written{};  ///< known to be in the store; none: not known
    std::optional<core::Place> last_said{};
    std::int64_t since = 0;
    std::optional<Revision> own{};  ///< when that was last changed; none: to be read
    // The asking.
    std::optional<unsigned> asked{};  ///< its number
    core::FleetFloor floor{};
    bool refused = false;
    unsigned reading = 0;          ///< what was read for an earlier one is not learnt
    bool look = false;             ///< for others to lean on
    bool look_at_own = false;      ///< for others who write it
    bool mine = false;             ///< this run has written it
    bool others_known = false;     ///< as far as they are needed
    std::vector<Record> others{};  ///< that are `up`
    std::size_t live = 0;          ///< sites, this one among them; 0: not counted
    Reach reach = Reach::near;     ///< of what is to be read next
    std::string from{};            ///< where that begins
  };
  enum class Doing : std::uint8_t { looking, leaving, saying };
  struct UnderWay {
    std::size_t index;
    Doing doing;
    unsigned reading = 0;
    Reach reach = Reach::near;  ///< of what is read of others
    std::string text{};         ///< that is written
  };

  bool wants(const Place& place) const;
  /// Does the store not have yet what is to be said?
  static bool is_unsaid(const Place& place);
  Step look_step(Place& place) const;
  std::optional<std::pair<Step, UnderWay>> next_step(std::size_t index, Place& place);
  std::size_t others_needed(const Place& place) const;
  bool may_lean_on_others(const Place& place) const;
  std::string text_of(Place& place, const core::Place& said);
  static void begin_reading(Place& place);
  void look_who_wrote(const Record& own);
  void learn_own(Place& place, const RangeResult& own);
  static Reach first_reach(const Place& place);
  Range others_range(const Place& place, Reach reach, const std::string& from) const;
  void learn_others(Place& place, Reach reach, const RangeResult& others);
  std::optional<core::LeaveAnswered> judge(std::size_t index, Place& place);
  std::string shortage(const Place& place) const;

  core::Fleet fleet_;
  Keys keys_;
  std::string run_;
  WallClock clock_;
  std::string name_contested_by_;
  unsigned quiet_looks_ = 0;       ///< since somebody else wrote
  std::size_t next_own_look_ = 0;  ///< a place: each has its turn
  Lease lease_ = 0;
  std::map<std::size_t, Place> places_;
  std::vector<UnderWay> under_way_;
  std::size_t next_place_ = 0;  ///< whose turn it is: nobody is passed over for good
};

}  // namespace withdrawd::fleet
