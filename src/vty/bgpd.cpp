#include "vty/bgpd.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <new>
#include <span>
#include <utility>

#include "core/outcome.hpp"
#include "vty/answers.hpp"
#include "vty/config_squeeze.hpp"
#include "vty/running_config.hpp"
#include "vty/socket_transport.hpp"
#include "vty/table.hpp"
#include "vty/telnet_transport.hpp"
#include "vty/transport.hpp"
#include "vty/vtysh_transport.hpp"

namespace withdrawd::vty {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

/// So many answers are read before something else has its turn.
constexpr std::size_t read_at_once = 256;

/// Of the time for all ways; the rest is for what goes on beside them.
constexpr double share_of_all = 0.8;
/// Below this a way that is well would be taken for one that is not.
constexpr core::Duration shortest_limit = std::chrono::milliseconds(100);

/// The key of the instance that `choice` means, as far as `config` says.
std::optional<core::InstanceKey> resolve(const core::RunningConfig& config,
                                         const core::InstanceChoice& choice) {
  const auto chosen = core::choose_instance(config, choice);
  return chosen ? std::optional((*chosen)->key) : std::nullopt;
}

/// One plan for each instance: should bgpd refuse to enter one (its AS changed meanwhile), nothing
/// of it can end up in another, and nothing of another is lost.
std::vector<core::Plan> by_instance(const core::Plan& plan) {
  std::vector<core::Plan> plans;
  for (const auto& change : plan.changes) {
    const auto same = [&](const core::Plan& other) {
      const auto& first = other.changes.front();
      return first.asn == change.asn && first.instance == change.instance;
    };
    auto place = std::ranges::find_if(plans, same);
    if (place == plans.end()) place = plans.insert(plans.end(), core::Plan{});
    place->changes.push_back(change);
  }
  return plans;
}

/// A configuration without any instance is believed, for so a bgpd begins; but then nothing of its
/// own is in the table.
std::optional<core::Error> contradicts_itself(const core::Observed& observed) {
  if (!observed.config.instances.empty()) return std::nullopt;
  const auto there = std::ranges::find_if(observed.in_table, [](auto& one) { return one.second; });
  if (there == observed.in_table.end()) return std::nullopt;
  return core::Error{"read bgpd's running configuration",
                     fmt::format("there is no \"router bgp\" in it, and yet {} is in the table",
                                 there->first.prefix.text()),
                     ""};
}

/// Quagga prints the short form, which all of its parts understand; FRR the long one.
void learn_dialect(core::Dialect& dialect, std::string_view config) {
  if (config.find("address-family ipv6\n") != config.npos) {
    dialect.short_ipv6 = true;
  } else if (config.find("address-family ipv6 unicast\n") != config.npos) {
    dialect.short_ipv6 = false;
  }
}

/// "% Unknown command", "% Ambiguous command.", "% Command incomplete."
bool not_understood(const Reply& reply) {
  return reply.status != 0 && reply.command.starts_with("address-family ") &&
         (reply.text.find("nknown command") != reply.text.npos ||
          reply.text.find("mbiguous command") != reply.text.npos ||
          reply.text.find("ommand incomplete") != reply.text.npos);
}

template <typename Value>
void note_or_forget(std::map<core::Lookup, Value>& seen, const core::Lookup& lookup,
                    std::optional<Value> value) {
  if (value) {
    seen[lookup] = *value;
  } else {
    seen.erase(lookup);
  }
}

/// "no network 192.0.2.0/24" or "no network 192.0.2.0/24 and 3 more"
std::string describe(const std::vector<const core::Change*>& changes) {
  auto text = changes.front()->statement();
  if (changes.size() > 1) text += fmt::format(" and {} more", changes.size() - 1);
  return text;
}

/// For one line of a log: `"no network …": % Can't find static route specified`
std::string describe(const Reply& reply) {
  auto said = one_line(reply.text);
  if (said.empty()) said = fmt::format("status {}", reply.status);
  return reply.command.empty() ? said : fmt::format("{}: {}", core::printable(reply.command), said);
}

/// Another transport may get by with less: its answers are as long, its buffers are not. What this
/// one was about to hear is lost.
Failure out_of_memory(Transport& transport, std::string tried) {
  transport.close();
  return {Trouble::silent,
          {std::move(tried), "out of memory", "what bgpd has done by then is read again"}};
}

std::string named(const Transport& transport, const core::Error& error) {
  return fmt::format("{}: {}", transport.text(), error.text());
}

}  // namespace

