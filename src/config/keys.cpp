#include "config/keys.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string>
#include <system_error>

#include "config/byte_size.hpp"
#include "config/duration.hpp"
#include "config/near_miss.hpp"
#include "files/regular_file.hpp"

namespace withdrawd::config {
namespace {

using core::DnsTransport;
using core::Mode;
using core::TransportKind;

constexpr std::array<Word<Mode>, 2> modes{{{"soft", Mode::soft}, {"hard", Mode::hard}}};
constexpr std::array<Word<LogLevel>, 5> levels{{{"debug", LogLevel::debug},
                                                {"info", LogLevel::info},
                                                {"warning", LogLevel::warning},
                                                {"error", LogLevel::error},
                                                {"critical", LogLevel::critical}}};
constexpr std::array<Word<LogTarget>, 4> log_targets{{{"stderr", LogTarget::standard_error},
                                                      {"file", LogTarget::file},
                                                      {"journal", LogTarget::journal},
                                                      {"syslog", LogTarget::syslog}}};
constexpr std::array<Word<LogFormat>, 2> log_formats{
    {{"text", LogFormat::text}, {"json", LogFormat::json}}};
constexpr std::array<Word<std::uint8_t>, 10> facilities{{{"daemon", 3},
                                                         {"user", 1},
                                                         {"local0", 16},
                                                         {"local1", 17},
                                                         {"local2", 18},
                                                         {"local3", 19},
                                                         {"local4", 20},
                                                         {"local5", 21},
                                                         {"local6", 22},
                                                         {"local7", 23}}};
constexpr std::array<Word<TransportKind>, 3> bgpd_transports{{{"socket", TransportKind::socket},
                                                              {"vtysh", TransportKind::vtysh},
                                                              {"telnet", TransportKind::telnet}}};
constexpr std::array<Word<DnsTransport>, 3> dns_transports{
    {{"udp", DnsTransport::udp}, {"tcp", DnsTransport::tcp}, {"both", DnsTransport::both}}};
constexpr std::array<Word<core::DnsClass>, 2> dns_classes{
    {{"IN", core::DnsClass::in}, {"CH", core::DnsClass::chaos}}};
constexpr std::array<Word<core::Rcode>, 6> rcodes{{{"NOERROR", core::Rcode::noerror},
                                                   {"FORMERR", core::Rcode::formerr},
                                                   {"SERVFAIL", core::Rcode::servfail},
                                                   {"NXDOMAIN", core::Rcode::nxdomain},
                                                   {"NOTIMP", core::Rcode::notimp},
                                                   {"REFUSED", core::Rcode::refused}}};
enum class Flag : std::uint8_t { aa, ad };
constexpr std::array<Word<Flag>, 2> flags{{{"aa", Flag::aa}, {"ad", Flag::ad}}};
constexpr std::array<Word<bool>, 2> validations{{{"off", false}, {"validate", true}}};
constexpr std::array<Word<CheckType>, 4> check_types{{{"dns", CheckType::dns},
                                                      {"exec", CheckType::exec},
                                                      {"address", CheckType::address},
                                                      {"file", CheckType::file}}};
constexpr std::array<Word<core::FileMeaning>, 3> presences{{{"down", core::FileMeaning::down},
                                                            {"up", core::FileMeaning::up},
                                                            {"drain", core::FileMeaning::drain}}};
constexpr std::array<Word<bool>, 2> may_fall_back{{{"hard", true}, {"never", false}}};
constexpr std::array<Word<bool>, 2> without_the_fleet{{{"withdraw", false}, {"hold", true}}};
constexpr std::array<Word<bool>, 2> withdraws{{{"keep", false}, {"withdraw", true}}};

constexpr DurationLimits timeouts{.most = std::chrono::hours(1)};
constexpr DurationLimits fleet_timeouts{.least = std::chrono::milliseconds(1),
                                        .most = std::chrono::seconds(10)};
/// etcd itself makes leases that are shorter longer.
constexpr DurationLimits leases{.least = std::chrono::seconds(2), .most = std::chrono::minutes(5)};
/// Shorter ones would leave no time for anything between two questions.
constexpr DurationLimits intervals{.least = std::chrono::milliseconds(10)};

constexpr std::int64_t many = 1000;
/// A penalty that takes half a day to halve ten times is beyond any use.
constexpr DurationLimits half_lives{.least = std::chrono::seconds(1),
                                    .most = std::chrono::hours(24)};
constexpr auto penalty = static_cast<std::int64_t>(core::Damping::penalty);
constexpr std::int64_t most_penalty = 1000 * penalty;

/// A few changes must fit, and a file that is kept for good must not fill the disk.
constexpr ByteLimits history_sizes{.least = 10'000, .most = 1'000'000'000};

/// Stores what was read, if anything was.
template <class To, class From>
void put(To& to, std::optional<From> value) {
  // NOLINTNEXTLINE(bugprone-optional-value-conversion): nothing read changes nothing
  if (value) to = static_cast<To>(*std::move(value));
}

core::Result<core::Endpoint> parse_other_server(std::string_view text) {
  return core::Endpoint::parse(text, 53);
}

core::Result<core::Endpoint> parse_vty_address(std::string_view text) {
  return core::Endpoint::parse(text, 2605);
}

/// Port 0 where the text has none.
core::Result<core::Endpoint> parse_server(std::string_view text) {
  return core::Endpoint::parse(text, 0);
}

std::optional<core::Asn> as_number(const Value& value) {
  if (value.is_string()) return value.parsed(core::Asn::parse, "an AS number, such as \"1.10\"");
  const auto number = value.integer(1, 4294967294);
  if (!number) return {};
  return core::Asn::from(*number).value();
}

std::optional<core::VtyName> vty_name(const Value& value) {
  return value.parsed(core::VtyName::parse, "a name");
}

void store_transports(const Value& value, ConfigDraft& draft) {
  const auto elements = value.elements("an array of transports, such as [\"socket\", \"vtysh\"]");
  if (!elements) return;
  auto& transports = draft.config.access.transports;
  transports.clear();
  for (const auto& element : *elements) {
    const auto kind = element.one_of(bgpd_transports);
    if (kind && std::ranges::count(transports, *kind) > 0) {
      element.complain(" twice");
    } else if (kind) {
      transports.push_back(*kind);
    }
  }
}

/// The kernel cuts a process name to 15 bytes.
bool is_process_name(std::string_view name) {
  return !name.empty() && name.size() <= 15 && name.find('/') == name.npos &&
         std::ranges::all_of(name, [](char c) { return c > 0x20 && c < 0x7f; });
}

void store_process_name(const Value& value, ConfigDraft& draft) {
  const std::string_view expected =
      "a process name of 1 to 15 printable characters without a slash";
  const auto name = value.string(expected);
  if (!name) return;
  if (is_process_name(*name)) {
    draft.config.process.name = *name;
  } else {
    value.refuse(expected);
  }
}

void store_command(const Value& value, std::string_view expected,
                   std::vector<std::string>& command) {
  const auto elements = value.elements(expected);
  if (!elements) return;
  for (const auto& element : *elements) {
    // The first is the program; what comes after it can be any text that a program can be given.
    if (&element == &elements->front()) {
      if (const auto program = element.program()) command.push_back(program->native());
      continue;
    }
    const auto argument = element.string("a string");
    if (argument && argument->find('\0') != std::string::npos) {
      element.complain("; an argument must not contain a NUL");
    } else if (argument) {
      command.push_back(*argument);
    }
  }
}

void store_restart(const Value& value, ConfigDraft& draft) {
  store_command(value, "a program and its arguments, such as [\"systemctl\", \"restart\", \"frr\"]",
                draft.config.process.restart);
}

void store_check_command(const Value& value, CheckDraft& draft) {
  store_command(
      value,
      "a program and its arguments, such as [\"/usr/lib/nagios/plugins/check_dns\", \"-H\", "
      "\"www.test.com\"]",
      draft.exec.command);
}

std::optional<std::string> interface_name(const Value& value) {
  const std::string_view expected =
      "the name of an interface: 1 to 15 printable characters without a blank, slash or colon";
  auto name = value.string(expected);
  if (!name) return {};
  const bool fine = !name->empty() && name->size() <= 15 && std::ranges::all_of(*name, [](char c) {
    return c > 0x20 && c < 0x7f && c != '/' && c != ':' && c != '\\';
  });
  if (fine) return name;
  value.refuse(expected);
  return {};
}

void store_watch(const Value& value, CheckDraft& draft) {
  const std::string_view expected =
      "the name of a process (1 to 15 printable characters), or the absolute path of a pid file";
  const auto text = value.string(expected);
  if (!text) return;
  if (is_process_name(*text)) {
    draft.watch = core::WatchedProcess{*text, {}};
  } else if (text->starts_with('/') && text->size() > 1 && text->find('\0') == std::string::npos) {
    draft.watch = core::WatchedProcess{{}, *text};
  } else {
    value.refuse(expected);
  }
}

void store_expected(const Value& value, std::vector<std::string>& expected) {
  expected.clear();
  const auto elements =
      value.elements("an array of what records hold, such as [\"192.0.2.1\", \"192.0.2.2\"]");
  if (!elements) return;
  for (const auto& element : *elements) {
    const auto text = element.string("what a record holds, such as \"192.0.2.1\"");
    if (text && text->empty()) {
      element.complain("; a record holds something");
    } else if (text) {
      expected.push_back(*text);
    }
  }
}

void store_flags(const Value& value, CheckDraft& draft) {
  draft.question.expect.authoritative = draft.question.expect.authenticated = false;
  const auto elements = value.elements("an array of flags, such as [\"aa\"]");
  if (!elements) return;
  for (const auto& element : *elements) {
    const auto flag = element.one_of(flags);
    if (flag == Flag::aa) draft.question.expect.authoritative = true;
    if (flag == Flag::ad) draft.question.expect.authenticated = true;
  }
}

void store_anchors(const Value& value, std::string_view text, CheckDraft& draft) {
  auto anchors = core::parse_trust_anchors(text);
  if (!anchors) return value.refuse(anchors.error());
  for (auto& anchor : *anchors) draft.dnssec.anchors.push_back(std::move(anchor));
}

/// The file is read with the configuration, so that one that vanishes later, or is half written at
/// some moment, takes no prefix down.
void store_trust_anchor(const Value& value, CheckDraft& draft) {
  if (value.is_array()) {
    const auto elements = value.elements("an array of DS or DNSKEY records");
    if (!elements) return;
    for (const auto& element : *elements) {
      const auto text = element.string("a DS or DNSKEY record");
      if (text) store_anchors(element, *text, draft);
    }
    return;
  }
  constexpr std::size_t longest = 65536;
  const auto file = value.file();
  if (!file) return;
  const auto text = files::read(*file, longest);
  if (!text) return value.complain(", which cannot be read: " + text.error().happened);
  store_anchors(value, *text, draft);
}

void store_settle(const Value& value, ConfigDraft& draft) {
  const auto settle = value.duration();
  put(draft.config.process.settle, settle);
  put(draft.config.settings.settle, settle);
}

void store_prefixes(const Value& value, RuleDraft& draft) {
  const auto elements =
      value.elements("an array of prefixes, such as [\"192.0.2.0/24\", \"2001:db8:53::/48\"]");
  if (!elements) return;
  for (const auto& element : *elements) {
    const auto prefix = element.parsed(core::Prefix::parse, "a prefix, such as \"192.0.2.0/24\"");
    if (prefix) draft.prefixes.push_back({*prefix, element.position()});
  }
}

void store_check_names(const Value& value, RuleDraft& draft) {
  draft.checks.clear();
  const auto elements = value.elements("an array of names of checks, such as [\"resolver\"]");
  if (!elements) return;
  for (const auto& element : *elements) {
    const auto name = element.string("the name of a check");
    if (!name) continue;
    if (std::ranges::count(draft.checks, *name, &RuleDraft::PlacedName::name) > 0) {
      element.complain(" twice");
    } else {
      draft.checks.push_back({*name, element});
    }
  }
}

/// "all", "any", or how many.
void store_require(const Value& value, RuleDraft& draft) {
  if (value.is_string()) {
    constexpr std::array<Word<std::size_t>, 2> words{{{"all", 0}, {"any", 1}}};
    put(draft.rule.required, value.one_of(words));
  } else {
    put(draft.rule.required, value.integer(1, many));
  }
}

/// What becomes of a prefix: withdrawn, or stated with another route-map.
void store_way(const Value& value, std::optional<core::RouteMapName>& way) {
  const std::string_view expected = "\"withdraw\" or { route_map = \"NAME\" }";
  if (!value.is_string()) {
    if (const auto name = value.only_member("route_map", expected)) put(way, vty_name(*name));
    return;
  }
  if (value.string(expected) == "withdraw") {
    way.reset();
  } else {
    value.refuse(expected);
  }
}

/// A number, or a share in percent.
void store_least(const Value& value, GroupDraft& draft) {
  const std::string_view expected = "a number of prefixes, or a share of them such as \"50%\"";
  if (!value.is_string()) {
    put(draft.least, value.integer(1, 1'000'000));
    return;
  }
  const auto text = value.string(expected).value();
  std::int64_t percent = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), percent);
  const bool is_share =
      failed == std::errc() && std::string_view(end, text.data() + text.size()) == "%";
  if (!is_share || percent < 1 || percent > 100) {
    value.refuse(expected);
    return;
  }
  draft = {percent, true};
}

