#include "daemon/exposition.hpp"

#include <fmt/format.h>

#include <iterator>

namespace withdrawd::daemon {

std::string escaped_label(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

void Exposition::begin(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  head_ = fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
}

void Exposition::gauge(std::string_view name, std::string_view help) {
  begin(name, "gauge", help);
}

void Exposition::counter(std::string_view name, std::string_view help) {
  begin(name, "counter", help);
}

void Exposition::histogram(std::string_view name, std::string_view help) {
  begin(name, "histogram", help);
}

void Exposition::line(std::string_view suffix, Labels labels, std::string_view bound,
                      double value) {
  text_ += head_;
  head_.clear();
  text_ += name_;
  text_ += suffix;
  char open = '{';
  const auto add = [&](std::string_view name, std::string_view of) {
    text_ += open;
    text_ += name;
    text_ += "=\"";
    text_ += escaped_label(of);
    text_ += '"';
    open = ',';
  };
  for (const auto& [name, of] : labels) add(name, of);
  if (!bound.empty()) add("le", bound);
  if (open == ',') text_ += '}';
  fmt::format_to(std::back_inserter(text_), " {}\n", value);
  ++series_;
}

void Exposition::sample(Labels labels, double value) {
  line("", labels, "", value);
}

void Exposition::sample(Labels labels, const Histogram& value) {
  double count = 0;
  for (std::size_t i = 0; i < Histogram::bounds.size(); ++i) {
    count += static_cast<double>(value.counts()[i]);
    line("_bucket", labels, fmt::format("{}", Histogram::bounds[i]), count);
  }
  count += static_cast<double>(value.counts().back());
  line("_bucket", labels, "+Inf", count);
  line("_sum", labels, "", value.sum());
  line("_count", labels, "", count);
}

}  // namespace withdrawd::daemon