asio::awaitable<std::expected<std::vector<Reply>, Failure>> Transport::show_config(
    std::vector<std::string> commands) {
  constexpr std::size_t slice = std::size_t{64} * 1024;
  auto replies = co_await show(std::move(commands));
  if (!replies || replies->empty()) co_return replies;
  const auto executor = co_await asio::this_coro::executor;
  ConfigSqueeze squeeze;
  const std::string whole = std::move(replies->front().text);
  for (std::string_view left = whole; !left.empty();) {
    squeeze.feed(left.substr(0, slice));
    left.remove_prefix(std::min(slice, left.size()));
    if (!left.empty()) co_await asio::post(executor, asio::use_awaitable);
  }
  if (squeeze.is_too_long()) co_return std::unexpected(too_long_config());
  replies->front().text = squeeze.finish();
  co_return replies;
}

Failure too_long_config() {
  return {Trouble::refused,
          {"read bgpd's running configuration",
           fmt::format("its network statements and names are longer than {} MiB",
                       ConfigSqueeze::most >> 20),
           ""}};
}

struct Bgpd::Impl {
  struct Way {
    std::unique_ptr<Transport> transport;
    std::optional<steady_clock::time_point> passed_over_until = {};
    core::Duration patience = {};  ///< as configured, for one answer
    core::Duration whole = {};     ///< for an operation; none: no limit
    core::Dialect dialect = {};    ///< as far as its words and its refusals have shown
    bool has_own_grammar = false;  ///< vtysh, where bgpd itself takes either dialect
  };
  /// One transport that failed within this call.
  struct Attempt {
    const Transport* transport;
    Failure failure;
    core::Attempt::End end = core::Attempt::End::failed;
  };
  using Observed = std::expected<core::Observed, Failure>;
  using Replies = std::expected<std::vector<Reply>, Failure>;

  /// The transports in the order of this call.
  std::vector<Way*> order();
  void pass_over(Way& way) { way.passed_over_until = steady_clock::now() + retry_after; }
  /// It is this way's turn.
  static Transport& begin(Way& way) {
    if (way.whole != core::Duration()) way.transport->limit.start(way.whole);
    return *way.transport;
  }
  static std::string via(const Transport& transport, const std::vector<Attempt>& failed);
  static Failure all_failed(std::string tried, const std::vector<Attempt>& failed);
  static std::vector<core::Attempt> attempts(const std::vector<Attempt>& failed,
                                             const Transport* done);

  /// `nothing_seen`: has another way of this operation shown a configuration without any instance
  /// that nothing else confirmed? Set when this one does.
  asio::awaitable<Observed> observe(Way& way, std::vector<core::Lookup> lookups,
                                    bool& nothing_seen);
  asio::awaitable<Replies> configure(Way& way, core::Plan plan);
  asio::awaitable<Observed> read_through(Way& way, std::vector<core::Lookup> lookups,
                                         bool& nothing_seen);
  asio::awaitable<std::expected<bool, Failure>> table_confirms_nothing(
      Transport& transport, std::vector<core::Lookup> lookups);
  asio::awaitable<Replies> type_through(Way& way, core::Plan plan);
  asio::awaitable<Replies> type_part(Way& way, core::Plan part);

  std::vector<Way> ways;
  core::Duration retry_after;
  /// As read last: which instance a look-up is about is mostly known before the configuration is
  /// read again, so that one round does for both.
  std::optional<core::RunningConfig> last_config;

  /// What bgpd said to a long list of questions, word by word. It mostly says the same again, and
  /// then need not be read again.
  struct Said {
    std::vector<core::Lookup> lookups;
    std::vector<Reply> replies;
    core::Observed observed;
  };
  std::optional<Said> said;
};

std::vector<Bgpd::Impl::Way*> Bgpd::Impl::order() {
  const auto now = steady_clock::now();
  std::vector<Way*> all;
  std::vector<Way*> passed_over;
  for (auto& way : ways) {
    if (way.passed_over_until && *way.passed_over_until <= now) way.passed_over_until.reset();
    (way.passed_over_until ? passed_over : all).push_back(&way);
  }
  all.insert(all.end(), passed_over.begin(), passed_over.end());
  return all;
}

