#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/events.hpp"
#include "core/fleet.hpp"
#include "core/fleet_sites.hpp"
#include "fleet/http_connection.hpp"
#include "fleet/inspection.hpp"
#include "fleet/membership.hpp"
#include "fleet/overview.hpp"

namespace withdrawd::fleet {

/// This site's link to the fleet's store: joins under a lease, keeps it alive, carries out what its
/// Membership wants, and watches the others while leave has been refused. Endpoints are tried in
/// turn; nothing blocks; a store that is away costs nothing but its absence.
class Link : public std::enable_shared_from_this<Link> {
 public:
  using Happen = std::function<void(const core::Event&)>;
  using Password = std::function<core::Result<std::string>()>;

  /// `happen` takes LeaveAnswered, FleetReached and FleetChanged, never from inside another call.
  Link(boost::asio::any_io_executor executor, core::Fleet fleet, core::FleetAccess access,
       Password password, Happen happen);

  void start();
  /// `happen` is not called any more.
  void stop();

  void ask(const core::AskLeave& ask);
  void say(const core::SayPlace& say);

  using Show = std::function<void(core::Result<core::FleetSites>)>;
  /// Looks at the whole fleet.
  void look(Show show);

  /// Somebody looks at all sites and wants to see what changes: for some time from now on the store
  /// is watched for that. `happen` takes a FleetChanged, of no prefix, when there is news.
  void follow();
  /// As they are, while that goes on; null: nobody looks, or there is nothing to be seen yet.
  std::shared_ptr<const core::FleetSites> sites() const;

  const core::FleetAccess& access() const { return access_; }

 private:
  using Duration = core::Duration;
  boost::asio::awaitable<void> run();
  boost::asio::awaitable<core::Result<void>> join(HttpConnection& connection);
  boost::asio::awaitable<core::Result<void>> serve(HttpConnection& connection);
  boost::asio::awaitable<core::Result<void>> log_in(HttpConnection& connection);
  boost::asio::awaitable<core::Result<void>> keep_lease(HttpConnection& connection);
  boost::asio::awaitable<core::Result<void>> transact(HttpConnection& connection);
  boost::asio::awaitable<core::Result<void>> enroll(HttpConnection& connection);
  /// Asks once more with a new log-in where the old one is not good any more.
  boost::asio::awaitable<core::Result<HttpAnswer>> ask_etcd(HttpConnection& connection,
                                                            std::string path, std::string body,
                                                            std::size_t longest);
  boost::asio::awaitable<core::Result<std::string>> ask_well(HttpConnection& connection,
                                                             std::string path, std::string body,
                                                             std::size_t longest);
  boost::asio::awaitable<void> pause(Duration span);
  boost::asio::awaitable<void> watch();
  boost::asio::awaitable<core::Result<void>> watch_once(HttpConnection& connection);
  boost::asio::awaitable<core::Result<core::FleetSites>> look_at_all();
  boost::asio::awaitable<void> keep_following();
  boost::asio::awaitable<core::Result<void>> follow_once(HttpConnection& connection);
  /// Puts questions through that connection, which must outlive them.
  Ask asker(HttpConnection& connection);

  void tell(const std::vector<core::LeaveAnswered>& answers);
  void reached(bool is, std::string detail);
  void look_at_name();
  void tell_of_name();
  void happen(const core::Event& event) const;
  core::Time by(Duration span) const;
  void learn_pace(Duration took);
  Duration first_patience() const;

  boost::asio::any_io_executor executor_;
  core::Fleet fleet_;
  core::FleetAccess access_;
  Keys keys_;
  Password password_;
  Happen happen_;
  Membership membership_;
  std::shared_ptr<const Tls> tls_;
  std::string token_;
  std::size_t endpoint_ = 0;
  core::Time renew_at_{};
  bool enrolled_ = false;
  std::optional<bool> reached_;
  std::string unreached_why_;
  unsigned renewals_ = 0;
  std::string contested_by_;  ///< as last told
  bool watching_ = false;
  bool stopped_ = false;
  /// With an answer, and how much is asked at a time: what etcd is too busy for is asked in smaller
  /// pieces, and waited for longer.
  Duration patience_;
  std::size_t at_a_time_;
  core::Time last_transaction_{};   ///< ended then
  boost::asio::steady_timer wake_;  ///< there is work, or the lease is to be renewed
  Overview overview_;
  bool following_ = false;  ///< somebody looks
  bool follower_runs_ = false;
  bool overview_known_ = false;
  boost::asio::steady_timer follow_end_;
  std::weak_ptr<HttpConnection> connection_, watch_connection_, follow_connection_;
};

}  // namespace withdrawd::fleet
