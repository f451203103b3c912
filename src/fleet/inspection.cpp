#include "fleet/inspection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/outcome.hpp"
#include "fleet/etcd_json.hpp"

namespace withdrawd::fleet {
namespace asio = boost::asio;
using core::Result;
namespace {

constexpr std::size_t most_records = 2'000'000;
constexpr std::size_t most_groups = 10;
constexpr int permission_denied = 7;  // of gRPC
constexpr std::string_view all_groups = "/withdrawd/1/";

}  // namespace

std::unexpected<core::Error> refused(const HttpAnswer& answer) {
  const Refusal refusal = parse_refusal(answer.body);
  return std::unexpected(core::Error{
      "ask etcd", fmt::format("it says \"{}\" (status {})", refusal.message, answer.status), "",
      refusal.code == permission_denied ? core::Error::Code::not_permitted
                                        : core::Error::Code::other});
}

asio::awaitable<Result<std::string>> log_in(HttpConnection& connection, std::string user,
                                            std::string password, core::Time deadline) {
  const auto answer =
      co_await connection.post("/v3/auth/authenticate", authenticate_json(user, password), "",
                               longest_plain_answer, deadline);
  if (!answer) co_return std::unexpected(answer.error());
  if (answer->status != 200) {
    co_return std::unexpected(core::Error{
        fmt::format("log in to etcd as {}", core::printable(user, 60)),
        parse_refusal(answer->body).message, "correct user and password_file of [fleet]"});
  }
  co_return parse_authenticate(answer->body);
}

asio::awaitable<Result<std::optional<Revision>>> read_all(Keys keys, Ask ask, std::size_t most,
                                                          Overview& into) {
  Range range{keys.root(), range_end(keys.root()), records_at_a_time};
  std::optional<Revision> since;
  into.clear();
  for (;;) {
    const auto answer = co_await ask("/v3/kv/range", range_json(range), longest_answer(range));
    if (!answer) co_return std::unexpected(answer.error());
    const auto result = parse_range(*answer);
    if (!result) co_return std::unexpected(result.error());
    for (const Record& record : result->records) into.written(record);
    if (!since) since = result->revision;
    const auto left = static_cast<std::size_t>(std::max<std::int64_t>(result->count, 0));
    const auto read = result->records.size();
    if (const auto all = into.size() - read + left; all > most) {
      into.too_many(all);
      co_return std::nullopt;
    }
    if (read == 0 || left <= read) co_return since;
    range.begin = result->records.back().key + std::string(1, '\0');
  }
}

asio::awaitable<Result<core::FleetSites>> read_view(Keys keys, Ask ask) {
  Overview view(keys);
  auto reading = read_all(keys, std::move(ask), most_records, view);
  const auto read = co_await std::move(reading);
  if (!read) co_return std::unexpected(read.error());
  co_return *view.sites();
}

/// From the first key of a group to behind its last one.
asio::awaitable<std::vector<std::string>> read_groups(Ask ask) {
  std::vector<std::string> groups;
  const std::string root(all_groups);
  Range range{root, range_end(root), 1};
  while (groups.size() < most_groups) {
    const auto answer = co_await ask("/v3/kv/range", range_json(range), longest_answer(range));
    const auto result =
        answer ? parse_range(*answer) : Result<RangeResult>(std::unexpected(answer.error()));
    if (!result || result->records.empty()) break;
    const std::string& key = result->records.front().key;
    const auto slash = key.find('/', root.size());
    if (!key.starts_with(root) || slash == key.npos || key < range.begin) break;
    groups.push_back(key.substr(root.size(), slash - root.size()));
    range.begin = range_end(key.substr(0, slash + 1));
  }
  co_return groups;
}

asio::awaitable<Inspection> inspect(asio::any_io_executor executor, core::FleetAccess access,
                                    core::FleetAccess::Endpoint endpoint,
                                    std::shared_ptr<const Tls> tls, std::string password, Keys keys,
                                    core::Time deadline) {
  Inspection found;
  HttpConnection connection(std::move(executor), std::move(endpoint), std::move(tls));
  if (auto done = co_await connection.connect(deadline); !done) {
    found.problem = std::move(done.error());
    co_return found;
  }
  found.certificate = connection.peer_validity();
  std::string token;
  if (!access.user.empty()) {
    auto in = co_await log_in(connection, access.user, std::move(password), deadline);
    if (!in) {
      found.problem = std::move(in.error());
      co_return found;
    }
    token = std::move(*in);
  }
  const Ask ask = [&](std::string path, std::string body,
                      std::size_t longest) -> asio::awaitable<Result<std::string>> {
    auto answer =
        co_await connection.post(std::move(path), std::move(body), token, longest, deadline);
    if (!answer) co_return std::unexpected(answer.error());
    if (answer->status != 200) co_return refused(*answer);
    co_return std::move(answer->body);
  };
  auto view = co_await read_view(std::move(keys), ask);
  if (view) {
    found.view = std::move(*view);
    found.groups = co_await read_groups(ask);
  } else {
    found.problem = std::move(view.error());
  }
  co_return found;
}

}  // namespace withdrawd::fleet