std::string Bgpd::Impl::via(const Transport& transport, const std::vector<Attempt>& failed) {
  if (failed.empty()) return transport.text();
  std::vector<std::string> others;
  for (const auto& one : failed) others.push_back(named(*one.transport, one.failure.error));
  return fmt::format("{} ({})", transport.text(), fmt::join(others, "; "));
}

Failure Bgpd::Impl::all_failed(std::string tried, const std::vector<Attempt>& failed) {
  // Any answer at all shows that bgpd is there, and a silent one that its process is.
  auto trouble = Trouble::unreachable;
  std::vector<std::string> reasons;
  for (const auto& [transport, failure, end] : failed) {
    if (failure.trouble == Trouble::refused) trouble = Trouble::refused;
    if (failure.trouble == Trouble::silent && trouble != Trouble::refused)
      trouble = Trouble::silent;
    reasons.push_back(named(*transport, failure.error));
  }
  return {trouble, {std::move(tried), fmt::format("{}", fmt::join(reasons, "; ")), ""}};
}

/// `done`: the one that did it; none: all have failed.
std::vector<core::Attempt> Bgpd::Impl::attempts(const std::vector<Attempt>& failed,
                                                const Transport* done) {
  const auto word = [](const Transport& transport) {
    const std::string text = transport.text();
    return text.substr(0, text.find(' '));
  };
  std::vector<core::Attempt> attempts;
  for (const auto& one : failed) attempts.push_back({word(*one.transport), one.end});
  if (done) attempts.push_back({word(*done), core::Attempt::End::done});
  return attempts;
}

asio::awaitable<Bgpd::Impl::Observed> Bgpd::Impl::observe(Way& way,
                                                          std::vector<core::Lookup> lookups,
                                                          bool& nothing_seen) {
  try {
    auto reading = read_through(way, std::move(lookups), nothing_seen);
    co_return co_await std::move(reading);
  } catch (const std::bad_alloc&) {
    co_return std::unexpected(out_of_memory(*way.transport, "read bgpd"));
  }
}

asio::awaitable<Bgpd::Impl::Replies> Bgpd::Impl::configure(Way& way, core::Plan plan) {
  try {
    auto typing = type_through(way, std::move(plan));
    co_return co_await std::move(typing);
  } catch (const std::bad_alloc&) {
    co_return std::unexpected(out_of_memory(*way.transport, "send statements"));
  }
}