void store_group(const Value& value, RuleDraft& draft) {
  const auto name = value.string("the name of a group");
  if (name) draft.group = RuleDraft::PlacedName{*name, value};
}

/// A number of sites, or a share of them in percent.
std::optional<core::FleetFloor> fleet_floor(const Value& value) {
  const std::string_view expected = "a number of other sites, or a share of all such as \"50%\"";
  if (!value.is_string()) {
    const auto number = value.integer(0, core::FleetFloor::most);
    if (!number) return {};
    return core::FleetFloor{static_cast<std::size_t>(*number)};
  }
  const auto text = value.string(expected).value();
  std::size_t percent = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), percent);
  const bool is_share =
      failed == std::errc() && std::string_view(end, text.data() + text.size()) == "%";
  if (is_share && percent >= 1 && percent <= 100) return core::FleetFloor{percent, true};
  value.refuse(expected);
  return {};
}

core::Result<core::FleetAccess::Endpoint> parse_endpoint(std::string_view text) {
  const auto wrong = [](std::string what) {
    return std::unexpected(core::Error{
        "", std::move(what), "expected a URL such as \"https://etcd1.example.net:2379\""});
  };
  core::FleetAccess::Endpoint endpoint;
  endpoint.tls = text.starts_with("https://");
  if (!endpoint.tls && !text.starts_with("http://")) {
    return wrong("it begins with neither https:// nor http://");
  }
  text.remove_prefix(endpoint.tls ? 8 : 7);
  if (text.ends_with('/')) text.remove_suffix(1);
  const auto bracket = text.starts_with('[') ? text.find(']') : 0;
  if (bracket == text.npos) return wrong("its bracket is not closed");
  const auto colon = text.find(':', bracket);
  const std::string_view host = text.substr(0, colon);
  if (colon != text.npos) {
    const std::string_view port = text.substr(colon + 1);
    const auto [end, failed] =
        std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
    if (failed != std::errc() || end != port.data() + port.size() || endpoint.port == 0) {
      return wrong("its port is no number from 1 to 65535");
    }
  }
  if (bracket > 0) {
    endpoint.host = host.substr(1, host.size() - 2);
    if (!host.ends_with(']') || !core::Address::parse(endpoint.host)) {
      return wrong("what stands in brackets is no IPv6 address");
    }
    return endpoint;
  }
  endpoint.host = host;
  if (core::Address::parse(host)) return endpoint;
  if (const auto name = core::parse_domain_name(host); !name) return wrong("it has no host name");
  return endpoint;
}

