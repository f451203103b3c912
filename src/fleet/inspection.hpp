#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/fleet.hpp"
#include "core/fleet_sites.hpp"
#include "core/time.hpp"
#include "fleet/certificate.hpp"
#include "fleet/http_connection.hpp"
#include "fleet/overview.hpp"
#include "fleet/record.hpp"

namespace withdrawd::fleet {

/// What etcd says where it does not do as it is asked.
std::unexpected<core::Error> refused(const HttpAnswer& answer);

/// The token of a log-in.
boost::asio::awaitable<core::Result<std::string>> log_in(HttpConnection& connection,
                                                         std::string user, std::string password,
                                                         core::Time deadline);

/// So many are asked for in one go: what has been read stands still for a moment, so that is some
/// milliseconds' worth.
constexpr std::int64_t records_at_a_time = 500;

/// Puts one question to etcd; `body` and what comes back, `longest` bytes at most, are JSON.
using Ask = std::function<boost::asio::awaitable<core::Result<std::string>>(
    std::string path, std::string body, std::size_t longest)>;
/// All that the group has in the store, `into` an overview: as it was at that revision in part, and
/// later in the rest. None: it is more than `most` records, and they are not kept.
boost::asio::awaitable<core::Result<std::optional<Revision>>> read_all(Keys keys, Ask ask,
                                                                       std::size_t most,
                                                                       Overview& into);
/// The same for somebody who looks once.
boost::asio::awaitable<core::Result<core::FleetSites>> read_view(Keys keys, Ask ask);
/// Groups that have records in the same store, as far as this user may see them; a few.
boost::asio::awaitable<std::vector<std::string>> read_groups(Ask ask);

/// What a stranger finds at one endpoint, who changes nothing.
struct Inspection {
  std::optional<core::Error> problem;   ///< none: it has answered
  std::optional<Validity> certificate;  ///< that it shows
  std::optional<core::FleetSites> view;
  std::vector<std::string> groups;
};
/// `password`: none where no user is configured.
boost::asio::awaitable<Inspection> inspect(boost::asio::any_io_executor executor,
                                           core::FleetAccess access,
                                           core::FleetAccess::Endpoint endpoint,
                                           std::shared_ptr<const Tls> tls, std::string password,
                                           Keys keys, core::Time deadline);

}  // namespace withdrawd::fleet