asio::awaitable<Bgpd::Impl::Observed> Bgpd::Impl::read_through(Way& way,
                                                               std::vector<core::Lookup> lookups,
                                                               bool& nothing_seen) {
  auto& transport = *way.transport;
  using Asked = std::pair<core::Lookup, core::InstanceKey>;
  core::Observed observed;
  const auto note = [&observed](std::span<const Asked> asked, const Reply* replies) {
    for (const auto& [lookup, key] : asked) {
      const std::string_view answer = (replies++)->text;
      const auto entry = read_table_entry(answer);
      using There = std::optional<bool>;
      note_or_forget(observed.in_table, lookup, entry ? entry->sourced_locally() : There());
      note_or_forget(observed.advertised_to, lookup, entry ? entry->advertised_to : std::nullopt);
      note_or_forget(observed.other_paths, lookup, entry ? entry->other : std::nullopt);
    }
  };
  const auto ask_about = [](std::vector<std::string>& commands, const std::vector<Asked>& asked) {
    for (const auto& [lookup, key] : asked) commands.push_back(show_command(lookup.prefix, key));
  };

  std::vector<Asked> expected;
  if (last_config) {
    for (const auto& lookup : lookups) {
      if (auto key = resolve(*last_config, lookup.instance)) expected.emplace_back(lookup, *key);
    }
  }
  std::vector<std::string> commands{"show running-config"};
  ask_about(commands, expected);
  const auto count = commands.size();
  auto replies = co_await transport.show_config(std::move(commands));
  if (!replies) co_return std::unexpected(std::move(replies.error()));
  if (replies->size() != count) {
    co_return std::unexpected(Failure{
        Trouble::refused,
        {"read bgpd", fmt::format("{} answers to {} questions", replies->size(), count), ""}});
  }
  const auto same_words = [](const Reply& one, const Reply& other) {
    return one.text == other.text;
  };
  if (said && expected.size() == lookups.size() && said->lookups == lookups &&
      std::ranges::equal(*replies, said->replies, same_words)) {
    last_config = said->observed.config;
    co_return said->observed;
  }
  auto config = read_running_config(replies->front().text);
  if (!config) co_return std::unexpected(Failure{Trouble::refused, std::move(config.error())});
  observed.config = std::move(*config);
  if (way.has_own_grammar) learn_dialect(way.dialect, replies->front().text);
  const auto executor = co_await asio::this_coro::executor;
  for (std::size_t i = 0; i < expected.size(); i += read_at_once) {
    // Checks must not wait for thousands of answers to be read.
    if (i > 0) co_await asio::post(executor, asio::use_awaitable);
    const auto next = std::span(expected).subspan(i);
    note(next.first(std::min(read_at_once, next.size())), replies->data() + 1 + i);
  }
  if (auto contradiction = contradicts_itself(observed)) {
    co_return std::unexpected(Failure{Trouble::refused, std::move(*contradiction)});
  }
  if (observed.config.instances.empty() && !lookups.empty() && !nothing_seen) {
    auto confirming = table_confirms_nothing(transport, lookups);
    auto confirmed = co_await std::move(confirming);
    if (!confirmed) co_return std::unexpected(std::move(confirmed.error()));
    if (!*confirmed) {
      nothing_seen = true;
      co_return std::unexpected(
          Failure{Trouble::refused,
                  {"read bgpd's running configuration",
                   "there is no \"router bgp\" in it, and neither its table nor another way into "
                   "bgpd says so, too",
                   ""}});
    }
  }

  // What the configuration now says otherwise is asked again.
  std::vector<Asked> amended;
  auto before = expected.cbegin();  // its look-ups are among `lookups`, in the same order
  for (const auto& lookup : lookups) {
    const bool asked = before != expected.cend() && before->first == lookup;
    const auto answered_for = asked ? std::optional((before++)->second) : std::nullopt;
    auto key = resolve(observed.config, lookup.instance);
    if (key && answered_for != key) {
      amended.emplace_back(lookup, *key);
    } else if (!key) {
      observed.in_table.erase(lookup);
      observed.advertised_to.erase(lookup);
      observed.other_paths.erase(lookup);
    }
  }
  last_config = observed.config;
  if (!amended.empty()) {
    std::vector<std::string> again;
    ask_about(again, amended);
    auto more = co_await transport.show(std::move(again));
    if (!more) co_return std::unexpected(std::move(more.error()));
    if (more->size() == amended.size()) note(amended, more->data());
  } else if (lookups.size() >= read_at_once && expected.size() == lookups.size()) {
    said = Said{std::move(lookups), std::move(*replies), observed};
  }
  co_return observed;
}

/// Says the table that nothing is announced, of any of these? A failure: it says that one is.
asio::awaitable<std::expected<bool, Failure>> Bgpd::Impl::table_confirms_nothing(
    Transport& transport, std::vector<core::Lookup> lookups) {
  std::vector<std::string> commands;
  for (const auto& lookup : lookups) {
    commands.push_back(
        show_command(lookup.prefix, lookup.instance.key.value_or(core::InstanceKey())));
  }
  auto replies = co_await transport.show(std::move(commands));
  if (!replies) co_return std::unexpected(std::move(replies.error()));
  bool all_say_so = replies->size() == lookups.size();
  core::Observed seen;
  for (std::size_t i = 0; i < std::min(replies->size(), lookups.size()); ++i) {
    const std::string_view answer = (*replies)[i].text;
    const auto entry = read_table_entry(answer);
    const auto ours = entry ? std::optional(entry->sourced_locally()) : std::nullopt;
    if (ours) seen.in_table[lookups[i]] = *ours;
    if (!ours && !says_no_instance(answer)) all_say_so = false;
  }
  if (auto contradiction = contradicts_itself(seen)) {
    co_return std::unexpected(Failure{Trouble::refused, std::move(*contradiction)});
  }
  co_return all_say_so;
}