void store_endpoints(const Value& value, ConfigDraft& draft) {
  const auto elements =
      value.elements("an array of URLs, such as [\"https://etcd1.example.net:2379\"]");
  if (!elements) return;
  auto& endpoints = draft.config.fleet.endpoints;
  for (const auto& element : *elements) {
    const auto endpoint = element.parsed(parse_endpoint, "a URL");
    if (!endpoint) continue;
    if (std::ranges::count(endpoints, *endpoint) > 0) {
      element.complain(" twice");
    } else {
      endpoints.push_back(*endpoint);
    }
  }
}

/// A name that becomes a part of a key, and of a table.
std::optional<std::string> fleet_name(const Value& value) {
  const std::string_view expected = "1 to 64 letters, digits, \"-\", \"_\" or \".\"";
  auto name = value.string(expected);
  if (!name) return {};
  const bool fine = !name->empty() && name->size() <= 64 && std::ranges::all_of(*name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
  if (fine) return name;
  value.refuse(expected);
  return {};
}

void store_user(const Value& value, ConfigDraft& draft) {
  const std::string_view expected = "the name of a user of etcd";
  const auto name = value.string(expected);
  if (!name) return;
  const bool fine = !name->empty() && name->size() <= 128 &&
                    std::ranges::all_of(*name, [](char c) { return c > 0x20 && c < 0x7f; });
  if (fine) {
    draft.config.fleet.user = *name;
  } else {
    value.refuse(expected);
  }
}

void store_include(const Value& value, ConfigDraft& draft) {
  const std::string_view expected = "a path, such as \"/etc/withdrawd/conf.d/*.toml\"";
  const auto elements =
      value.is_string() ? std::optional(std::vector{value}) : value.elements(expected);
  if (!elements) return;
  for (const auto& element : *elements) {
    const auto pattern = element.path(expected);
    if (pattern) draft.include.push_back({pattern->native(), element.position()});
  }
}

void store_on_change(const Value& value, ConfigDraft& draft) {
  store_command(value, "a program and its arguments, such as [\"/usr/local/bin/tell-the-noc\"]",
                draft.config.on_change);
}

void store_listen(const Value& value, ConfigDraft& draft) {
  const std::string_view expected =
      "an address and port, or a unix socket, such as \"127.0.0.1:9853\" or "
      "\"unix:/run/withdrawd/http.sock\"";
  const auto elements =
      value.is_string() ? std::optional(std::vector{value}) : value.elements(expected);
  if (!elements) return;
  auto& listen = draft.config.http.listen;
  for (const auto& element : *elements) {
    const auto address = element.parsed(HttpAddress::parse, expected);
    if (address && std::ranges::count(listen, *address) > 0) {
      element.complain(" twice");
    } else if (address) {
      listen.push_back(*address);
    }
  }
}

void store_metrics_file(const Value& value, ConfigDraft& draft) {
  const auto file = value.file();
  if (file && file->extension() != ".prom") {
    value.complain("; node_exporter reads files that end with .prom only");
  } else {
    put(draft.config.metrics.file, file);
  }
}

void store_hosts(const Value& value, ConfigDraft& draft) {
  const auto elements =
      value.elements("an array of names of this host, such as [\"edge1.example.net\"]");
  if (!elements) return;
  for (const auto& element : *elements) {
    auto name = element.parsed(parse_host_name, "the name of a host");
    if (name) draft.config.http.hosts.push_back(*std::move(name));
  }
}

void store_control_group(const Value& value, ConfigDraft& draft) {
  const std::string_view expected = "the name of a group of this host, or \"\"";
  const auto name = value.string(expected);
  if (!name) return;
  const bool fine = name->size() <= 32 && std::ranges::all_of(*name, [](char c) {
                      return c > 0x20 && c < 0x7f && c != ':' && c != '/' && c != ',';
                    });
  if (fine) {
    draft.config.control_group = *name;
  } else {
    value.refuse(expected);
  }
}

}  // namespace

