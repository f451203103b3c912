#include "daemon/change_feed.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

namespace withdrawd::daemon {
namespace {

class Hash {
 public:
  template <class T>
  void add(const T& value) {
    value_ = value_ * 1'099'511'628'211U + std::hash<T>()(value);
  }
  template <class T>
  void add(const std::optional<T>& value) {
    add(value.has_value());
    if (value) add(*value);
  }
  std::size_t value() const { return value_; }

 private:
  std::size_t value_ = 14'695'981'039'346'656'037U;
};

void add(Hash& hash, const core::CheckReport& check) {
  hash.add(check.name);
  hash.add(check.question);
  hash.add(static_cast<int>(check.health));
  hash.add(check.last ? static_cast<int>(check.last->kind) : -1);
}

void add(Hash& hash, const core::PrefixReport& prefix) {
  hash.add(prefix.rule);
  hash.add(prefix.prefix.text());
  hash.add(prefix.instance);
  hash.add(static_cast<int>(prefix.health));
  hash.add(static_cast<int>(prefix.desired));
  hash.add(static_cast<int>(prefix.reason));
  hash.add(prefix.configured);
  hash.add(prefix.options ? prefix.options->text() : std::string());
  hash.add(prefix.in_table);
  hash.add(prefix.peers);
  hash.add(prefix.trouble);
  hash.add(prefix.agrees);
  // Not their texts, which say how long ago.
  for (const core::Reach& one : prefix.reach) hash.add(static_cast<int>(one.kind));
  hash.add(static_cast<int>(prefix.reach.size()));
  hash.add(prefix.drain ? prefix.drain->who + ": " + prefix.drain->why : std::string());
  hash.add(prefix.damping && prefix.damping->suppressed);
}

void add(Hash& hash, const core::FleetReport& fleet) {
  hash.add(fleet.reached);
  if (!fleet.sites) return;
  hash.add(fleet.sites->too_many);
  for (const auto& entry : fleet.sites->entries) {
    hash.add(entry.place);
    hash.add(entry.site);
    hash.add(static_cast<int>(entry.said.state));
    hash.add(static_cast<int>(entry.said.health));
    hash.add(entry.said.announced);
    hash.add(entry.said.drained);
    hash.add(entry.said.held);
  }
  for (const std::string& site : fleet.sites->members) hash.add(site);
}

}  // namespace

std::size_t fingerprint(const core::Report& report) {
  Hash hash;
  hash.add(static_cast<int>(report.mode));
  hash.add(report.bgpd_reachable);
  hash.add(report.bgpd_gone);
  hash.add(report.bgpd_killed);
  hash.add(report.failing);
  hash.add(report.failing_why);
  hash.add(report.stale.has_value());
  hash.add(report.via);
  for (const auto& check : report.checks) add(hash, check);
  for (const auto& prefix : report.prefixes) add(hash, prefix);
  for (const auto& group : report.groups) {
    hash.add(group.name);
    hash.add(group.min_announced);
    hash.add(group.wanted);
    hash.add(group.held);
  }
  if (report.fleet) add(hash, *report.fleet);
  return hash.value();
}

ChangeFeed::ChangeFeed(const boost::asio::any_io_executor& executor, HttpServer& server,
                       ReportFunction report, core::Duration pause)
    : server_(server), report_(std::move(report)), pause_(pause), timer_(executor) {}

void ChangeFeed::stepped() {
  if (waiting_ || server_.listeners() == 0) return;
  waiting_ = true;
  timer_.expires_at(last_look_ + pause_);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) look();
  });
}

void ChangeFeed::look() {
  waiting_ = false;
  last_look_ = std::chrono::steady_clock::now();
  const std::size_t now = fingerprint(report_());
  if (now == std::exchange(seen_, now) && revision_ > 0) return;
  server_.publish("change", fmt::format("{{\"revision\":{}}}", ++revision_));
}

}  // namespace withdrawd::daemon
