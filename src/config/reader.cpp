#include "config/reader.hpp"

#include <fmt/format.h>
#include <sys/un.h>

#include <algorithm>

#include "config/byte_size.hpp"
#include "config/duration.hpp"
#include "config/near_miss.hpp"
#include "core/outcome.hpp"

namespace withdrawd::config {
namespace {

bool has_control_character(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

/// "\"soft\" or \"hard\"", "\"a\", \"b\" or \"c\""
std::string alternatives(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += fmt::format("\"{}\"", words[i]);
  }
  return text;
}

}  // namespace

std::string in_quotes(std::string_view text) {
  return fmt::format("\"{}\"", core::printable(text, 80));
}

std::string describe(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::string:
      return "the string " + in_quotes(**node.as_string());
    case toml::node_type::integer:
      return fmt::format("the number {}", **node.as_integer());
    case toml::node_type::floating_point:
      return fmt::format("the number {}", **node.as_floating_point());
    case toml::node_type::boolean:
      return fmt::format("the boolean {}", **node.as_boolean());
    case toml::node_type::array:
      return "an array";
    case toml::node_type::table:
      return "a table";
    default:
      return "a date or time";
  }
}

void Value::complain(const std::string& rest) const {
  complaints_->error(position(), fmt::format("{} {} {}{}", label_, verb_, describe(*node_), rest));
}

void Value::refuse(std::string_view expected, const std::string& suggestion) const {
  complain(fmt::format("; expected {}{}", expected, did_you_mean(suggestion)));
}

void Value::refuse(const core::Error& error) const {
  complain(": " + core::Error{"", error.happened, error.advice}.text());
}

bool Value::is_empty_string() const {
  const auto* text = node_->as_string();
  return text && (*text)->empty();
}

std::optional<std::string> Value::string(std::string_view expected) const {
  if (const auto* text = node_->as_string()) return **text;
  refuse(expected);
  return {};
}

std::optional<bool> Value::boolean() const {
  if (const auto* boolean = node_->as_boolean()) return **boolean;
  refuse("true or false");
  return {};
}

std::optional<std::int64_t> Value::integer(std::int64_t least, std::int64_t most) const {
  const auto* number = node_->as_integer();
  if (number && **number >= least && **number <= most) return **number;
  refuse(fmt::format("a whole number from {} to {}", least, most));
  return {};
}

std::optional<core::Duration> Value::duration(const DurationLimits& limits) const {
  if (const auto* number = node_->as_integer(); number && **number > 0) {
    refuse(core::Error{"", "a duration carries a unit",
                       fmt::format("did you mean \"{0}ms\" or \"{0}s\"?", **number)});
    return {};
  }
  const auto span = parsed(parse_duration, "a duration with its unit, as in \"800ms\" or \"5s\"");
  if (!span) return {};
  if (*span < limits.least) {
    refuse(fmt::format("at least \"{}\"", written(limits.least)));
    return {};
  }
  if (*span > limits.most) {
    refuse(fmt::format("at most \"{}\"", written(limits.most)));
    return {};
  }
  return span;
}

std::optional<std::size_t> Value::word_index(const std::vector<std::string>& words) const {
  const auto text = string(alternatives(words));
  if (!text) return {};
  const auto found = std::ranges::find(words, *text);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  refuse(alternatives(words), near_miss(*text, words));
  return {};
}

std::optional<std::int64_t> Value::bytes(const ByteLimits& limits) const {
  const std::string_view expected = "a number of bytes, such as 500000 or \"1MB\"";
  const auto* number = node_->as_integer();
  const auto bytes = number ? std::optional(**number) : parsed(parse_byte_size, expected);
  if (!bytes || (*bytes >= limits.least && *bytes <= limits.most)) return bytes;
  refuse(fmt::format("{} to {} bytes", limits.least, limits.most));
  return {};
}

std::optional<std::filesystem::path> Value::path(std::string_view expected) const {
  const auto text = string(expected);
  if (!text) return {};
  if (has_control_character(*text)) {
    complain("; a path must not contain control characters");
  } else if (text->empty()) {
    refuse(expected);
  } else {
    return std::filesystem::path(*text);
  }
  return {};
}

std::optional<std::filesystem::path> Value::file() const {
  if (is_empty_string()) {
    complain("; a path must be absolute");
    return {};
  }
  auto file = path("the absolute path of a file");
  if (!file || file->is_absolute()) return file;
  complain("; a path must be absolute");
  return {};
}

std::optional<std::filesystem::path> Value::file_or_none() const {
  return is_empty_string() ? std::filesystem::path() : file();
}

std::optional<std::filesystem::path> Value::socket_path() const {
  auto path = file();
  // The terminating NUL needs a byte, too.
  constexpr auto longest = sizeof(sockaddr_un::sun_path) - 1;
  if (!path || path->native().size() <= longest) return path;
  complain(fmt::format("; the path of a socket has {} bytes at most", longest));
  return {};
}

std::optional<std::filesystem::path> Value::socket_path_or_none() const {
  return is_empty_string() ? std::filesystem::path() : socket_path();
}

std::optional<std::filesystem::path> Value::program() const {
  const auto* text = node_->as_string();
  const bool is_name = text && !(*text)->empty() && (*text)->find('/') == std::string::npos;
  if (is_name && !has_control_character(**text)) return std::filesystem::path(**text);
  return file();
}

std::optional<Value> Value::only_member(std::string_view key, std::string_view expected) const {
  const auto* table = node_->as_table();
  const auto* member = table && table->size() == 1 ? table->get(key) : nullptr;
  if (member) return Value(*member, label_, *complaints_, "has");
  refuse(expected);
  return {};
}

std::optional<std::vector<Value>> Value::elements(std::string_view expected) const {
  const auto* array = node_->as_array();
  if (!array) {
    refuse(expected);
    return {};
  }
  if (array->empty()) {
    complaints_->error(position(), fmt::format("{} is empty; expected {}", label_, expected));
    return {};
  }
  std::vector<Value> values;
  for (const auto& element : *array) values.emplace_back(element, label_, *complaints_, "has");
  return values;
}

}  // namespace withdrawd::config