asio::awaitable<Bgpd::Impl::Replies> Bgpd::Impl::type_through(Way& way, core::Plan plan) {
  std::vector<Reply> answered;
  for (auto& part : by_instance(plan)) {
    auto typing = type_part(way, std::move(part));
    auto replies = co_await std::move(typing);
    if (!replies) co_return replies;
    std::ranges::move(*replies, std::back_inserter(answered));
  }
  co_return answered;
}

/// Of one instance. Where the way into a table is not understood, what was for that table is typed
/// again with the other way in, before the transport has to answer for it.
asio::awaitable<Bgpd::Impl::Replies> Bgpd::Impl::type_part(Way& way, core::Plan part) {
  auto lines = part.vty_lines(way.dialect);
  auto replies = co_await way.transport->configure(std::move(lines));
  if (!replies) co_return replies;
  // Outside of its instance no table is there to be entered.
  const auto is_entry = [](const Reply& reply) { return reply.command.starts_with("router "); };
  if (std::ranges::any_of(*replies, is_entry)) co_return replies;
  for (const auto family : {core::Family::ipv4, core::Family::ipv6}) {
    const auto entering = way.dialect.entering(family);
    const auto refused = std::ranges::find(*replies, entering, &Reply::command);
    if (entering.empty() || refused == replies->end() || !not_understood(*refused)) continue;
    core::Plan again;
    std::ranges::copy_if(part.changes, std::back_inserter(again.changes),
                         [&](auto& change) { return change.prefix.family() == family; });
    auto& is_short = way.dialect.is_short(family);
    is_short = !is_short;
    lines = again.vty_lines(way.dialect);
    auto more = co_await way.transport->configure(std::move(lines));
    if (!more) co_return more;
    if (std::ranges::any_of(*more, not_understood)) is_short = !is_short;
    // What bgpd said to the rest of the first try was to statements out of their place.
    std::erase_if(*replies, [&](const Reply& reply) {
      return reply.command == entering || reply.command == "exit-address-family" ||
             std::ranges::any_of(again.changes,
                                 [&](auto& change) { return reply.command == change.statement(); });
    });
    std::ranges::move(*more, std::back_inserter(*replies));
  }
  co_return replies;
}

Bgpd::Bgpd(asio::any_io_executor executor, core::BgpdAccess access,
           std::function<void()> connection_lost)
    : impl_(std::make_unique<Impl>()) {
  impl_->retry_after = access.retry_after;
  for (const auto kind : access.transports) {
    std::unique_ptr<Transport> transport;
    core::Duration patience{};
    switch (kind) {
      case core::TransportKind::socket:
        transport = std::make_unique<SocketTransport>(executor, access, connection_lost);
        patience = access.socket_timeout;
        break;
      case core::TransportKind::vtysh:
        transport = std::make_unique<VtyshTransport>(executor, access);
        patience = access.vtysh_timeout;
        break;
      case core::TransportKind::telnet:
        transport = std::make_unique<TelnetTransport>(executor, access, connection_lost);
        patience = access.telnet_timeout;
        break;
    }
    impl_->ways.push_back({.transport = std::move(transport),
                           .patience = patience,
                           .has_own_grammar = kind == core::TransportKind::vtysh});
  }
}

Bgpd::Bgpd(std::vector<std::unique_ptr<Transport>> transports, core::Duration retry_after)
    : impl_(std::make_unique<Impl>()) {
  impl_->retry_after = retry_after;
  for (auto& transport : transports) impl_->ways.push_back({.transport = std::move(transport)});
}

Bgpd::~Bgpd() = default;

void Bgpd::finish_within(core::Duration all_ways) {
  core::Duration together{};
  for (const auto& way : impl_->ways) together += way.patience;
  if (together == core::Duration()) return;
  for (auto& way : impl_->ways) {
    const double share = std::chrono::duration<double>(way.patience) / together;
    const auto whole = std::chrono::duration_cast<core::Duration>(
        std::chrono::duration<double>(all_ways) * share * share_of_all);
    way.whole = std::min(std::max(whole, shortest_limit), way.patience * 3);
  }
}

void Bgpd::reset() {
  for (auto& way : impl_->ways) {
    way.transport->close();
    way.passed_over_until.reset();
  }
}