bool may_be_default(std::string_view key) {
  constexpr std::array<std::string_view, 5> own{"type", "command", "address", "path", "prefixes"};
  return std::ranges::find(own, key) == own.end();
}

std::string_view name(CheckType type) {
  return std::ranges::find(check_types, type, &Word<CheckType>::means)->text;
}

std::string text(CheckTypes types) {
  std::string names;
  for (const auto& word : check_types) {
    if (!types.contain(word.means)) continue;
    names += (names.empty() ? "" : ", ") + std::string(word.text);
  }
  return names;
}

const std::vector<Section<ConfigDraft>>& single_sections() {
  using D = ConfigDraft;
  using V = Value;
  static const std::vector<Section<D>> sections{
      {"",
       {
           {"mode", "\"soft\" or \"hard\"", "\"soft\"",
            "withdraw prefixes through bgpd's vty, or stop and restart bgpd itself",
            [](const V& v, D& d) { d.mode = v.one_of(modes); }},
           {"include", "path, or array of paths", "none",
            "more files with [check.NAME], [rule.NAME] and [group.NAME]; *, ? and [...] are "
            "wildcards",
            store_include},
           {"state_file", "file", "\"/var/lib/withdrawd/state.json\"",
            "what survives a restart of withdrawd",
            [](const V& v, D& d) { put(d.config.state_file, v.file()); }},
           {"control_socket", "file", "\"/run/withdrawd/control.sock\"",
            "where `withdrawd status` asks the daemon",
            [](const V& v, D& d) { put(d.config.control_socket, v.socket_path()); }},
           {"lock_file", "file", "\"/run/withdrawd/lock\"",
            "held by the one daemon or cron run that acts",
            [](const V& v, D& d) { put(d.config.lock_file, v.file()); }},
           {"control_group", "name of a group", "\"\"",
            "its members may use the control socket; empty: the group of bgpd's own socket, where "
            "withdrawd may give it away to that",
            store_control_group},
           {"history_file", "file", "\"/var/lib/withdrawd/history.jsonl\"",
            "where changes are kept for `withdrawd log`; empty: nowhere",
            [](const V& v, D& d) { put(d.config.history_file, v.file_or_none()); }},
           {"history_size", "bytes, 10kB to 1GB", "\"1MB\"",
            "when the history file is so long it becomes FILE.1, and a new one begins",
            [](const V& v, D& d) { put(d.config.history_size, v.bytes(history_sizes)); }},
           {"on_change", "array of strings", "none",
            "the program that is run for each change, and its arguments; no shell",
            store_on_change},
           {"on_change_timeout", "duration, at most 1h", "\"10s\"", "then it is killed",
            [](const V& v, D& d) { put(d.config.on_change_timeout, v.duration(timeouts)); }},
       }},
      {"log",
       {
           {"to", "\"stderr\", \"file\", \"journal\" or \"syslog\"",
            "the file that is named, else \"stderr\"", "where to log",
            [](const V& v, D& d) { d.log_target = v.one_of(log_targets); }},
           {"file", "file", "\"\"", "the file to log to; empty: none",
            [](const V& v, D& d) { put(d.config.log_file, v.file_or_none()); }},
           {"format", "\"text\" or \"json\"", "\"text\"",
            "of lines on standard error or in a file; \"json\": an object each",
            [](const V& v, D& d) { put(d.config.log_format, v.one_of(log_formats)); }},
           {"facility", "\"daemon\", \"user\" or \"local0\" to \"local7\"", "\"daemon\"",
            "of syslog",
            [](const V& v, D& d) { put(d.config.log_facility, v.one_of(facilities)); }},
           {"level", "\"debug\", \"info\", \"warning\", \"error\" or \"critical\"", "\"info\"",
            "the least important messages that are logged",
            [](const V& v, D& d) { put(d.config.log_level, v.one_of(levels)); }},
       }},
      {"http",
       {
           {"listen", "address with a port or unix:/path, or array of them", "none",
            "where to answer HTTP: metrics, status and health for other programs", store_listen},
           {"allow_remote", "boolean", "false",
            "listen also where other hosts can ask; there is no log-in and no encryption",
            [](const V& v, D& d) { put(d.config.http.allow_remote, v.boolean()); }},
           {"hosts", "array of host names", "none",
            "names by which a browser may ask, besides addresses and localhost", store_hosts},
       }},
      {"metrics",
       {
           {"file", "file that ends with .prom", "none",
            "where to write metrics for node_exporter's textfile collector", store_metrics_file},
           {"max_series", "integer, 100 to 1000000", "10000",
            "so many time series at most; details by prefix are left out first",
            [](const V& v, D& d) { put(d.config.metrics.max_series, v.integer(100, 1'000'000)); }},
       }},
      {"bgpd",
       {
           {"transports", "array of \"socket\", \"vtysh\", \"telnet\"",
            "[\"socket\", \"vtysh\", \"telnet\"]", "the ways into bgpd, in the order to try them",
            store_transports},
           {"as", "integer, 1 to 4294967294, or \"1.10\"", "read from bgpd",
            "the AS number of the BGP instance, for rules that name none",
            [](const V& v, D& d) { put(d.asn, as_number(v)); }},
           {"socket", "file",
            "found under /run/frr, /var/run/frr, /run/quagga, /var/run/quagga, else the only "
            "bgpd.vty that somebody listens at",
            "vtysh's own socket into bgpd",
            [](const V& v, D& d) { put(d.config.access.socket, v.socket_path_or_none()); }},
           {"vtysh", "program", "\"vtysh\"",
            "the vtysh program; a name without a slash is looked up in PATH",
            [](const V& v, D& d) { put(d.config.access.vtysh, v.program()); }},
           {"vtysh_socket_dir", "directory", "\"\"",
            "FRR: given to vtysh as --vty_socket; empty: vtysh's own default",
            [](const V& v, D& d) { put(d.config.access.vtysh_socket_dir, v.file_or_none()); }},
           {"telnet", "address and port", "\"127.0.0.1:2605\"", "bgpd's vty for telnet",
            [](const V& v, D& d) {
              put(d.config.access.telnet,
                  v.parsed(parse_vty_address, "an address and port, such as \"127.0.0.1:2605\""));
            }},
           {"password_file", "file", "none",
            "holds the vty password; only withdrawd may be able to read it",
            [](const V& v, D& d) { put(d.config.access.password_file, v.file_or_none()); }},
           {"enable_password_file", "file", "none",
            "holds the enable password; only withdrawd may be able to read it",
            [](const V& v, D& d) { put(d.config.access.enable_password_file, v.file_or_none()); }},
           {"socket_timeout", "duration", "\"1s\"", "for one answer on the socket",
            [](const V& v, D& d) { put(d.config.access.socket_timeout, v.duration(timeouts)); }},
           {"vtysh_timeout", "duration", "\"2s\"", "for one run of vtysh",
            [](const V& v, D& d) { put(d.config.access.vtysh_timeout, v.duration(timeouts)); }},
           {"telnet_timeout", "duration", "\"1s\"", "for the telnet log-in, and for one answer",
            [](const V& v, D& d) { put(d.config.access.telnet_timeout, v.duration(timeouts)); }},
           {"retry_transport", "duration", "\"5s\"",
            "a transport that failed is passed over for so long",
            [](const V& v, D& d) { put(d.config.access.retry_after, v.duration()); }},
           {"reconcile_interval", "duration", "\"10s\"", "bgpd is read back at least so often",
            [](const V& v, D& d) {
              put(d.config.settings.reconcile_interval, v.duration(intervals));
            }},
           {"pid_file", "file", "found by its socket or name", "holds the process id of bgpd",
            [](const V& v, D& d) { put(d.config.process.pid_file, v.file_or_none()); }},
           {"process_name", "string, at most 15 bytes", "\"bgpd\"", "the process name of bgpd",
            store_process_name},
           {"restart", "array of strings", "the service that bgpd belongs to",
            "the program that restarts bgpd, and its arguments; no shell", store_restart},
           {"restart_timeout", "duration", "\"30s\"", "for one run of the restart program",
            [](const V& v, D& d) { put(d.config.process.restart_timeout, v.duration(timeouts)); }},
           {"settle", "duration", "\"2s\"", "bgpd is left alone for so long after a restart",
            store_settle},
       }},
      {"fallback",
       {
           {"after", "duration", "\"5s\"",
            "a sick prefix that is still announced for so long: kill bgpd",
            [](const V& v, D& d) { put(d.config.settings.fallback.after, v.duration()); }},
           {"restart_delay", "duration", "\"2s\"",
            "before bgpd is started again; doubles with each kill",
            [](const V& v, D& d) { put(d.config.settings.fallback.restart_delay, v.duration()); }},
           {"restart_delay_max", "duration", "\"10min\"", "the longest that the delay doubles to",
            [](const V& v, D& d) {
              put(d.config.settings.fallback.restart_delay_max, v.duration());
            }},
       }},
      {"fleet",
       {
           {"endpoints", "array of URLs", required,
            "the members of the etcd cluster, tried in turn", store_endpoints},
           {"site", "name", required, "this site's name, which no other one of the group has",
            [](const V& v, D& d) { put(d.fleet.site, fleet_name(v)); }},
           {"group", "name", "\"withdrawd\"", "the sites that guard their prefixes together",
            [](const V& v, D& d) { put(d.fleet.group, fleet_name(v)); }},
           {"keep_announcing", "integer, 0 to 100, or percentage", "1",
            "a prefix is withdrawn only while so many other sites announce it healthy; a "
            "percentage is of the live sites; 0: it is not guarded",
            [](const V& v, D& d) { put(d.fleet.keep_announcing, fleet_floor(v)); }},
           {"when_unreachable", "\"withdraw\" or \"hold\"", "\"withdraw\"",
            "what is done with a sick prefix when etcd does not answer in time",
            [](const V& v, D& d) {
              put(d.fleet.hold_when_unreachable, v.one_of(without_the_fleet));
            }},
           {"timeout", "duration, 1ms to 10s", "\"250ms\"",
            "a withdrawal waits no longer than that for etcd's answer",
            [](const V& v, D& d) { put(d.fleet.timeout, v.duration(fleet_timeouts)); }},
           {"lease", "duration, 2s to 5min", "\"10s\"",
            "a site that has not been heard of for so long does not count",
            [](const V& v, D& d) { put(d.config.fleet.lease, v.duration(leases)); }},
           {"user", "name", "none", "log in to etcd as this user", store_user},
           {"password_file", "file", "none",
            "holds that user's password; only withdrawd may be able to read it",
            [](const V& v, D& d) { put(d.config.fleet.password_file, v.file()); }},
           {"ca", "file", "the system's", "certificates that vouch for etcd's, PEM",
            [](const V& v, D& d) { put(d.config.fleet.ca, v.file()); }},
           {"cert", "file", "none", "the certificate that withdrawd shows to etcd, PEM",
            [](const V& v, D& d) { put(d.config.fleet.cert, v.file()); }},
           {"key", "file", "none", "the private key of cert, PEM",
            [](const V& v, D& d) { put(d.config.fleet.key, v.file()); }},
       }}};
  return sections;
}

