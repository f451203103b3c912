#include "daemon/requests.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <utility>

#include "core/outcome.hpp"
#include "core/visible.hpp"
#include "daemon/json_fields.hpp"

namespace withdrawd::daemon {
namespace json = boost::json;
namespace {

using Verb = Request::Verb;
constexpr std::array<std::pair<std::string_view, Verb>, 5> verbs{{{"status", Verb::status},
                                                                  {"drain", Verb::drain},
                                                                  {"undrain", Verb::undrain},
                                                                  {"reload", Verb::reload},
                                                                  {"now", Verb::now}}};
constexpr std::int64_t longest_drain = std::int64_t{366} * 24 * 3600 * 1000;

/// The same whether or not it was made visible before.
std::string text_of(const json::object& object, std::string_view key, std::size_t longest) {
  std::string text = core::visible(text_in(object, key));
  if (text.size() > longest) text.replace(longest, text.npos, "...");
  return text;
}

std::unexpected<core::Error> wrong(const std::string& what) {
  return std::unexpected(core::Error{"read a request", what,
                                     "the two withdrawd may be of different "
                                     "versions: restart the daemon"});
}

}  // namespace

std::string Request::line() const {
  const auto word = std::ranges::find(verbs, verb, &std::pair<std::string_view, Verb>::second);
  // What was typed need not be UTF-8, and JSON must be.
  json::object object{
      {"target", core::visible(target)}, {"who", core::visible(who)}, {"why", core::visible(why)}};
  if (length) {
    object["for_ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(*length).count();
  }
  if (force) object["force"] = true;
  std::string line(word->first);
  if (verb == Verb::drain || verb == Verb::undrain) line += " " + json::serialize(object);
  return line;
}

core::Result<Request> Request::parse(std::string_view line) {
  const std::string_view word = line.substr(0, line.find(' '));
  const auto known = std::ranges::find(verbs, word, &std::pair<std::string_view, Verb>::first);
  if (known == verbs.end()) {
    return wrong("unknown request \"" + core::printable(word, 60) +
                 "\"; known: status, drain, undrain, reload, now");
  }
  Request request;
  request.verb = known->second;
  if (request.verb != Verb::drain && request.verb != Verb::undrain) return request;
  boost::system::error_code error;
  const json::value value = json::parse(line.substr(std::min(word.size() + 1, line.size())), error);
  const json::object* object = value.if_object();
  if (error || !object)
    return wrong("what stands behind \"" + std::string(word) + "\" is no object");
  request.target = text_of(*object, "target", 200);
  request.who = text_of(*object, "who", 60);
  if (request.who.empty()) request.who = "somebody";
  request.why = text_of(*object, "why", 200);
  if (const auto* force = object->if_contains("force")) {
    request.force = force->is_bool() && force->get_bool();
  }
  if (const auto* length = object->if_contains("for_ms")) {
    if (!length->is_int64() || length->get_int64() <= 0 || length->get_int64() > longest_drain) {
      return wrong("the time is not one of at most a year");
    }
    request.length = std::chrono::milliseconds(length->get_int64());
  }
  return request;
}

core::Result<std::string> read_said(std::string_view answer) {
  boost::system::error_code error;
  const json::value value = json::parse(answer, error);
  const json::object* object = error ? nullptr : value.if_object();
  if (object) {
    if (const auto* said = object->if_contains("said"); said && said->is_string()) {
      return core::visible(said->get_string());
    }
    if (const auto* refused = object->if_contains("error"); refused && refused->is_string()) {
      return std::unexpected(core::Error{core::visible(refused->get_string()), "", ""});
    }
  }
  return std::unexpected(core::Error{"understand the running withdrawd",
                                     "it answered something else",
                                     "the two may be of different versions: restart it"});
}

std::optional<core::Drain> drain_of(const Request& request, core::Time now) {
  if (request.verb == Verb::undrain) return std::nullopt;
  core::Drain drain{request.who, request.why, now, {}, request.force};
  if (request.length) drain.until = now + *request.length;
  return drain;
}

std::string drained_text(const Request& request, std::size_t prefixes) {
  const std::string what = fmt::format("{} prefix{}", prefixes, prefixes == 1 ? "" : "es");
  if (request.verb == Verb::undrain) return what + " no longer drained";
  return request.length ? fmt::format("{} drained for {}", what, core::describe(*request.length))
                        : what + " drained, until `withdrawd undrain`";
}

}  // namespace withdrawd::daemon