asio::awaitable<ReadReport> Bgpd::read(std::vector<core::Lookup> lookups, bool who) {
  std::vector<Impl::Attempt> failed;
  bool nothing_seen = false;
  for (auto* way : impl_->order()) {
    auto& transport = Impl::begin(*way);
    auto observed = co_await impl_->observe(*way, lookups, nothing_seen);
    if (observed) {
      way->passed_over_until.reset();
      if (who) {
        std::vector<std::string> command{"who"};
        // vtysh has no such command; what it says to it is no session.
        if (const auto reply = co_await transport.show(std::move(command)); reply) {
          observed->on_vty = read_who(reply->empty() ? "" : reply->front().text);
        }
      }
      co_return ReadReport{std::move(observed), Impl::via(transport, failed),
                           Impl::attempts(failed, &transport)};
    }
    impl_->pass_over(*way);
    failed.push_back({&transport, std::move(observed.error())});
  }
  co_return ReadReport{std::unexpected(Impl::all_failed("read bgpd", failed)), "",
                       Impl::attempts(failed, nullptr)};
}

asio::awaitable<std::expected<std::vector<Reply>, Failure>> Bgpd::show(
    std::vector<std::string> commands) {
  std::vector<Impl::Attempt> failed;
  for (auto* way : impl_->order()) {
    auto replies = co_await Impl::begin(*way).show(commands);
    if (replies) co_return replies;
    impl_->pass_over(*way);
    failed.push_back({way->transport.get(), std::move(replies.error())});
  }
  co_return std::unexpected(Impl::all_failed("read bgpd", failed));
}

asio::awaitable<ApplyReport> Bgpd::apply(core::Plan plan, std::vector<core::Lookup> lookups) {
  std::vector<const core::Change*> wanted;
  for (const auto& change : plan.changes) wanted.push_back(&change);
  if (wanted.empty()) {
    auto report = co_await read(std::move(lookups));
    co_return ApplyReport{
        std::move(report.observed), std::move(report.via), {}, std::move(report.attempts)};
  }
  const auto tried = fmt::format("apply \"{}\"", describe(wanted));

  std::vector<Impl::Attempt> failed;
  bool nothing_seen = false;
  std::vector<std::string> answered;
  for (auto* way : impl_->order()) {
    auto& transport = Impl::begin(*way);
    const auto fail = [&](Failure failure, core::Attempt::End end = core::Attempt::End::failed) {
      failed.push_back({&transport, std::move(failure), end});
    };
    auto replies = co_await impl_->configure(*way, plan);
    if (!replies && replies.error().trouble == Trouble::locked) {
      auto error = std::move(replies.error().error);
      core::Error told{tried, named(transport, {error.tried, error.happened, ""}), error.advice};
      fail({});
      co_return ApplyReport{std::unexpected(Failure{Trouble::locked, std::move(told)}), "",
                            std::move(answered), Impl::attempts(failed, nullptr)};
    }
    if (!replies) {
      impl_->pass_over(*way);
      fail(std::move(replies.error()));
      continue;
    }
    for (const auto& reply : *replies) answered.push_back(describe(reply));

    auto observed = co_await impl_->observe(*way, lookups, nothing_seen);
    if (!observed) {
      impl_->pass_over(*way);
      fail(std::move(observed.error()));
      continue;
    }
    std::vector<const core::Change*> missing;
    for (const auto& change : plan.changes) {
      if (!core::in_effect(change, observed->config)) missing.push_back(&change);
    }
    if (missing.empty()) {
      way->passed_over_until.reset();
      co_return ApplyReport{std::move(observed), Impl::via(transport, failed), std::move(answered),
                            Impl::attempts(failed, &transport)};
    }
    // Where bgpd objected, the transport did its part. Where all went well and yet nothing
    // happened, it does not do what it says.
    std::string happened = fmt::format("read back, \"{}\" has had no effect", describe(missing));
    const auto end = replies->empty() ? core::Attempt::End::disobeyed : core::Attempt::End::failed;
    if (replies->empty()) {
      impl_->pass_over(*way);
      transport.close();
    } else {
      happened += fmt::format("; bgpd answered \"{}\"", describe(replies->front()));
    }
    fail({Trouble::refused, {"", std::move(happened), ""}}, end);
  }
  co_return ApplyReport{std::unexpected(Impl::all_failed(tried, failed)), "", std::move(answered),
                        Impl::attempts(failed, nullptr)};
}

}  // namespace withdrawd::vty