const Section<CheckDraft>& check_section() {
  using D = CheckDraft;
  using V = Value;
  static const Section<D> section{
      "check.NAME",
      {
          {"type", "\"dns\", \"exec\", \"address\" or \"file\"", "\"dns\"",
           "what is asked: a DNS server, a command, this host's addresses, or for a file",
           [](const V& v, D& d) { d.type = v.one_of(check_types); }},
          {"server", "address, perhaps with a port", required, "the DNS server to ask",
           [](const V& v, D& d) {
             put(d.question.server, v.parsed(parse_server, "an address, such as \"127.0.0.1\""));
           },
           CheckType::dns},
          {"name", "domain name", required, "what is asked for: something that users ask for",
           [](const V& v, D& d) {
             put(d.question.name,
                 v.parsed(core::parse_domain_name, "a domain name, such as \"www.test.com\""));
           },
           CheckType::dns},
          {"port", "integer, 1 to 65535", "53", "the DNS server's port",
           [](const V& v, D& d) { put(d.port, v.integer(1, 65535)); }, CheckType::dns},
          {"transport", "\"udp\", \"tcp\" or \"both\"", "\"udp\"",
           "UDP (and TCP when the answer is truncated), TCP alone, or both, which must both be ok",
           [](const V& v, D& d) { put(d.question.transport, v.one_of(dns_transports)); },
           CheckType::dns},
          {"qtype", "type of records", "\"A\"", "what type of records is asked for",
           [](const V& v, D& d) {
             put(d.question.type, v.parsed(core::RecordType::parse, "a type, such as \"AAAA\""));
           },
           CheckType::dns},
          {"class", "\"IN\" or \"CH\"", "\"IN\"", "CH is for questions such as TXT hostname.bind",
           [](const V& v, D& d) { put(d.question.klass, v.one_of(dns_classes)); }, CheckType::dns},
          {"rcode",
           "\"NOERROR\", \"FORMERR\", \"SERVFAIL\", \"NXDOMAIN\", \"NOTIMP\" or \"REFUSED\"",
           "\"NOERROR\"", "the answer's code that is ok; any but NOERROR is ok by itself",
           [](const V& v, D& d) { put(d.question.expect.rcode, v.one_of(rcodes)); },
           CheckType::dns},
          {"expect_any", "array of strings", "any record will do",
           "one of these must be among the records: addresses, or other data as in a zone file",
           [](const V& v, D& d) { store_expected(v, d.question.expect.any); }, CheckType::dns},
          {"expect_all", "array of strings", "any record will do",
           "each of these must be among the records",
           [](const V& v, D& d) { store_expected(v, d.question.expect.all); }, CheckType::dns},
          {"min_answers", "integer, 0 to 1000", "1", "so many records, or more",
           [](const V& v, D& d) { put(d.question.expect.min_answers, v.integer(0, many)); },
           CheckType::dns},
          {"flags", "array of \"aa\", \"ad\"", "none", "must be set in the answer", store_flags,
           CheckType::dns},
          {"max_latency", "duration, at most 1h", "the timeout", "a slower answer is an error",
           [](const V& v, D& d) {
             if (const auto latency = v.duration(timeouts)) d.question.expect.max_latency = latency;
           },
           CheckType::dns},
          {"edns_size", "integer, 512 to 4096", "no EDNS without nsid or dnssec_ok",
           "ask with EDNS, for answers up to so many bytes over UDP",
           [](const V& v, D& d) { put(d.edns.size, v.integer(512, 4096)); }, CheckType::dns},
          {"nsid", "boolean", "false", "ask which server it is (RFC 5001), and show it",
           [](const V& v, D& d) { put(d.edns.nsid, v.boolean()); }, CheckType::dns},
          {"dnssec_ok", "boolean", "false", "ask for signatures, too (validating is dnssec's)",
           [](const V& v, D& d) { put(d.edns.dnssec_ok, v.boolean()); }, CheckType::dns},
          {"source", "address", "whichever the route says", "the address to ask from",
           [](const V& v, D& d) {
             if (const auto source =
                     v.parsed(core::Address::parse, "an address, such as \"192.0.2.1\""))
               d.question.source = source;
           },
           CheckType::dns},
          {"interface", "name of an interface", "any",
           "ask through this one only; or where the address must be",
           [](const V& v, D& d) {
             const auto interface = interface_name(v);
             put(d.question.interface, interface);
             put(d.address.interface, interface);
           },
           CheckType::dns | CheckType::address},
          {"interval", "duration, at least 10ms", "\"800ms\"", "from one question to the next",
           [](const V& v, D& d) { put(d.policy.interval, v.duration(intervals)); }},
          {"fast_interval", "duration, at least 10ms", "\"200ms\"",
           "the same while health is about to change; never longer than the interval (hard mode: "
           "the interval)",
           [](const V& v, D& d) { put(d.policy.fast_interval, v.duration(intervals)); }},
          {"timeout", "duration, at most 1h", "\"800ms\"",
           "for all tries together; or for the command, which is killed then",
           [](const V& v, D& d) {
             const auto timeout = v.duration(timeouts);
             put(d.question.timeout, timeout);
             put(d.exec.timeout, timeout);
           },
           CheckType::dns | CheckType::exec},
          {"tries", "integer, 1 to 1000", "2",
           "questions inside the timeout, 10ms or more for each; over UDP one more after an "
           "interval of silence",
           [](const V& v, D& d) { put(d.question.tries, v.integer(1, many)); }, CheckType::dns},
          {"rise", "integer, 1 to 1000", "3",
           "good answers in a row that make it up (hard mode: 1)",
           [](const V& v, D& d) { put(d.policy.rise, v.integer(1, many)); }},
          {"fall", "integer, 1 to 1000", "1", "bad answers in a row that make it down",
           [](const V& v, D& d) { put(d.policy.fall, v.integer(1, many)); }},
          {"watch", "process name, or file", "none",
           "when a process of that name dies, or the one whose pid stands in the file, the check "
           "is "
           "asked at once",
           store_watch},
          {"serial_from", "address, perhaps with a port", "none",
           "with qtype SOA: the server whose serial this one must have; one out of reach is no "
           "fault of this one",
           [](const V& v, D& d) {
             d.serial_from = v.parsed(parse_other_server, "an address, such as \"192.0.2.53\"");
           },
           CheckType::dns},
          {"serial_lag", "integer, 0 to 2147483647", "0",
           "how far behind it the serial may be (RFC 1982)",
           [](const V& v, D& d) { put(d.serial_lag, v.integer(0, 2147483647)); }, CheckType::dns},
          {"dnssec", "\"off\" or \"validate\"", "\"off\"",
           "validate: the answer must be signed, with a chain of keys from trust_anchor, for which "
           "the same server is asked; a negative one must be proven",
           [](const V& v, D& d) { put(d.validate, v.one_of(validations)); }, CheckType::dns},
          {"trust_anchor", "file, or array of strings", "none",
           "DS or DNSKEY records as in a zone file (unbound's root.key), read with the "
           "configuration, of the zone itself or one above; a server that is no resolver has "
           "its own zones only, so then of the zone itself",
           store_trust_anchor, CheckType::dns},
          {"signature_margin", "duration", "none",
           "signatures that expire sooner than this are an error already",
           [](const V& v, D& d) { put(d.dnssec.margin, v.duration()); }, CheckType::dns},
          {"command", "array of strings", required,
           "the program, and its arguments; exit status 0 is ok; no shell", store_check_command,
           CheckType::exec},
          {"address", "address", required, "must be on an interface that is up",
           [](const V& v, D& d) {
             put(d.address.address,
                 v.parsed(core::Address::parse, "an address, such as \"192.0.2.1\""));
           },
           CheckType::address},
          {"path", "file", required, "the file that is looked for",
           [](const V& v, D& d) { put(d.file.path, v.file()); }, CheckType::file},
          {"present", "\"down\", \"up\" or \"drain\"", "\"down\"",
           "what the file's presence means; drain: rules that name it are drained",
           [](const V& v, D& d) { put(d.file.present, v.one_of(presences)); }, CheckType::file},
      }};
  return section;
}

const Section<RuleDraft>& rule_section() {
  using D = RuleDraft;
  using V = Value;
  static const Section<D> section{
      "rule.NAME",
      {
          {"prefixes", "array of prefixes", "required unless mode = \"hard\"",
           "withdrawn while too few checks are up", store_prefixes},
          {"checks", "array of names of checks", required, "what the prefixes depend on",
           store_check_names},
          {"require", "\"all\", \"any\" or integer, 1 to 1000", "\"all\"",
           "so many of the checks must be up", store_require},
          {"vrf", "name", "the only BGP instance there is",
           "the VRF of the BGP instance; \"default\" is the instance without a name",
           [](const V& v, D& d) { put(d.vrf, vty_name(v)); }},
          {"view", "name", "the only BGP instance there is", "the view of the BGP instance",
           [](const V& v, D& d) { put(d.view, vty_name(v)); }},
          {"as", "integer, 1 to 4294967294, or \"1.10\"", "that of [bgpd], else read from bgpd",
           "the AS number of the BGP instance",
           [](const V& v, D& d) { put(d.rule.instance.asn, as_number(v)); }},
          {"route_map", "name", "what bgpd had", "announce with this route-map",
           [](const V& v, D& d) { put(d.rule.route_map, vty_name(v)); }},
          {"on_down", "\"withdraw\" or { route_map = \"NAME\" }", "\"withdraw\"",
           "while too few checks are up: withdrawn, or announced with that route-map",
           [](const V& v, D& d) { store_way(v, d.rule.on_down); }},
          {"on_drain", "\"withdraw\" or { route_map = \"NAME\" }", "\"withdraw\"",
           "while an operator drains it: withdrawn, or announced with that route-map",
           [](const V& v, D& d) { store_way(v, d.rule.on_drain); }},
          {"drain_grace", "duration", "never withdrawn",
           "with a route-map in on_drain: withdrawn after so long a drain",
           [](const V& v, D& d) { put(d.rule.drain_grace, v.duration()); }},
          {"damping", "boolean", "true", "a prefix that flaps stays down until it has calmed",
           [](const V& v, D& d) { put(d.rule.damping.on, v.boolean()); }},
          {"half_life", "duration, 1s to 24h", "\"5min\"",
           "in which the penalty for flapping halves; each withdrawal adds 1000",
           [](const V& v, D& d) { put(d.rule.damping.half_life, v.duration(half_lives)); }},
          {"suppress", "integer, 1000 to 1000000", "5000", "a penalty over this keeps it down",
           [](const V& v, D& d) {
             put(d.rule.damping.suppress, v.integer(penalty, most_penalty));
           }},
          {"reuse", "integer, 1 to 1000000", "2000", "until the penalty is under this",
           [](const V& v, D& d) { put(d.rule.damping.reuse, v.integer(1, most_penalty)); }},
          {"group", "name of a group", "none",
           "the [group.NAME] of which so many prefixes stay announced", store_group},
          {"keep_announcing", "integer, 0 to 100, or percentage", "that of [fleet]",
           "its prefixes are withdrawn only while so many other sites announce them healthy",
           [](const V& v, D& d) {
             if (const auto floor = fleet_floor(v)) d.rule.keep_announcing = floor;
           }},
          {"at_start", "\"keep\" or \"withdraw\"", "\"keep\"",
           "until the first verdict: as it is, or withdrawn",
           [](const V& v, D& d) { put(d.rule.withdraw_at_start, v.one_of(withdraws)); }},
          {"on_exit", "\"keep\" or \"withdraw\"", "\"keep\"",
           "when the daemon ends: as it is, or withdrawn",
           [](const V& v, D& d) { put(d.rule.withdraw_on_exit, v.one_of(withdraws)); }},
          {"fallback", "\"hard\" or \"never\"", "\"hard\"",
           "\"never\": never kill bgpd for this rule's sake",
           [](const V& v, D& d) { put(d.rule.may_fall_back, v.one_of(may_fall_back)); }},
      }};
  return section;
}

const Section<GroupDraft>& group_section() {
  static const Section<GroupDraft> section{
      "group.NAME",
      {
          {"min_announced", "integer, or percentage", required,
           "so many prefixes of its rules stay announced, sick ones if need be", store_least},
      }};
  return section;
}

std::vector<KeyInfo> known_keys() {
  std::vector<KeyInfo> keys;
  const auto add = [&keys](const auto& section) {
    for (const auto& key : section.keys) {
      const auto types = key.of.bits == every_check.bits ? "" : text(key.of);
      keys.push_back({std::string(section.title), std::string(key.name), std::string(key.type),
                      std::string(key.fallback), std::string(key.meaning), types,
                      may_be_default(key.name)});
    }
  };
  for (const auto& section : single_sections()) add(section);
  add(check_section());
  add(rule_section());
  add(group_section());
  return keys;
}

}  // namespace withdrawd::config
